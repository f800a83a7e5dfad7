"""Lists in files that are refused: their faults, and limits of size and time."""

import json
import os
from pathlib import Path

import pytest

from exporter.config.target_models import LONGEST_LABEL, LONGEST_LABELS
from exporter.runtime import target_builder, target_groups
from exporter.runtime.target_groups import (
    MAX_ITEM,
    MAX_LABELS_SIZE,
    MAX_PARTS,
)
from exporter.text import printable
from support.file_sd import CLANFORGE, UCS, Make, replace_file, targets


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
        ("a.yaml", "- targets: [a", "a.yaml:2:1: not valid YAML: a bracket that opens in line 1 is not closed, or a comma is missing"),
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
            'a.yaml:2:3: [0].labels: the metrics have a label "le" already: choose another name',
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
    replace_file(tmp_path / name, text)
    look = await files().refresh()

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
    replace_file(tmp_path / "a.yaml", text)
    look = await files(entry).refresh()

    assert [fault.split(": ", 1)[1] for fault in look.faults.values()] == [why]


async def test_of_many_faults_of_a_list_the_first_are_reported(files: Make, tmp_path: Path) -> None:
    replace_file(tmp_path / "a.yaml", "- targets:\n" + "  - a b\n" * 500)
    look = await files().refresh()

    (why,) = look.faults.values()
    assert why.endswith("(and 19 more)")


async def test_a_list_that_contains_itself_is_refused(files: Make, tmp_path: Path) -> None:
    again = "- *one\n" * (MAX_PARTS // 1000 + 1)
    replace_file(tmp_path / "a.yaml", f"- &one {{targets: [{'a, ' * 1000}]}}\n{again}")
    replace_file(tmp_path / "b.yaml", f"- &one {{targets: [b], labels: {{c: d}}}}\n{again}")
    look = await files().refresh()

    assert [*targets(look)] == ["b"]
    assert [fault.split("/")[-1] for fault in look.faults.values()] == [
        "a.yaml: its aliases stand for 202607 parts, which is too many",
    ]


async def test_a_list_of_too_many_targets_is_refused(files: Make, tmp_path: Path) -> None:
    replace_file(tmp_path / "a.yaml", f"- targets: [{'a, ' * (MAX_PARTS + 1)}]\n")
    look = await files().refresh()

    assert [fault.split("/")[-1] for fault in look.faults.values()] == [
        f"a.yaml: more than {MAX_PARTS} targets and labels"
    ]


async def test_a_json_list_of_too_many_parts_is_not_parsed(
    files: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "loads", None)
    replace_file(tmp_path / "a.json", f"[{'[],' * (5 * MAX_PARTS)}[]]")
    look = await files().refresh()

    (why,) = look.faults.values()
    assert why.endswith(f"a.json: more than {MAX_PARTS} targets and labels")


async def test_a_yaml_list_of_too_many_parts_is_not_built(files: Make, tmp_path: Path) -> None:
    replace_file(tmp_path / "a.yaml", f"[{'{},' * (5 * MAX_PARTS)}]")
    look = await files().refresh()

    (why,) = look.faults.values()
    assert why.endswith(f"more than {5 * MAX_PARTS} keys and values")


async def test_the_labels_of_all_targets_together_are_bounded(files: Make, tmp_path: Path) -> None:
    items = ", ".join(f"a{number}" for number in range(1000))
    replace_file(
        tmp_path / "a.yaml", f"- {{targets: [{items}], labels: {{__meta_x: {'x' * 70_000}}}}}"
    )
    look = await files().refresh()

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


def test_a_repeated_key_is_found_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Key, "compared", 0)
    pairs: list[tuple[str, object]] = [(_Key(number), 1) for number in (*range(5000), 4999)]
    with pytest.raises(ValueError, match='the key "4999" is given twice'):
        target_groups.unique_keys(pairs)

    assert _Key.compared < 100


@pytest.mark.parametrize(
    "group", [{"x" * 10**6: 1}, {"targets": ["x" * 10**6]}, {"labels": {"x" * 10**6: 1}}]
)
async def test_a_fault_is_short_however_long_a_key_or_item_is(
    files: Make, tmp_path: Path, group: dict[str, object]
) -> None:
    replace_file(tmp_path / "a.json", json.dumps([group]))
    look = await files().refresh()

    (why,) = look.faults.values()
    assert len(why) < 600


@pytest.mark.parametrize("depth", [13, 24, 30])
async def test_nested_merge_keys_are_refused(files: Make, tmp_path: Path, depth: int) -> None:
    lists = ["- &m0 {targets: [a]}"]
    lists += [f"- &m{n + 1} {{<<: [*m{n}, *m{n}]}}" for n in range(depth)]
    replace_file(tmp_path / "a.yaml", "\n".join(lists))
    look = await files().refresh()

    (why,) = look.faults.values()
    assert why.endswith("parts, which is too many")


async def test_a_list_that_takes_too_long_is_refused_and_the_old_one_stays(
    files: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = files()
    replace_file(tmp_path / "a.json", '[{"targets": ["a"]}]')
    await watched.refresh()
    monkeypatch.setattr(target_builder, "_MAX_SECONDS", -1.0)
    replace_file(
        tmp_path / "a.json", json.dumps([{"targets": [f"a{number}" for number in range(50)]}])
    )
    look = await watched.refresh()

    (why,) = look.faults.values()
    assert why == "the list takes longer than -1s to read"
    assert [*targets(look)] == ["a"]


async def test_no_character_of_a_label_controls_a_terminal(files: Make, tmp_path: Path) -> None:
    replace_file(tmp_path / "a.yaml", '- {targets: [a], labels: {site: "\\e[31mx\\u202ey\\u200b"}}')
    one = targets(await files().refresh())["a"]

    assert dict(one.labels) == {"site": "\ufffd[31mx\ufffdy\ufffd"}


@pytest.mark.parametrize("character", ["\\e", "\\x9b", "\\u202e", "\\u200b", "\\ufeff"])
async def test_a_name_has_printable_characters(files: Make, tmp_path: Path, character: str) -> None:
    replace_file(tmp_path / "a.yaml", f'- {{targets: ["1{character}2"]}}')
    look = await files(CLANFORGE).refresh()

    (why,) = look.faults.values()
    assert "a name has 1 to 128 printable characters" in why
    assert printable(why) == why


async def test_a_list_that_is_not_a_text_file_is_refused(files: Make, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[\xff")
    (tmp_path / "b.json").mkdir()
    os.mkfifo(tmp_path / "c.json")
    (tmp_path / "d.json").write_bytes(b" " * (16 * 1024 * 1024 + 1))
    look = await files().refresh()

    assert [fault.removeprefix(f"{tmp_path}/") for fault in look.faults.values()] == [
        "a.json: not UTF-8 at byte 1",
        "b.json: Is a directory",
        "c.json: not a regular file",
        "d.json: more than 16777216 bytes",
    ]


async def test_a_fault_in_a_large_list_is_reported_without_its_line(
    files: Make, tmp_path: Path
) -> None:
    replace_file(tmp_path / "a.json", '[{"targets": ["a b"]}' + " " * 2**20 + "]")
    look = await files().refresh()
    (why,) = look.faults.values()

    assert why.startswith(f"{tmp_path}/a.json: [0].targets[0]: ")
