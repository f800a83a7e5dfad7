"""The metrics about the process are those of prometheus-client's collector."""

import errno
import math
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector

from exporter import process_metrics
from exporter.process_metrics import ProcessMetrics


def values_of(registry: CollectorRegistry) -> dict[str, float]:
    families = list(registry.collect())
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_names_texts_and_values_are_those_of_prometheus_client() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    ours.register(ProcessMetrics())
    ProcessCollector(registry=theirs)

    families = [
        {(one.name, one.documentation, one.type) for one in registry.collect()}
        for registry in (ours, theirs)
    ]
    assert families[0] == families[1]
    found, expected = values_of(ours), values_of(theirs)
    same = ("process_start_time_seconds", "process_max_fds")
    assert [found[name] for name in same] == [expected[name] for name in same]
    for name in ("process_virtual_memory_bytes", "process_resident_memory_bytes"):
        assert math.isclose(found[name], expected[name], rel_tol=0.2)


def test_a_lack_of_open_files_fails_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectorRegistry()
    registry.register(ProcessMetrics())

    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "read_text", fail)

    assert values_of(registry) == {}


def test_open_files_are_counted(tmp_path: Path) -> None:
    before = process_metrics._open_files()
    with tmp_path.joinpath("file").open("wb"):
        assert process_metrics._open_files() == before + 1


def test_open_files_are_listed_where_the_system_does_not_report_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Directory(type(tmp_path)):  # type: ignore[misc]
        def stat(self, **_: object) -> object:
            return type("Stat", (), {"st_size": 0})()

    listed = process_metrics._open_files()
    monkeypatch.setattr(process_metrics, "_PROCESS", Directory("/proc/self"))

    # Listing the directory opens it.
    assert process_metrics._open_files() == listed + 1


def test_the_processor_time_rises() -> None:
    registry = CollectorRegistry()
    registry.register(ProcessMetrics())
    before = values_of(registry)["process_cpu_seconds_total"]
    until = time.process_time() + 0.02
    while time.process_time() < until:
        pass

    assert values_of(registry)["process_cpu_seconds_total"] >= before + 0.02


def test_a_system_without_proc_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_metrics, "_PROCESS", tmp_path / "absent")

    assert [*ProcessMetrics().collect()] == []
