"""Probes and the schedule: a probe takes the next turn of its target."""

import asyncio

import pytest

from exporter.clock import Clock
from exporter.http.connections import Connections
from exporter.runtime.poll_run import PollRun
from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.settings import Settings, Target
from exporter.telemetry import Telemetry
from support.probed_site import Gate, target, until


def scheduled(one: Target, clock: Clock) -> tuple[Schedule, TargetState, Connections]:
    """Return a schedule of one target, which does not run by itself."""
    telemetry, connections = Telemetry(), Connections(clock)
    targets = Targets(Settings(targets=(one,)), telemetry, clock)
    schedule = Schedule(targets, connections, telemetry, clock, 100)
    (tracked,) = targets
    return schedule, tracked, connections


async def test_a_probe_takes_the_next_turn_of_its_target(gate: Gate) -> None:
    now = [0.0]
    clock = Clock(monotonic=lambda: now[0])
    schedule, tracked, connections = scheduled(target(gate, interval=10.0), clock)

    async def asked_at(moment: float) -> int:
        now[0] = moment
        while schedule.start_due(moment):
            pass
        while schedule.under_way:
            await asyncio.sleep(0.01)
        return gate.asked

    assert await asked_at(1.0) == 1
    for moment, polls in ((4.0, 2), (14.05, 3), (24.1, 4)):
        before = await asked_at(moment - 0.04)
        now[0] = moment
        await schedule.poll_now(tracked, 0.0, 60.0)
        assert (before, gate.asked) == (polls - 1, polls)
    # Without more probes, scheduled polls continue an interval after the last one.
    assert await asked_at(34.1) == 4
    assert await asked_at(34.4) == 5
    assert await asked_at(50.2) == 6
    await connections.close()


async def test_a_turn_during_the_poll_of_a_probe_is_not_a_second_poll(gate: Gate) -> None:
    now = [0.0]
    clock = Clock(monotonic=lambda: now[0])
    schedule, tracked, connections = scheduled(target(gate, interval=10.0), clock)
    gate.open.clear()
    probe = asyncio.create_task(schedule.poll_now(tracked, 0.0, 60.0))
    await until(lambda: gate.asked)
    for moment in (1.0, 11.0, 21.0):
        schedule.start_due(moment)
    polls = schedule.under_way
    gate.open.set()
    await probe
    await connections.close()

    assert (polls, gate.asked, gate.most) == (1, 1, 1)


async def test_moved_turns_leave_nothing_behind(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = list[object]()
    monkeypatch.setattr(PollRun, "start", lambda run, *_, **__: left.append(run))
    schedule, _, _ = scheduled(target(gate), Clock(monotonic=lambda: 0.0))
    (turn,) = schedule._entries.values()
    for number in range(10_000):
        schedule._slots.put(turn, 20_000.0 - number)
    kept = sum(len(slot) for slot in schedule._slots._slots.values())
    for _ in range(10):
        schedule.start_due(30_000.0)

    assert kept == 1
    assert len(left) == 1
