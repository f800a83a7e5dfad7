"""The limits of all files of a file_sd together: their number, and what they contain."""

import asyncio
import json
from pathlib import Path

import pytest

from exporter.clock import Clock
from exporter.config import load_text
from exporter.runtime import file_lists
from exporter.runtime.discovery import Lists
from exporter.runtime.file_lists import FileLists
from exporter.runtime.target_builder import ListResult
from exporter.runtime.targets import Targets
from exporter.service import alongside
from exporter.settings import FileSd
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry


def lists_of(folder: Path, *patterns: str) -> FileLists:
    text = json.dumps({"discovery": [{"system": "genesys_ucs", "file_sd": {"files": patterns}}]})
    (one,) = load_text(text, "config.yaml", folder, SYSTEMS).discoveries
    assert isinstance(one.source, FileSd)
    return FileLists(one.source, one.template, lambda _: True)


def put(folder: Path, name: str, *items: str, **labels: str) -> None:
    groups = [{"targets": items, "labels": labels}]
    (folder / name).write_text(json.dumps(groups), encoding="utf-8")


def names(result: ListResult) -> list[str]:
    assert result.built is not None
    return [*result.built.targets]


async def test_too_many_files_keep_the_targets_of_the_last_valid_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lists, "MAX_FILES", 3)
    lists = lists_of(tmp_path, "a*.json", "b*.json")
    for name in ("a1", "a2", "b1"):
        put(tmp_path, f"{name}.json", name)
    good = await lists.refresh()
    put(tmp_path, "b2.json", "b2")
    put(tmp_path, "a1.json", "other")
    bad, still_bad = await lists.refresh(), await lists.refresh()
    (tmp_path / "b2.json").unlink()
    again = await lists.refresh()

    assert names(good) == ["a1", "a2", "b1"]
    assert (bad.built, bad.failures) == (None, 1)
    patterns = f"{tmp_path}/a*.json, {tmp_path}/b*.json"
    assert bad.faults == {patterns: f"{patterns}: more than 3 files; put several targets into one"}
    assert (still_bad.built, still_bad.failures, still_bad.faults) == (None, 0, bad.faults)
    assert (names(again), again.failures, again.faults) == (["other", "a2", "b1"], 0, {})


@pytest.mark.parametrize(
    ("limit", "value"), [("MAX_PARTS", 6), ("MAX_LABELS_SIZE", 14)], ids=["parts", "labels"]
)
async def test_the_limits_of_a_list_apply_to_all_files_together(
    limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lists, limit, value)
    lists = lists_of(tmp_path, "*.json")
    put(tmp_path, "a.json", "a", site="ams")
    put(tmp_path, "b.json", "b", "b2", site="ams")
    first = await lists.refresh()
    put(tmp_path, "a.json", "a3")
    put(tmp_path, "b.json", "b", site="ams")
    second = await lists.refresh()
    (tmp_path / "a.json").unlink()
    put(tmp_path, "b.json", "b", "b2", site="ams")
    third = await lists.refresh()

    (fault,) = first.faults.values()
    assert fault.startswith(f"{tmp_path}/b.json: all files together have more than ")
    assert names(first) == ["a"]
    assert (names(second), second.faults) == (["a3", "b"], {})
    assert (names(third), third.faults) == (["b", "b2"], {})


async def test_only_the_first_of_many_refused_files_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(50):
        (tmp_path / f"{number}.json").write_text("{}", encoding="utf-8")
    text = '{discovery: [{system: genesys_ucs, file_sd: {files: ["*.json"]}}]}'
    settings = load_text(text, "config.yaml", tmp_path, SYSTEMS)
    telemetry, clock = Telemetry(), Clock()
    targets = Targets(settings, telemetry, clock)
    async with alongside(Lists(settings, targets, telemetry, clock).run()), asyncio.timeout(60):
        while "not tried yet" in targets.missing:
            await asyncio.sleep(0.01)

    messages = [record.getMessage() for record in caplog.records]
    assert messages == ["list refused"] * 20 + ["more lists refused"]
    assert caplog.records[-1].__dict__["facts"]["lists"] == "30"
