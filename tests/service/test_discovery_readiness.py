"""Readiness waits for the targets of the first lists, but not for later targets."""

import json
from pathlib import Path
from typing import Any

import pytest

from exporter.runtime import discovery as merge
from exporter.runtime.discovery import Lists
from exporter.runtime.target_state import TargetChanges
from support.discovering_service import config, put, serving, ucs
from support.vendor import HEALTHY, Vendor, response

pytestmark = pytest.mark.usefixtures("any_timeout", "healthy")


async def test_readiness_waits_for_the_targets_of_the_first_lists(
    vendor: Vendor, other: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "_MAX_ADDED_AT_ONCE", 1)
    vendor.answer = response(
        json.dumps([{"targets": [f"{other.url}/{n}" for n in "abc"]}]).encode()
    )
    other.answer = None
    http = f'  - {{system: genesys_ucs, http_sd: {{url: "{vendor.url}"}}}}\n'
    states = set[tuple[int, bool]]()
    async with serving(config(discovery=http), tmp_path) as service:

        def note(_: TargetChanges) -> None:
            states.add((len(service.targets), service.targets.is_ready))

        take = Lists._accept

        def take_and_note(lists: Lists, *given: Any) -> None:
            take(lists, *given)
            note(TargetChanges())

        monkeypatch.setattr(Lists, "_accept", take_and_note)
        service.targets.subscribe(note)
        await service.until(lambda: len(service.targets) == 3)
        await service.until(lambda: "discoveries" not in service.targets.missing)
        missing = service.targets.missing
        other.answer = HEALTHY
        await service.until(lambda: service.targets.is_ready)
        polled = [one.snapshot is not None for one in service.targets]

    assert states == {(0, False), (1, False), (2, False), (3, False)}
    assert missing == "3 of 3 targets not polled yet"
    assert polled == [True] * 3


async def test_readiness_waits_for_the_first_read_and_not_for_later_targets(
    vendor: Vendor, other: Vendor, tmp_path: Path
) -> None:
    other.answer = None
    http = f'  - {{system: genesys_ucs, http_sd: {{url: "{other.url}"}}}}\n'
    async with serving(config(ucs("a", vendor.url), discovery=http), tmp_path) as service:
        first = service.targets.missing
        await service.until(lambda: service.tracked("a").snapshot)
        waiting = (service.targets.is_ready, service.targets.missing)
        await service.reload(config(ucs("a", vendor.url)))
        await service.until(lambda: service.targets.is_ready)
        put(tmp_path / "a.json", other.url)
        await service.until(lambda: len(service.targets) == 2)
        later = (service.targets.is_ready, service.targets.waiting)

    assert first == "1 of 1 targets not polled yet, 1 discoveries not tried yet"
    assert waiting == (False, "0 of 1 targets not polled yet, 1 discoveries not tried yet")
    assert later == (True, 1)


async def test_an_unavailable_list_does_not_prevent_readiness(tmp_path: Path) -> None:
    http = '  - {system: genesys_ucs, http_sd: {url: "http://127.0.0.1:1"}}\n'
    async with serving(config(discovery=http), tmp_path) as service:
        await service.until(lambda: service.targets.is_ready)
        failures = service.value("refresh_failures_total", "http_sd:127.0.0.1:1")

    assert failures == 1
