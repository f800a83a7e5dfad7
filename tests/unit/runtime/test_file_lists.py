"""Lists in files: the targets they make, and how changes of a file are followed."""

from pathlib import Path

import pytest

from exporter.config import load_text
from exporter.runtime.target_groups import (
    ListText,
    TargetGroup,
)
from exporter.systems import SYSTEMS
from support.file_sd import CLANFORGE, UCS, Make, replace_file, targets


async def test_items_are_values_of_the_systems_item_parameter(files: Make, tmp_path: Path) -> None:
    replace_file(tmp_path / "a.json", '[{"targets": ["17", "18"]}]')
    look = await files(
        f'{CLANFORGE}, name: "cf-{{item}}", params: {{match_info: "true"}}'
    ).refresh()

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
async def test_items_of_other_systems_are_addresses(
    files: Make, tmp_path: Path, entry: str, item: str, url: str
) -> None:
    replace_file(tmp_path / "a.yaml", f'- targets: ["{item}"]')
    look = await files(entry).refresh()

    assert [(one.name, one.url) for one in targets(look).values()] == [(item, url)]


async def test_labels_of_the_group_win_and_meta_labels_are_dropped(
    files: Make, tmp_path: Path
) -> None:
    text = """
- targets: [17]
  labels: {site: ams, rack: "", __meta_x: y, __param_query_info: "false", no: 7}
"""
    replace_file(tmp_path / "a.yaml", text)
    look = await files(f"{CLANFORGE}, labels: {{site: fra, rack: r1, game: g}}").refresh()
    one = targets(look)["17"]

    assert dict(one.labels) == {"site": "ams", "game": "g", "no": "7"}
    assert one.params["query_info"] == "false"


async def test_durations_and_client_come_from_the_entry_or_global(tmp_path: Path) -> None:
    text = """
global: {interval: 30s, timeout: 3s}
clients: {c: {basic_auth: {username: u, password: p}}}
discovery:
  - {system: genesys_ucs, client: c, timeout: 4s, file_sd: {files: ["*.json"]}}
  - {system: genesys_ucs, interval: 1m, file_sd: {files: ["*.json"]}}
"""
    replace_file(tmp_path / "a.json", '[{"targets": ["a"]}]')
    settings = load_text(text, "config.yaml", tmp_path, SYSTEMS)
    a, b = (one.template.make("a", {}) for one in settings.discoveries)

    assert (a.interval, a.timeout, a.max_age, a.client.name) == (30, 4, 90, "c")
    assert (b.interval, b.timeout, b.max_age, b.client.name) == (60, 3, 180, "")
    assert [one.name for one in settings.discoveries] == ["file_sd:*.json", "file_sd:*.json#2"]


async def test_a_bad_file_keeps_its_targets_and_others_are_read(
    files: Make, tmp_path: Path
) -> None:
    watched = files()
    replace_file(tmp_path / "a.json", '[{"targets": ["a"]}]')
    replace_file(tmp_path / "b.json", '[{"targets": ["b"]}]')
    await watched.refresh()
    replace_file(tmp_path / "a.json", '[{"targets": ["a", "a2"')
    replace_file(tmp_path / "b.json", '[{"targets": ["b", "b2"]}]')
    bad = await watched.refresh()
    again = await watched.refresh()
    replace_file(tmp_path / "a.json", '[{"targets": ["a3"]}]')
    good = await watched.refresh()

    assert ([*targets(bad)], bad.failures, len(bad.faults)) == (["a", "b", "b2"], 1, 1)
    assert (again.built, again.failures, again.faults) == (None, 0, bad.faults)
    assert ([*targets(good)], good.failures, good.faults) == (["a3", "b", "b2"], 0, {})


async def test_a_removed_file_removes_its_targets(files: Make, tmp_path: Path) -> None:
    watched = files()
    none = await watched.refresh()
    replace_file(tmp_path / "a.json", '[{"targets": ["a"]}]')
    replace_file(tmp_path / "b.yml", "- targets: [b]")
    one = await watched.refresh()
    (tmp_path / "a.json").unlink()
    gone = await watched.refresh()

    assert none.built is None
    assert [*targets(one)] == ["a"]
    assert (targets(gone), gone.failures) == ({}, 0)


async def test_an_unchanged_file_is_read_only_at_the_refresh_interval(
    files: Make, tmp_path: Path
) -> None:
    replace_file(tmp_path / "a.json", '[{"targets": ["a"]}]')
    rarely, always = files(), files(refresh=0.0)
    await rarely.refresh()
    first = await always.refresh()
    second = await always.refresh()

    assert (await rarely.refresh()).built is None
    assert targets(second)["a"] is targets(first)["a"]


async def test_a_target_that_remains_in_a_list_is_the_same_object(
    files: Make, tmp_path: Path
) -> None:
    watched = files()
    replace_file(tmp_path / "a.json", '[{"targets": ["a", "b"], "labels": {"site": "x"}}]')
    before = targets(await watched.refresh())
    text = '[{"targets": ["c"]}, {"labels": {"site": "x"}, "targets": ["b"]}, {"targets": ["a"]}]'
    replace_file(tmp_path / "a.json", text)
    after = targets(await watched.refresh())

    assert [*after] == ["c", "b", "a"]
    assert after["b"] is before["b"]
    assert dict(after["a"].labels) == {}


async def test_of_two_items_with_one_name_the_first_wins(files: Make, tmp_path: Path) -> None:
    replace_file(tmp_path / "a.json", '[{"targets": ["a", "a"]}, {"targets": ["a"]}]')
    replace_file(tmp_path / "b.json", '[{"targets": ["a", "b"], "labels": {"site": "x"}}]')
    look = await files().refresh()

    assert look.built
    assert {name: dict(one.labels) for name, one in look.built.targets.items()} == {
        "a": {},
        "b": {"site": "x"},
    }
    assert look.built.repeated == ("a",)


async def test_targets_of_other_shards_are_checked_and_omitted(files: Make, tmp_path: Path) -> None:
    watched = files(owns=lambda name: name == "a")
    replace_file(tmp_path / "a.json", '[{"targets": ["a", "b"]}]')
    good = await watched.refresh()
    replace_file(tmp_path / "a.json", '[{"targets": ["a", "b c"]}]')
    bad = await watched.refresh()

    assert [*targets(good)] == ["a"]
    assert bad.failures == 1


async def test_a_file_that_was_written_while_it_was_read_is_read_again(
    files: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, watched = tmp_path / "a.json", files()
    replace_file(path, '[{"targets": ["a"]}]')
    real = ListText.groups

    def slow(text: ListText) -> tuple[TargetGroup, ...]:
        groups = real(text)
        path.write_text('[{"targets": ["a", "b"]}]')
        monkeypatch.setattr(ListText, "groups", real)
        return groups

    monkeypatch.setattr(ListText, "groups", slow)
    first, second, third = [await watched.refresh() for _ in range(3)]

    assert [*targets(first)] == ["a"]
    assert [*targets(second)] == ["a", "b"]
    assert third.built is None
