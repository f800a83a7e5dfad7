"""A wall clock that is set, and a machine that was suspended: the effects on polls and pages."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.runtime.schedule import Schedule
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Settings
from support.polling import make_target
from support.vendor import HEALTHY, Vendor, open_vendor

YEAR = 365 * 24 * 3600.0
NIGHT = 8 * 3600.0
COUNT = 5


class Moved:
    """Clocks that run, with an offset that a test sets."""

    def __init__(self) -> None:
        self.wall = self.monotonic = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(
            wall=lambda: time.time() + self.wall,
            monotonic=lambda: time.monotonic() + self.monotonic,
        )

    def suspend(self, seconds: float) -> None:
        """Advance both clocks, but no timer of the event loop."""
        self.wall += seconds
        self.monotonic += seconds


@asynccontextmanager
async def polling(
    vendor: Vendor, moved: Moved, interval: float
) -> AsyncIterator[tuple[Targets, Schedule]]:
    """Poll a few targets and wait until each was polled."""
    target = replace(make_target(url=vendor.url), interval=interval, max_age=3 * interval)
    settings = Settings(targets=tuple(replace(target, name=f"t{at}") for at in range(COUNT)))
    async with running(settings, moved.clock) as (targets, _, schedule):
        await until(lambda: not targets.waiting)
        yield targets, schedule


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with open_vendor() as one:
        one.answer = HEALTHY
        yield one


@pytest.mark.parametrize("step", [YEAR, -YEAR], ids=["ahead", "back"])
async def test_a_wall_clock_that_is_set_changes_no_schedule(vendor: Vendor, step: float) -> None:
    moved = Moved()
    async with polling(vendor, moved, 600.0) as (targets, schedule):
        due = {one.target.name: schedule.due_in(one) or 0.0 for one in targets}
        moved.wall += step
        targets.age()
        later = {one.target.name: schedule.due_in(one) or 0.0 for one in targets}
        outcomes = [one.snapshot.poll.outcome for one in targets if one.snapshot]
        polls = len(vendor.requests)

    assert polls == COUNT
    assert not any(isinstance(one, PollError) for one in outcomes)
    assert all(0 <= due[name] - later[name] < 300 for name in due)


@pytest.mark.parametrize("step", [YEAR, -YEAR], ids=["ahead", "back"])
async def test_a_wall_clock_that_is_set_changes_no_availability(
    vendor: Vendor, step: float, caplog: pytest.LogCaptureFixture
) -> None:
    moved = Moved()
    async with polling(vendor, moved, 600.0) as (targets, _):
        up, down = [*targets][:2]
        now = moved.clock.wall()
        up.availability.note_down(now - 40)
        up.availability.note_up(now - 20)
        down.availability.note_down(now - 20)
        moved.wall += step
        targets.age()
        since = moved.clock.wall() - (down.availability.down_since or 0.0)
        shares = [one.availability.share(moved.clock.wall() + 1e5) or 0 for one in (up, down)]

    assert 20 <= since < 1000
    assert shares[0] > 0.99
    assert shares[1] < 0.01
    assert [one.getMessage() for one in caplog.records] == ["wall clock was set"]


async def test_after_a_suspend_old_values_are_stale_and_every_target_is_polled_once(
    vendor: Vendor,
) -> None:
    moved = Moved()
    async with polling(vendor, moved, 600.0) as (targets, schedule):
        vendor.requests.clear()
        vendor.answer = None
        moved.suspend(NIGHT)
        targets.age()
        stale = [one.snapshot.poll.outcome for one in targets if one.snapshot]
        await until(lambda: len(vendor.requests) == COUNT)
        vendor.answer = HEALTHY
        await vendor.close()
        await until(lambda: not schedule.under_way)
        due = [schedule.due_in(one) or 0.0 for one in targets]
        polls = [one.counts.polls for one in targets]

    assert all(isinstance(one, PollError) and one.reason is Reason.STALE for one in stale)
    assert polls == [2] * COUNT
    assert all(0 < seconds <= 600 * 1.5 for seconds in due)


def test_the_clock_counts_the_time_of_a_suspend() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = Clock().monotonic()

    assert before <= now <= time.clock_gettime(time.CLOCK_BOOTTIME)
