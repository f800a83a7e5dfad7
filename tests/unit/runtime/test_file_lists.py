"""Lists in files: what becomes of their items, what is refused and why, and what a look costs."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import load_text
from exporter.config.target_models import LONGEST_LABEL, LONGEST_LABELS
from exporter.runtime import target_builder, target_groups
from exporter.runtime.file_lists import FileLists
from exporter.runtime.target_builder import ListResult, Owns
from exporter.runtime.target_groups import (
    MAX_ITEM,
    MAX_LABELS_SIZE,
    MOST_PARTS,
    ListText,
    TargetGroup,
)
from exporter.settings import FileSd, Target
from exporter.systems import SYSTEMS
from exporter.text import printable

CLANFORGE = 'system: clanforge, url: "http://api"'
UCS = "system: genesys_ucs"


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., FileLists]:
    def make(
        entry: str = UCS,
        patterns: str = '"*.json", "*.yaml"',
        owns: Owns = lambda _: True,
        refresh: float = 300.0,
    ) -> FileLists:
        text = f"discovery: [{{{entry}, file_sd: {{files: [{patterns}]}}}}]"
        (one,) = load_text(text, "config.yaml", tmp_path, SYSTEMS).discoveries
        assert isinstance(one.source, FileSd)
        return FileLists(replace(one.source, refresh_interval=refresh), one.template, owns)

    return make


Make = Callable[..., FileLists]


def put(path: Path, text: str) -> None:
    """Replace the file in one step, as configuration management does."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def targets(look: ListResult) -> dict[str, Target]:
    assert look.built is not None
    return dict(look.built.targets)


async def test_items_are_the_parameter_of_a_system_that_has_one(
    files: Make, tmp_path: Path
) -> None:
    put(tmp_path / "a.json", '[{"targets": ["17", "18"]}]')
    look = await files(f'{CLANFORGE}, name: "cf-{{item}}", params: {{match_info: "true"}}').look()

    assert [
        (one.name, one.url, one.params["serverid"], one.params["match_info"])
        for one in targets(look).values()
    ] == [("cf-17", "http://api", "17", "true"), ("cf-18", "http://api", "18", "true")]


@pytest.mark.parametrize(
    ("entry", "item", "url"),
    [
        (UCS, "10.0.0.1:8080", "http://10.0.0.1:8080"),
        (UCS, "[::1]:8080", "http://[::1]:8080"),
        (UCS, "https://ucs.example.com/cv/", "https://ucs.example.com/cv"),
        (f'{UCS}, url: "https://{{item}}:8443/cv"', "ucs", "https://ucs:8443/cv"),
        (f'{UCS}, url: "http://ucs:{{item}}"', "8080", "http://ucs:8080"),
    ],
)
async def test_items_are_addresses_everywhere_else(
    files: Make, tmp_path: Path, entry: str, item: str, url: str
) -> None:
    put(tmp_path / "a.yaml", f'- targets: ["{item}"]')
    look = await files(entry).look()

    assert [(one.name, one.url) for one in targets(look).values()] == [(item, url)]


async def test_labels_of_the_group_win_and_meta_labels_are_dropped(
    files: Make, tmp_path: Path
) -> None:
    text = """
- targets: [17]
  labels: {site: ams, rack: "", __meta_x: y, __param_query_info: "false", no: 7}
"""
    put(tmp_path / "a.yaml", text)
    look = await files(f"{CLANFORGE}, labels: {{site: fra, rack: r1, game: g}}").look()
    one = targets(look)["17"]

    assert dict(one.labels) == {"site": "ams", "game": "g", "no": "7"}
    assert one.params["query_info"] == "false"


async def test_durations_and_client_are_the_entrys_or_those_of_global(tmp_path: Path) -> None:
    text = """
global: {interval: 30s, timeout: 3s}
clients: {c: {basic_auth: {username: u, password: p}}}
discovery:
  - {system: genesys_ucs, client: c, timeout: 4s, file_sd: {files: ["*.json"]}}
  - {system: genesys_ucs, interval: 1m, file_sd: {files: ["*.json"]}}
"""
    put(tmp_path / "a.json", '[{"targets": ["a"]}]')
    settings = load_text(text, "config.yaml", tmp_path, SYSTEMS)
    a, b = (one.template.make("a", {}) for one in settings.discoveries)

    assert (a.interval, a.timeout, a.max_age, a.client.name) == (30, 4, 90, "c")
    assert (b.interval, b.timeout, b.max_age, b.client.name) == (60, 3, 180, "")
    assert [one.name for one in settings.discoveries] == ["file_sd:*.json", "file_sd:*.json#2"]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", "", "a.json:1:1: not valid JSON: Expecting value"),
        ("a.json", '[{"targets": ["a"', "a.json:1:18: not valid JSON: Expecting ',' delimiter"),
        ("a.json", "[" * 200_000, "a.json: not valid JSON: too many levels"),
        ("a.json", "{}", "a.json:1:1: the list must be a list of groups; [] for none"),
        ("a.json", "[NaN]", "a.json: not valid JSON: NaN is no number"),
        ("a.json", '[{"labels": {"a": "", "a": ""}}]', 'a.json: not valid JSON: the key "a" is given twice'),
        ("a.json", "[null]", "a.json:1:2: [0]: a group is a mapping with targets and labels"),
        ("a.json", '[{"targets": "a"}]', "a.json:1:3: [0].targets: must be a list"),
        ("a.json", '[{"targets": [17]}]', "a.json:1:15: [0].targets[0]: must be a text; quote it"),
        ("a.json", '[{"labels": []}]', "a.json:1:3: [0].labels: must be a mapping of keys to values"),
        ("a.json", '[{"labels": {"a": 1}}]', "a.json:1:14: [0].labels.a: must be a text; quote it"),
        ("a.json", '[{"source": "x"}]', "a.json:1:3: [0].source: unknown key; known: labels, targets"),
        ("a.json", '[{"targets": ["\\ud800"]}]', "a.json: [0].targets[0]: this is not valid UTF-8"),
        ("a.json", '[{"\\u001b[2J": 1}]', "a.json:1:3: [0]....: unknown key; known: labels, targets"),
        ("a.yaml", "", "a.yaml:1:1: the file must be a list of groups; [] for none"),
        ("a.yaml", "- targets: [a", "a.yaml:2:1: not valid YAML: did not find expected ',' or ']'"),
        ("a.yaml", "targets: [a]", "a.yaml:1:1: the file must be a list of groups; [] for none"),
        ("a.yaml", "- targets: [a]\n  targets: [b]", "a.yaml:2:3: [0].targets: given twice, first in line 1"),
        ("a.yaml", "- targets: [true]", "a.yaml:1:13: [0].targets[0]: must be a text; quote it"),
        ("a.yaml", "- target: [a]", 'a.yaml:1:3: [0].target: unknown key; did you mean "targets"?'),
        (
            "a.yaml",
            "- targets: [a, b c]",
            "a.yaml:1:16: [0].targets[1]: a target's url begins with http:// or https:// and a host",
        ),
        (
            "a.yaml",
            "- targets: [a]\n  labels: {le: y}",
            'a.yaml:2:3: [0].labels: the label "le" is used by the metrics themselves',
        ),
        (
            "a.yaml",
            "- targets: [a]\n  labels: {__param_x: y}",
            'a.yaml:2:3: [0].labels: genesys_ucs has no parameter "x"; known: none',
        ),
        (
            "a.yaml",
            '- targets: ["a b"]\n- targets: ["u:canary@h", "a?b"]',
            "a.yaml:1:13: [0].targets[0]: a target's url begins with http:// or https:// and a host (and 2 more)",
        ),
    ],
)  # fmt: skip
async def test_a_bad_list_is_refused_with_its_reason(
    files: Make, tmp_path: Path, name: str, text: str, why: str
) -> None:
    put(tmp_path / name, text)
    look = await files().look()

    assert [fault.removeprefix(f"{tmp_path}/") for fault in look.faults.values()] == [why]
    assert (look.failures, targets(look)) == (1, {})
    assert "canary" not in str(look.faults)


@pytest.mark.parametrize(
    ("entry", "text", "why"),
    [
        (
            f'{UCS}, url: "https://{{item}}"',
            '- targets: ["http://a"]',
            "[0].targets[0]: a whole URL stands for itself: leave url out of the entry",
        ),
        (CLANFORGE, '- targets: [".."]', '[0].targets[0]: serverid cannot be ".."'),
        (
            UCS,
            f"- {{targets: [a], labels: {{site: {'x' * (LONGEST_LABEL + 1)}}}}}",
            '[0].labels: the text of "site" has more than 1024 characters',
        ),
        (
            UCS,
            f"- {{targets: [a], labels: {{? {'x' * LONGEST_LABELS} : y}}}}",
            "[0].labels: together they have more than 8192 characters",
        ),
        (
            CLANFORGE,
            f"- {{targets: [{'1' * (MAX_ITEM + 1)}]}}",
            "[0].targets[0]: has more than 2048 characters",
        ),
        (
            CLANFORGE,
            "- {targets: [1, 2], labels: {__param_serverid: 3}}",
            "[0].labels: serverid is what the items are",
        ),
    ],
)
async def test_an_item_must_fit_its_entry(
    files: Make, tmp_path: Path, entry: str, text: str, why: str
) -> None:
    put(tmp_path / "a.yaml", text)
    look = await files(entry).look()

    assert [fault.split(": ", 1)[1] for fault in look.faults.values()] == [why]


async def test_a_list_that_is_wrong_throughout_is_told_by_its_first_faults(
    files: Make, tmp_path: Path
) -> None:
    put(tmp_path / "a.yaml", "- targets:\n" + "  - a b\n" * 500)
    look = await files().look()

    (why,) = look.faults.values()
    assert why.endswith("(and 19 more)")


async def test_a_list_that_repeats_itself_without_end_is_refused(
    files: Make, tmp_path: Path
) -> None:
    again = "- *one\n" * (MOST_PARTS // 1000 + 1)
    put(tmp_path / "a.yaml", f"- &one {{targets: [{'a, ' * 1000}]}}\n{again}")
    put(tmp_path / "b.yaml", f"- &one {{targets: [b], labels: {{c: d}}}}\n{again}")
    look = await files().look()

    assert [*targets(look)] == ["b"]
    assert [fault.split("/")[-1] for fault in look.faults.values()] == [
        "a.yaml: its aliases stand for 202607 parts, which is too many",
    ]


async def test_a_list_of_too_many_targets_is_refused(files: Make, tmp_path: Path) -> None:
    put(tmp_path / "a.yaml", f"- targets: [{'a, ' * (MOST_PARTS + 1)}]\n")
    look = await files().look()

    assert [fault.split("/")[-1] for fault in look.faults.values()] == [
        f"a.yaml: more than {MOST_PARTS} targets and labels"
    ]


async def test_a_json_list_of_too_many_parts_is_not_parsed(
    files: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "loads", None)
    put(tmp_path / "a.json", f"[{'[],' * (5 * MOST_PARTS)}[]]")
    look = await files().look()

    (why,) = look.faults.values()
    assert why.endswith(f"a.json: more than {MOST_PARTS} targets and labels")


async def test_a_yaml_list_of_too_many_parts_is_not_built(files: Make, tmp_path: Path) -> None:
    put(tmp_path / "a.yaml", f"[{'{},' * (5 * MOST_PARTS)}]")
    look = await files().look()

    (why,) = look.faults.values()
    assert why.endswith(f"more than {5 * MOST_PARTS} keys and values")


async def test_the_labels_of_all_targets_together_are_bounded(files: Make, tmp_path: Path) -> None:
    items = ", ".join(f"a{number}" for number in range(1000))
    put(tmp_path / "a.yaml", f"- {{targets: [{items}], labels: {{__meta_x: {'x' * 70_000}}}}}")
    look = await files().look()

    (why,) = look.faults.values()
    assert why.endswith(f"the labels of all targets have more than {MAX_LABELS_SIZE} characters")


class _Key(str):
    """A key that counts how often it is compared."""

    compared = 0
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        _Key.compared += 1
        return str.__eq__(self, str(other))


def test_a_key_that_is_given_twice_is_found_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Key, "compared", 0)
    pairs: list[tuple[str, object]] = [(_Key(number), 1) for number in (*range(5000), 4999)]
    with pytest.raises(ValueError, match='the key "4999" is given twice'):
        target_groups.once(pairs)

    assert _Key.compared < 100


@pytest.mark.parametrize(
    "group", [{"x" * 10**6: 1}, {"targets": ["x" * 10**6]}, {"labels": {"x" * 10**6: 1}}]
)
async def test_a_fault_is_short_however_long_a_key_or_item_is(
    files: Make, tmp_path: Path, group: dict[str, object]
) -> None:
    put(tmp_path / "a.json", json.dumps([group]))
    look = await files().look()

    (why,) = look.faults.values()
    assert len(why) < 600


@pytest.mark.parametrize("depth", [13, 24, 30])
async def test_nested_merge_keys_are_refused(files: Make, tmp_path: Path, depth: int) -> None:
    lists = ["- &m0 {targets: [a]}"]
    lists += [f"- &m{n + 1} {{<<: [*m{n}, *m{n}]}}" for n in range(depth)]
    put(tmp_path / "a.yaml", "\n".join(lists))
    look = await files().look()

    (why,) = look.faults.values()
    assert why.endswith("parts, which is too many")


async def test_a_list_that_takes_too_long_is_refused_and_the_old_one_stays(
    files: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = files()
    put(tmp_path / "a.json", '[{"targets": ["a"]}]')
    await watched.look()
    monkeypatch.setattr(target_builder, "_MAX_SECONDS", -1.0)
    put(tmp_path / "a.json", json.dumps([{"targets": [f"a{number}" for number in range(50)]}]))
    look = await watched.look()

    (why,) = look.faults.values()
    assert why == "the list takes longer than -1s to read"
    assert [*targets(look)] == ["a"]


async def test_no_character_of_a_label_commands_a_terminal(files: Make, tmp_path: Path) -> None:
    put(tmp_path / "a.yaml", '- {targets: [a], labels: {site: "\\e[31mx\\u202ey\\u200b"}}')
    one = targets(await files().look())["a"]

    assert dict(one.labels) == {"site": "\ufffd[31mx\ufffdy\ufffd"}


@pytest.mark.parametrize("character", ["\\e", "\\x9b", "\\u202e", "\\u200b", "\\ufeff"])
async def test_a_name_has_printable_characters(files: Make, tmp_path: Path, character: str) -> None:
    put(tmp_path / "a.yaml", f'- {{targets: ["1{character}2"]}}')
    look = await files(CLANFORGE).look()

    (why,) = look.faults.values()
    assert "a name has 1 to 128 printable characters" in why
    assert printable(why) == why


async def test_what_is_no_text_or_no_file_is_refused(files: Make, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[\xff")
    (tmp_path / "b.json").mkdir()
    os.mkfifo(tmp_path / "c.json")
    (tmp_path / "d.json").write_bytes(b" " * (16 * 1024 * 1024 + 1))
    look = await files().look()

    assert [fault.removeprefix(f"{tmp_path}/") for fault in look.faults.values()] == [
        "a.json: not UTF-8 at byte 1",
        "b.json: Is a directory",
        "c.json: not a regular file",
        "d.json: more than 16777216 bytes",
    ]


async def test_a_bad_file_keeps_what_it_held_and_others_go_on(files: Make, tmp_path: Path) -> None:
    watched = files()
    put(tmp_path / "a.json", '[{"targets": ["a"]}]')
    put(tmp_path / "b.json", '[{"targets": ["b"]}]')
    await watched.look()
    put(tmp_path / "a.json", '[{"targets": ["a", "a2"')
    put(tmp_path / "b.json", '[{"targets": ["b", "b2"]}]')
    bad = await watched.look()
    again = await watched.look()
    put(tmp_path / "a.json", '[{"targets": ["a3"]}]')
    good = await watched.look()

    assert ([*targets(bad)], bad.failures, len(bad.faults)) == (["a", "b", "b2"], 1, 1)
    assert (again.built, again.failures, again.faults) == (None, 0, bad.faults)
    assert ([*targets(good)], good.failures, good.faults) == (["a3", "b", "b2"], 0, {})


async def test_a_file_that_goes_takes_its_targets_along(files: Make, tmp_path: Path) -> None:
    watched = files()
    none = await watched.look()
    put(tmp_path / "a.json", '[{"targets": ["a"]}]')
    put(tmp_path / "b.yml", "- targets: [b]")
    one = await watched.look()
    (tmp_path / "a.json").unlink()
    gone = await watched.look()

    assert none.built is None
    assert [*targets(one)] == ["a"]
    assert (targets(gone), gone.failures) == ({}, 0)


async def test_what_has_not_changed_is_read_only_at_the_refresh_interval(
    files: Make, tmp_path: Path
) -> None:
    put(tmp_path / "a.json", '[{"targets": ["a"]}]')
    seldom, always = files(), files(refresh=0.0)
    await seldom.look()
    first = await always.look()
    second = await always.look()

    assert (await seldom.look()).built is None
    assert targets(second)["a"] is targets(first)["a"]


async def test_what_stays_in_a_list_stays_the_same_target(files: Make, tmp_path: Path) -> None:
    watched = files()
    put(tmp_path / "a.json", '[{"targets": ["a", "b"], "labels": {"site": "x"}}]')
    before = targets(await watched.look())
    text = '[{"targets": ["c"]}, {"labels": {"site": "x"}, "targets": ["b"]}, {"targets": ["a"]}]'
    put(tmp_path / "a.json", text)
    after = targets(await watched.look())

    assert [*after] == ["c", "b", "a"]
    assert after["b"] is before["b"]
    assert dict(after["a"].labels) == {}


async def test_of_two_items_of_one_name_the_first_stays(files: Make, tmp_path: Path) -> None:
    put(tmp_path / "a.json", '[{"targets": ["a", "a"]}, {"targets": ["a"]}]')
    put(tmp_path / "b.json", '[{"targets": ["a", "b"], "labels": {"site": "x"}}]')
    look = await files().look()

    assert look.built
    assert {name: dict(one.labels) for name, one in look.built.targets.items()} == {
        "a": {},
        "b": {"site": "x"},
    }
    assert look.built.repeated == ("a",)


async def test_another_shards_targets_are_checked_and_left_out(files: Make, tmp_path: Path) -> None:
    watched = files(owns=lambda name: name == "a")
    put(tmp_path / "a.json", '[{"targets": ["a", "b"]}]')
    good = await watched.look()
    put(tmp_path / "a.json", '[{"targets": ["a", "b c"]}]')
    bad = await watched.look()

    assert [*targets(good)] == ["a"]
    assert bad.failures == 1


async def test_a_fault_in_a_large_list_is_told_without_its_line(
    files: Make, tmp_path: Path
) -> None:
    put(tmp_path / "a.json", '[{"targets": ["a b"]}' + " " * 2**20 + "]")
    look = await files().look()
    (why,) = look.faults.values()

    assert why.startswith(f"{tmp_path}/a.json: [0].targets[0]: ")


async def test_a_file_that_was_written_while_it_was_read_is_read_again(
    files: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, watched = tmp_path / "a.json", files()
    put(path, '[{"targets": ["a"]}]')
    real = ListText.groups

    def slow(text: ListText) -> tuple[TargetGroup, ...]:
        groups = real(text)
        path.write_text('[{"targets": ["a", "b"]}]')
        monkeypatch.setattr(ListText, "groups", real)
        return groups

    monkeypatch.setattr(ListText, "groups", slow)
    first, second, third = [await watched.look() for _ in range(3)]

    assert [*targets(first)] == ["a"]
    assert [*targets(second)] == ["a", "b"]
    assert third.built is None
