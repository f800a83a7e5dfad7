"""When targets are polled: spread out, at fixed phases, never twice at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from aiohttp import web

from exporter.clock import Clock
from exporter.declare.extraction import Extraction
from exporter.errors import PollError, Reason
from exporter.http.connections import Connections
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.poll_run import PollRun
from exporter.runtime.schedule import Schedule, ScheduleEntry
from exporter.runtime.shard import Shard
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Client, RateLimit, Settings, Target
from exporter.telemetry import Telemetry
from support.polling import make_target, snapshots_of


class Crowd:
    """A vendor that counts concurrent requests, and can be slow or wrong for some targets."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.at_once: Counter[str] = Counter()
        self.overlaps = 0
        self.methods: set[str] = set()
        self.slow: set[str] = set()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.methods.add(request.method)
        self.asked[name] += 1
        self.at_once[name] += 1
        self.overlaps += self.at_once[name] > 1
        try:
            if name in self.slow:
                await asyncio.sleep(3600)
            return web.json_response({"mode": "production", "request_today": self.asked[name]})
        finally:
            self.at_once[name] -= 1


@asynccontextmanager
async def open_crowd() -> AsyncIterator[Crowd]:
    crowd = Crowd()
    app = web.Application()
    app.router.add_route("*", "/{name}/server/status", crowd.answer)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    crowd.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield crowd
    await runner.cleanup()


@pytest.fixture
async def crowd() -> AsyncIterator[Crowd]:
    async with open_crowd() as one:
        yield one


def targets_of(crowd: Crowd, number: int) -> tuple[Target, ...]:
    return tuple(
        replace(
            make_target(url=f"{crowd.url}/t{at}"),
            name=f"t{at}",
            interval=1.0,
            # Only those that hang reach it.
            timeout=0.9 if f"t{at}" in crowd.slow else 60.0,
            max_age=600.0,
        )
        for at in range(number)
    )


async def until(targets: Targets, polls: int, *, names: set[str] | None = None) -> None:
    """Wait until each target was polled that often."""
    async with asyncio.timeout(60):
        while any(
            tracked.counts.polls < polls
            for tracked in targets
            if names is None or tracked.target.name in names
        ):
            await asyncio.sleep(0.01)


async def test_every_target_is_polled_again_and_again_and_only_read(crowd: Crowd) -> None:
    settings = Settings(targets=targets_of(crowd, 20))
    async with running(settings, Clock()) as (targets, telemetry, _):
        await until(targets, 3)

    assert all(crowd.asked[f"t{at}"] >= 3 for at in range(20))
    assert crowd.methods == {"GET"}
    assert crowd.overlaps == 0
    assert telemetry.registry.get_sample_value("status_exporter_loop_lag_seconds_count")


async def test_hanging_targets_do_not_delay_others(crowd: Crowd) -> None:
    crowd.slow = {f"t{at}" for at in range(10)}
    settings = Settings(targets=targets_of(crowd, 20))
    async with running(settings, Clock()) as (targets, _, _):
        await until(targets, 3, names={f"t{at}" for at in range(10, 20)})
        await until(targets, 2)
        up = {target.name: snapshot.up for target, snapshot in snapshots_of(targets)}

    assert up == {f"t{at}": at >= 10 for at in range(20)}
    assert crowd.overlaps == 0


async def test_a_target_that_recovers_is_up_again(crowd: Crowd) -> None:
    crowd.slow = {"t0"}
    async with running(Settings(targets=targets_of(crowd, 1)), Clock()) as (targets, _, _):
        (tracked,) = targets
        await until(targets, 1)
        down = tracked.snapshot is not None and not tracked.snapshot.up
        crowd.slow = set()
        async with asyncio.timeout(60):
            while not (tracked.snapshot and tracked.snapshot.up):
                await asyncio.sleep(0.01)

    assert down


async def test_nothing_is_left_running(crowd: Crowd) -> None:
    before = len(asyncio.all_tasks())
    crowd.slow = {"t1"}
    async with running(Settings(targets=targets_of(crowd, 3)), Clock()) as (targets, _, _):
        await until(targets, 1, names={"t0", "t2"})
    async with asyncio.timeout(60):
        while len(asyncio.all_tasks()) > before:
            await asyncio.sleep(0.01)

    assert not crowd.at_once["t0"] + crowd.at_once["t2"]


class Broken(Targets):
    """Targets that cannot record the result of a poll."""

    def record(self, tracked: TargetState, poll: PollResult) -> None:
        if isinstance(poll.outcome, Extraction):
            raise ZeroDivisionError
        super().record(tracked, poll)


async def test_a_snapshot_that_fails_is_a_failed_poll(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    clock, telemetry = Clock(), Telemetry()
    targets = Broken(Settings(targets=targets_of(crowd, 1)), telemetry, clock)
    connections = Connections(clock)
    task = asyncio.create_task(Schedule(targets, connections, telemetry, clock, 100).run())
    await until(targets, 1)
    task.cancel()
    await asyncio.wait([task])
    await connections.close()
    ((_, snapshot),) = snapshots_of(targets)

    assert isinstance(snapshot.poll.outcome, PollError)
    assert snapshot.poll.outcome.reason is Reason.INTERNAL
    assert "snapshot failed" in caplog.text


async def test_a_schedule_that_ends_ends_the_service(crowd: Crowd) -> None:
    """An exporter that polls nothing must not continue and report that it is healthy."""
    moments = iter([0.0] * 4)

    def stopped() -> float:
        try:
            return next(moments)
        except StopIteration:
            raise ZeroDivisionError from None

    clock = Clock(monotonic=stopped)
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(60), running(Settings(targets=targets_of(crowd, 1)), clock):
            await asyncio.Event().wait()


class Overtaken(Schedule):
    """A schedule whose next tick comes as soon as a poll has ended."""

    def _plan_next(self, turn: ScheduleEntry, now: float, pause: float) -> None:
        super()._plan_next(turn, now, pause)
        self.start_due(turn.due)


async def test_a_turn_that_is_due_as_the_poll_before_it_ends_is_not_lost(crowd: Crowd) -> None:
    now = [0.0]
    clock, telemetry = Clock(monotonic=lambda: now[0]), Telemetry()
    targets = Targets(Settings(targets=targets_of(crowd, 1)), telemetry, clock)
    connections = Connections(clock)
    schedule = Overtaken(targets, connections, telemetry, clock, 100)
    for now[0] in (1.0, 3.0, 5.0):
        schedule.start_due(now[0])
        while schedule.under_way:
            await asyncio.sleep(0.01)
    await connections.close()

    assert crowd.asked["t0"] == 3


async def test_with_few_slots_every_target_has_its_turn(crowd: Crowd) -> None:
    clock, telemetry = Clock(), Telemetry()
    targets = Targets(Settings(targets=targets_of(crowd, 30)), telemetry, clock)
    connections = Connections(clock)
    task = asyncio.create_task(Schedule(targets, connections, telemetry, clock, 2).run())
    await until(targets, 2)
    task.cancel()
    await asyncio.wait([task])
    await connections.close()

    assert sum(crowd.at_once.values()) <= 2
    assert min(crowd.asked[f"t{at}"] for at in range(30)) >= 2


async def test_a_rate_limit_spaces_polls_out_beyond_its_burst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = list[tuple[float, str]]()
    now = [0.0]
    clock, telemetry = Clock(monotonic=lambda: now[0]), Telemetry()
    limited = Client(name="c", rate_limit=RateLimit(requests_per_second=2, burst=3))
    base = make_target(client=limited)
    targets = Targets(
        Settings(targets=tuple(replace(base, name=f"t{at}") for at in range(9))), telemetry, clock
    )

    def start(_run: PollRun, _on_done: object, turn: ScheduleEntry, **_: object) -> None:
        left.append((now[0], turn.tracked.target.name))

    monkeypatch.setattr(PollRun, "start", start)
    schedule = Schedule(targets, Connections(clock), telemetry, clock, 100)
    for tick in range(100):
        now[0] = tick * 0.1
        schedule.start_due(now[0])

    moments = [moment for moment, _ in left]
    assert len({name for _, name in left}) == 9
    for first in moments:
        assert sum(first <= moment < first + 1 for moment in moments) <= 3 + 2
    assert moments[-1] - moments[0] >= (9 - 3) / 2 - 0.1


@pytest.mark.parametrize(
    ("failures", "retry_after", "least", "most"),
    [
        (0, 0.0, 0.5, 1.5),
        (1, 0.0, 0.5, 1.5),
        (2, 0.0, 1.5, 2.5),
        (3, 0.0, 3.5, 4.5),
        (4, 0.0, 4.5, 5.5),
        (400, 0.0, 4.5, 5.5),
        (1, 7.0, 7.0, 8.0),
        (1, 1e12, 600.0, 601.0),
    ],
)
async def test_failing_targets_are_polled_less_often(
    failures: int, retry_after: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In intervals of a second: at least every fifth, and not before the vendor's pause ends."""
    ends = list[Callable[[PollResult], None]]()
    monkeypatch.setattr(
        PollRun, "start", lambda _run, on_done, turn, **_: ends.append(partial(on_done, turn))
    )
    now = [0.0]
    clock, telemetry = Clock(monotonic=lambda: now[0]), Telemetry()
    one = replace(make_target(), name="t", interval=1.0, max_age=1e9)
    (tracked,) = targets = Targets(Settings(targets=(one,)), telemetry, clock)
    schedule = Schedule(targets, Connections(clock), telemetry, clock, 100)
    error = PollError(Reason.TIMEOUT, "", retry_after)

    def due() -> float:
        return now[0] + (schedule.due_in(tracked) or 0.0)

    outcomes: list[Extraction | PollError] = [Extraction.of(()), *[error] * failures]
    for outcome in outcomes:
        now[0] = before = due()
        while not ends:
            now[0] += 0.01
            schedule.start_due(now[0])
        ends.pop()(PollResult(outcome, 0.0, 0.0, now[0]))

    assert least <= due() - before <= most + 1.0


async def test_shards_that_run_side_by_side_poll_every_target_once(crowd: Crowd) -> None:
    settings = Settings(targets=targets_of(crowd, 30))
    async with AsyncExitStack() as stack:
        shards = []
        for number in range(3):
            part = Shard(number, 3).part_of(settings)
            targets, _, _ = await stack.enter_async_context(running(part, Clock()))
            shards.append(targets)
        for targets in shards:
            await until(targets, 1)
        polled = [tracked.target.name for targets in shards for tracked in targets]

    assert sorted(polled) == sorted(target.name for target in settings.targets)
    assert set(crowd.asked) == set(polled)
    assert crowd.overlaps == 0
