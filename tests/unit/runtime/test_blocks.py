"""Blocks of lines: a poll is shown by the next scrape, wherever its target has moved."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.clock import Clock
from exporter.declare.extraction import Extraction, Sample
from exporter.pipeline import render
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from support.polling import FIXED, NOW, make_target

NAMES = ("a", "b", "c")


def make(*names: str) -> Targets:
    targets = tuple(replace(make_target(), name=name) for name in names)
    return Targets(Settings(targets=targets), Telemetry(), FIXED)


def record(targets: Targets, value: float) -> None:
    """Record a poll of the last target."""
    extraction = Extraction.of([Sample("genesys_ucs_requests_total", (), value)])
    tracked = targets.find("c")
    assert tracked is not None
    targets.record(tracked, PollResult(extraction, 0.1, NOW, 1000.0))


def scrape(targets: Targets) -> str:
    """Render what is stale, and return all lines."""
    blocks = targets.blocks.of_system()
    for block in blocks:
        if block.is_stale:
            block.refresh()
    return b"".join(family for block in blocks for family in block.families).decode()


def remove_one(targets: Targets) -> None:
    targets.replace([one.target for one in targets if one.target.name != "a"])


def split(targets: Targets) -> None:
    record(targets, 2.0)
    assert len(targets.blocks.of_system()) == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "_MAX_SERIES", 0)
        assert len(targets.blocks.of_system()) == len(NAMES)


def change_another(targets: Targets) -> None:
    first, *others = [one.target for one in targets]
    targets.replace([replace(first, interval=60.0), *others])


def leave(_targets: Targets) -> None:
    pass


@pytest.mark.parametrize("move", [leave, remove_one, split, change_another])
def test_each_poll_is_shown_by_the_next_scrape(move: Callable[[Targets], None]) -> None:
    targets = make(*NAMES)
    record(targets, 1.0)
    before = scrape(targets)
    move(targets)
    scrape(targets)
    record(targets, 7.0)

    assert 'genesys_ucs_requests_total{target="c"} 1\n' in before
    assert 'genesys_ucs_requests_total{target="c"} 7\n' in scrape(targets)
    assert not any(block.is_stale for block in targets.blocks.of_system())


def test_a_removed_target_belongs_to_no_block() -> None:
    targets = make(*NAMES)
    gone = targets.find("a")
    remove_one(targets)

    assert gone is not None
    assert gone.block is None


def test_a_result_that_becomes_too_old_is_shown_by_the_next_scrape() -> None:
    now = [1000.0]
    target = replace(make_target(), name="c")
    clock = Clock(wall=lambda: NOW, monotonic=lambda: now[0])
    targets = Targets(Settings(targets=(target,)), Telemetry(), clock)
    record(targets, 1.0)
    before = scrape(targets)
    now[0] += 3600.0
    targets.age()

    assert "genesys_ucs_requests_total" in before
    assert "genesys_ucs_requests_total" not in scrape(targets)
