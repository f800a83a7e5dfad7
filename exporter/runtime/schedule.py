"""When each target is polled: in ticks, spread over its interval, never twice at once.

Due polls leave together at a tick, since waking up costs more than a poll does. A target's phase
follows from its name alone, so that a restart does not bunch targets up. A target that fails is
polled less often, up to every fifth interval, and not before the vendor said. A probe polls a
target out of its turn, and its next turn is then an interval later.
"""

import asyncio
import gc
import logging
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.errors import CRASHED, PollError, ProbeDeadlineError, Reason
from exporter.http.connections import Connections
from exporter.http.shared_login import LONGEST_PAUSE
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.host_queues import MAX_A_HOST, Host, HostQueues
from exporter.runtime.poll_run import PollRun
from exporter.runtime.slots import Slots
from exporter.runtime.target_state import TargetChanges, TargetState
from exporter.runtime.targets import Targets
from exporter.runtime.timing import MAX_TICK, next_turn, phase, rounds, tick_seconds
from exporter.settings import Client
from exporter.telemetry import Telemetry
from exporter.toolkit.token_bucket import TokenBucket

_log = logging.getLogger(__name__)

# Polls that leave in one turn of the event loop: scrapes must not wait for all of them.
_MAX_A_TURN = 32

# Polls under way at once, as far as the limit of open files allows: what hangs holds a place for
# its whole timeout, and with fewer places a thousand dead targets would hold up the others.
_MAX_AT_ONCE = 8000
# The first polls come at this rate at the least, so that a few targets are known at once and ten
# thousand do not start in one burst.
_FIRST_SECONDS_EACH = 0.01
# To look for what no field reads costs as much as to read all that they do; once an hour will do.
_COUNT_UNMAPPED_EVERY = 240


@dataclass(slots=True, eq=False)
class ScheduleEntry:
    """One target's place in the schedule."""

    tracked: TargetState
    run: PollRun
    host: Host
    due: float = 0.0
    slot: int | None = None
    """The tick at which it comes up, if it waits for one."""
    pause_ends: float = float("-inf")
    failures: int = 0
    """Failed polls in a row."""
    is_ready: bool = False
    """Whether its tick has come and it has not left."""
    is_reserved: bool = False
    """Whether its client's rate limit has given it a moment."""
    is_queued: bool = False
    """Whether it waits for a place of its host."""
    is_for_probe: bool = False
    is_gone: bool = False
    is_under_way: bool = False
    is_in_rhythm: bool = False
    """Whether it came up at a moment of its target's own rhythm."""
    over: "asyncio.Future[None] | None" = None
    """What probes wait for: the end of the poll that is under way or about to leave."""


class Schedule:
    """Polls every target on its interval for as long as `run` is left running."""

    def __init__(
        self,
        targets: Targets,
        connections: Connections,
        telemetry: Telemetry,
        clock: Clock,
        max_files: int,
    ) -> None:
        self._targets = targets
        self._connections = connections
        self._telemetry = telemetry
        self._clock = clock
        self._start = clock.monotonic()
        self._slots = Slots[ScheduleEntry](self._start, MAX_TICK)
        self._ready: deque[ScheduleEntry] = deque()
        self._turns: dict[TargetState, ScheduleEntry] = {}
        self._max_at_once = max(1, min(_MAX_AT_ONCE, max_files))
        self.under_way = 0
        """How many polls have begun and not ended."""
        self._places = HostQueues[ScheduleEntry]()
        self._buckets: dict[str, TokenBucket] = {}
        # Counted, since to ask ten thousand targets for each change takes too long.
        self._clients: Counter[Client] = Counter()
        self._intervals: Counter[float] = Counter()
        self._follow(TargetChanges(come=tuple(targets)))
        targets.subscribe(self._follow)

    async def run(self) -> None:
        """Poll until cancelled; what is under way then is given up."""
        try:
            await self._tick()
        finally:
            self._places.clear()
            for turn in self._turns.values():
                if turn.is_under_way:
                    turn.run.cancel()
                _release(turn)

    async def poll_now(self, tracked: TargetState, max_age: float, within: float) -> None:
        """Poll the target out of its turn, or wait for the poll of it that is under way.

        There is none where the last one is younger than `max_age`, nor while the vendor wants to be
        left alone: what it said last holds then.

        Raises:
            LateError: It did not end within so many seconds. It goes on, for those who ask next.
        """
        turn, now = self._turns[tracked], self._clock.monotonic()
        snapshot = tracked.snapshot
        youngest = now - min(max_age, tracked.target.max_age)
        if now < turn.pause_ends or (snapshot and snapshot.poll.taken > youngest):
            return
        if turn.over is None:
            turn.over = asyncio.get_running_loop().create_future()
            if not (turn.is_under_way or turn.is_queued or turn.is_reserved):
                self._bring_forward(turn, now)
        # It takes nothing with it when it ends early: others wait for the same.
        done, _ = await asyncio.wait([turn.over], timeout=within)
        if not done:
            raise self._late(turn)

    def due_in(self, tracked: TargetState) -> float | None:
        """Return in how many seconds the target is polled next; None if only a probe polls it."""
        turn = self._turns.get(tracked)
        if turn is None or (tracked.target.on_probe and not turn.is_under_way):
            return None
        return 0.0 if turn.is_under_way else max(0.0, turn.due - self._clock.monotonic())

    def _late(self, turn: ScheduleEntry) -> ProbeDeadlineError:
        target = turn.tracked.target
        if turn.is_under_way:
            return ProbeDeadlineError(
                f'"{target.name}" did not answer in time; its poll goes on', began=True
            )
        why = "the exporter has no place for it"
        if turn.is_queued:
            why = f"the {MAX_A_HOST} places of its host are taken"
        elif turn.is_reserved:
            why = f'the rate_limit of the client "{target.client.name}" puts it off'
        return ProbeDeadlineError(
            f'"{target.name}" could not be polled in time: {why}', began=False
        )

    def _bring_forward(self, turn: ScheduleEntry, now: float) -> None:
        turn.is_for_probe = True
        self._slots.remove(turn)
        turn.due = now
        if self.under_way < self._max_at_once:
            self._leave(turn, now)
        elif not turn.is_ready:
            turn.is_ready = True
            self._ready.append(turn)

    def _follow(self, change: TargetChanges) -> None:
        """Give new targets their first turn and end those of the old; others keep their rhythm."""
        for tracked in change.gone:
            turn = self._turns.pop(tracked)
            turn.is_gone = True  # It is dropped from the queues when it comes up.
            self._slots.remove(turn)
            if turn.is_under_way:
                turn.run.cancel()
                self._make_place(turn)
            _release(turn)
        self._intervals.update(one.target.interval for one in change.come)
        self._intervals.subtract(one.target.interval for one in change.gone)
        seconds = tick_seconds(+self._intervals)
        if seconds != self._slots.seconds:
            self._slots = self._slots.with_seconds(seconds)
        # Targets that were added shortly before may wait for their first poll, too.
        crowd = self._targets.waiting + change.following
        for tracked in change.come:
            self._add(tracked, crowd)
        self._clients.update(_clients_of(change.come))
        if change.gone:
            self._clients.subtract(_clients_of(change.gone))
            self._connections.prune({one for one, count in self._clients.items() if count})

    def _add(self, tracked: TargetState, crowd: int) -> None:
        target, requests = tracked.target, tracked.requests
        run = PollRun(target, requests, self._connections, self._clock)
        turn = self._turns[tracked] = ScheduleEntry(
            tracked, run, (requests[0].host, requests[0].port)
        )
        if not target.on_probe:
            spread = min(target.interval, _FIRST_SECONDS_EACH * crowd)
            self._slots.put(turn, self._clock.monotonic() + phase(target.name, spread))
        client = target.client
        limit = client.rate_limit
        if limit is None:
            self._buckets.pop(client.name, None)
            return
        bucket = TokenBucket(1 / limit.requests_per_second, limit.burst)
        if self._buckets.get(client.name) != bucket:
            self._buckets[client.name] = bucket

    async def _tick(self) -> None:
        planned = aging = self._start
        while True:
            now = self._clock.monotonic()
            if now >= aging:
                self._targets.age()  # Whether there are scrapes or not.
                if self._targets.waiting:
                    gc.freeze()  # What first polls make stays: connections, series.
                aging = now + 1.0
            self._telemetry.loop_lag.observe(max(0.0, now - planned))
            # A timer may end a little early; the tick that it is for has come all the same.
            while self.leave_due(max(now, planned)):  # noqa: ASYNC110 - others have their turn, too
                await asyncio.sleep(0)
            now = self._clock.monotonic()
            planned = self._slots.next_tick(max(planned, now))
            await asyncio.sleep(planned - now)

    def leave_due(self, now: float) -> bool:
        """Start some of the polls that are due, and return whether there are more to start now."""
        for turn in self._slots.take(now):
            turn.is_ready = True
            self._ready.append(turn)
        for _ in range(_MAX_A_TURN):
            if not self._ready or self.under_way >= self._max_at_once:
                return False
            turn = self._ready.popleft()
            if turn.is_ready and not turn.is_gone:
                self._leave(turn, now)
        return True

    def _leave(self, turn: ScheduleEntry, now: float) -> None:
        """Start the poll, or put it off where its client or host has no place for it."""
        turn.is_ready = False
        # Few clients have a limit.
        bucket = self._buckets and self._buckets.get(turn.tracked.target.client.name)
        if bucket and not turn.is_reserved:
            moment = bucket.reserve(now, len(turn.tracked.requests))
            turn.is_reserved = True
            if moment > now:
                self._slots.put(turn, moment)
                return
        turn.is_queued = not self._places.enter(turn.host, turn)
        if turn.is_queued:
            return
        # It was due since the last tick at the earliest; a whole tick more is late.
        if now - turn.due > 2 * self._slots.seconds:
            self._telemetry.late_polls.inc()
        turn.is_reserved = False
        turn.is_under_way = True
        self.under_way += 1
        tracked = turn.tracked
        is_whole = tracked.unmapped is None or tracked.tally.polls % _COUNT_UNMAPPED_EVERY == 0
        turn.run.start(self._arrive, turn, is_whole=is_whole)

    def _arrive(self, turn: ScheduleEntry, poll: PollResult) -> None:
        """Take in the outcome of a poll, and plan the next."""
        try:
            self._targets.record(turn.tracked, poll)
        except Exception:  # noqa: BLE001 - a bug ends one poll alone
            _log.exception("snapshot failed", extra={"facts": {"target": turn.tracked.target.name}})
            poll = poll._replace(outcome=PollError(Reason.INTERNAL, CRASHED))
            self._targets.record(turn.tracked, poll)
        pause = 0.0
        if isinstance(poll.outcome, PollError):
            turn.failures += 1
            pause = poll.outcome.retry_after
        else:
            turn.failures = 0
        self._make_place(turn)
        self._plan_next(turn, poll.taken, pause)
        if turn.over is not None:
            _release(turn)

    def _make_place(self, turn: ScheduleEntry) -> None:
        """Give the place of a poll that has ended to the next one that waits for the host."""
        turn.is_under_way = False
        self.under_way -= 1
        following = self._places.leave(turn.host)
        while following is not None and following.is_gone:
            following = self._places.next_waiting(turn.host)
        if following is not None:
            self._leave(following, self._clock.monotonic())

    def _plan_next(self, turn: ScheduleEntry, now: float, pause: float) -> None:
        target = turn.tracked.target
        turn.pause_ends = now + min(pause, LONGEST_PAUSE) if pause else now
        was_for_probe, turn.is_for_probe = turn.is_for_probe, False
        if target.on_probe:
            return
        due = turn.due + target.interval
        if was_for_probe:
            # Probes that come as often as it is polled are a tick ahead of its own turns, always.
            due = turn.due + rounds(turn.failures) * target.interval + self._slots.seconds
            due = max(due, turn.pause_ends)
        elif turn.failures or due <= now or not turn.is_in_rhythm:
            due = next_turn(
                target.name,
                target.interval,
                start=self._start,
                due=turn.due,
                now=now,
                failures=turn.failures,
                pause=pause,
            )
        turn.is_in_rhythm = not was_for_probe
        self._slots.put(turn, due)


def _clients_of(tracked: Sequence[TargetState]) -> Counter[Client]:
    """Count the clients; by identity first, since equality of ten thousand takes its time."""
    known = {id(one.target.client): one.target.client for one in tracked}
    counts = Counter(id(one.target.client) for one in tracked)
    found: Counter[Client] = Counter()
    for identity, number in counts.items():
        found[known[identity]] += number
    return found


def _release(turn: ScheduleEntry) -> None:
    """Tell the probes that wait for the turn's poll that it is over."""
    if turn.over is not None:
        turn.over.set_result(None)
        turn.over = None
