"""Decides when each target is due and polls it then: in ticks, spread out, never twice at once.

Due polls leave together at the next tick, since waking up costs more than a poll does. A
target's phase follows from its name alone, so that a restart does not bunch targets up. What
fails is asked less often, up to every fifth interval, and not before the vendor said. A probe
polls a target out of its turn, and its next turn is then an interval later.
"""

import asyncio
import heapq
import logging
import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

from exporter.clock import Clock
from exporter.declare.extraction import Extraction
from exporter.errors import LateError, PollError, Reason
from exporter.http.connections import Connections
from exporter.pipeline.render import MANY_SERIES, Poll
from exporter.runtime.bucket import Bucket
from exporter.runtime.poll import poll
from exporter.runtime.rhythm import (
    LONGEST_PAUSE,
    LONGEST_TICK,
    next_turn,
    phase,
    rounds,
    tick_seconds,
)
from exporter.runtime.targets import Change, Targets, Tracked
from exporter.settings import Client
from exporter.telemetry import Telemetry

_log = logging.getLogger(__name__)

# Polls that leave in one turn of the event loop: their answers come together, too, and scrapes must
# not wait for all of them.
_MOST_A_TURN = 8

# Polls under way at once, as far as the limit of open files allows: what hangs holds a place for
# its whole timeout, and with fewer places a thousand dead targets would hold up the others.
_MOST_AT_ONCE = 8000
# Of one host: the many targets of one API are one server to it.
_MOST_A_HOST = 256
# The first polls come at this rate at the least, so that a few targets are known at once and ten
# thousand do not start in one burst.
_FIRST_SECONDS_EACH = 0.01
# Looking for what no field takes costs as much as reading all that they do; once an hour will do.
_LOOK_EVERY = 240
# Entries of the heap that count no more, beyond one for each turn, before it is made anew.
_MOST_DEAD_ENTRIES = 100


@dataclass(slots=True)
class Turn:
    """One target's place in the schedule."""

    tracked: Tracked
    host: tuple[str, int]
    due: float = 0.0
    entry: float = math.inf
    """The moment of its entry in the heap: it may come up before it is due, and any other is dead."""
    pause_ends: float = -math.inf
    failures: int = 0
    is_reserved: bool = False
    is_queued: bool = False
    is_for_probe: bool = False
    is_gone: bool = False
    task: "asyncio.Task[None] | None" = None
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
        most_files: int,
    ) -> None:
        self._targets = targets
        self._connections = connections
        self._telemetry = telemetry
        self._clock = clock
        self._start = clock.monotonic()
        self._tick_seconds = LONGEST_TICK
        self._due: list[tuple[float, int, Turn]] = []
        self._order = count()  # Of two that are due at one moment, the first that was added.
        self._turns: dict[Tracked, Turn] = {}
        self._most = max(1, min(_MOST_AT_ONCE, most_files))
        self._polling: set[asyncio.Task[None]] = set()
        self._busy: Counter[tuple[str, int]] = Counter()
        self._queues: dict[tuple[str, int], deque[Turn]] = {}
        self._buckets: dict[str, Bucket] = {}
        # Counted, since to ask ten thousand targets for each change takes too long.
        self._clients: Counter[Client] = Counter()
        self._intervals: Counter[float] = Counter()
        self._follow(Change(come=tuple(targets)))
        targets.followers.append(self._follow)
        targets.poll_now = self.poll_now
        targets.due_in = self.due_in

    async def run(self) -> None:
        """Poll until cancelled; what is under way then is cancelled too."""
        try:
            await self._tick()
        finally:
            self._queues.clear()  # What ends must not start what waits for its place.
            for task in self._polling:
                task.cancel()
            await asyncio.gather(*self._polling, return_exceptions=True)
            for turn in self._turns.values():
                _release(turn)

    async def poll_now(self, tracked: Tracked, max_age: float, within: float) -> None:
        """Poll the target out of its turn, or wait for the poll of it that is under way.

        There is none where the last one is younger than `max_age`, nor while the vendor wants to be
        left alone: what was said last holds then.

        Raises:
            LateError: It did not end within so many seconds. It goes on, for whoever asks next.
        """
        turn, now = self._turns[tracked], self._clock.monotonic()
        snapshot = tracked.snapshot
        youngest = now - min(max_age, tracked.target.max_age)
        if now < turn.pause_ends or (snapshot and snapshot.poll.taken > youngest):
            return
        if turn.over is None:
            turn.over = asyncio.get_running_loop().create_future()
            if not (turn.task or turn.is_queued or turn.is_reserved):
                self._bring_forward(turn, now)
        # It takes nothing with it when it ends early: others wait for the same.
        done, _ = await asyncio.wait([turn.over], timeout=within)
        if not done:
            raise self._late(turn)

    def due_in(self, tracked: Tracked) -> float | None:
        """Return in how many seconds the target is polled next; None where nobody plans to."""
        turn = self._turns.get(tracked)
        if turn is None or (tracked.target.on_probe and not turn.task):
            return None
        return 0.0 if turn.task else max(0.0, turn.due - self._clock.monotonic())

    def _late(self, turn: Turn) -> LateError:
        target = turn.tracked.target
        if turn.task:
            return LateError(
                f'"{target.name}" did not answer in time; its poll goes on', began=True
            )
        why = "the exporter has no place for it"
        if turn.is_queued:
            why = f"the {_MOST_A_HOST} places of its host are taken"
        elif turn.is_reserved:
            why = f'the rate_limit of the client "{target.client.name}" puts it off'
        return LateError(f'"{target.name}" could not be polled in time: {why}', began=False)

    def _bring_forward(self, turn: Turn, now: float) -> None:
        turn.is_for_probe = True
        if len(self._polling) >= self._most:
            self._plan(turn, now)
        else:
            turn.due = now
            self._leave(turn, now)

    def _follow(self, change: Change) -> None:
        """Give new targets their first turn and end those of the old; others keep their rhythm."""
        for tracked in change.gone:
            turn = self._turns.pop(tracked)
            turn.is_gone = True  # It is dropped where it stands, when it comes up.
            if turn.task:
                turn.task.cancel()
            _release(turn)
        now = self._clock.monotonic()
        for tracked in change.come:
            # Those that came shortly before may be waiting, too.
            crowd = self._targets.waiting + self._targets.coming
            spread = min(tracked.target.interval, _FIRST_SECONDS_EACH * crowd)
            request = tracked.requests[0]
            turn = self._turns[tracked] = Turn(tracked, (request.host, request.port))
            if not tracked.target.on_probe:
                self._plan(turn, now + phase(tracked.target.name, spread))
            client = tracked.target.client
            bucket = self._buckets.get(client.name)
            if client.rate_limit is None:
                self._buckets.pop(client.name, None)
            elif bucket is None or bucket.limit != client.rate_limit:
                self._buckets[client.name] = Bucket(client.rate_limit)
        self._intervals.update(one.target.interval for one in change.come)
        self._intervals.subtract(one.target.interval for one in change.gone)
        self._tick_seconds = tick_seconds(+self._intervals)
        self._clients.update(_clients_of(change.come))
        if change.gone:
            self._clients.subtract(_clients_of(change.gone))
            self._connections.prune({one for one, count in self._clients.items() if count})

    async def _tick(self) -> None:
        planned = aging = self._start
        while True:
            now = self._clock.monotonic()
            if now >= aging:
                self._targets.age()  # Whether somebody asks or not.
                aging = now + 1.0
            self._telemetry.loop_lag.observe(max(0.0, now - planned))
            while self.leave_due(now):  # noqa: ASYNC110 - others have their turn, too
                await asyncio.sleep(0)
            planned = max(planned + self._tick_seconds, self._clock.monotonic())
            await asyncio.sleep(planned - self._clock.monotonic())

    def leave_due(self, now: float) -> bool:
        """Start some of the polls that are due, and say whether there are more to start now."""
        for _ in range(_MOST_A_TURN):
            if not self._due or self._due[0][0] > now or len(self._polling) >= self._most:
                return False
            moment, _, turn = heapq.heappop(self._due)
            if turn.is_gone or moment != turn.entry:
                continue
            turn.entry = math.inf
            if turn.due > now:
                self._plan(turn, turn.due)  # A probe came meanwhile.
            elif not (turn.task or turn.is_queued):
                self._leave(turn, now)
        return True

    def _plan(self, turn: Turn, due: float) -> None:
        """Have the turn come up when it is due; an entry that comes up before that will do, too."""
        turn.due = due
        if due >= turn.entry:
            return
        turn.entry = due
        heapq.heappush(self._due, (due, next(self._order), turn))
        if len(self._due) > 2 * len(self._turns) + _MOST_DEAD_ENTRIES:
            self._due = [one for one in self._due if one[0] == one[2].entry and not one[2].is_gone]
            heapq.heapify(self._due)

    def _leave(self, turn: Turn, now: float) -> None:
        """Start the poll, or put it off where its client or host has no place for it."""
        bucket = self._buckets.get(turn.tracked.target.client.name)
        if bucket and not turn.is_reserved:
            moment = bucket.reserve(now, len(turn.tracked.requests))
            turn.is_reserved = True
            if moment > now:
                self._plan(turn, moment)
                return
        if self._busy[turn.host] >= _MOST_A_HOST:
            turn.is_queued = True
            self._queues.setdefault(turn.host, deque()).append(turn)
            return
        # It was due since the last tick at the earliest; a whole tick more is late.
        if now - turn.due > 2 * self._tick_seconds:
            self._telemetry.late_polls.inc()
        self._busy[turn.host] += 1
        turn.is_reserved = turn.is_queued = False
        self._depart(turn, turn.due)

    def _depart(self, turn: Turn, due: float) -> None:
        task = turn.task = asyncio.create_task(self._poll(turn, due))
        self._polling.add(task)
        # Not by the task itself: one that is cancelled before it began never runs.
        task.add_done_callback(partial(self._arrive, turn))

    def _arrive(self, turn: Turn, task: "asyncio.Task[None]") -> None:
        """Give the place of a poll that is over to the next one that waits for the host."""
        turn.task = None
        _release(turn)
        self._polling.discard(task)
        if turn.entry == math.inf and not (turn.is_gone or turn.tracked.target.on_probe):
            # A tick came since the poll ended, and dropped the next turn as the task was still set.
            self._plan(turn, turn.due)
        self._busy[turn.host] -= 1
        if not self._busy[turn.host]:
            del self._busy[turn.host]
        queue = self._queues.get(turn.host, deque())
        while queue:
            first = queue.popleft()
            if not first.is_gone:
                self._leave(first, self._clock.monotonic())
                break
        if not queue:
            self._queues.pop(turn.host, None)

    async def _poll(self, turn: Turn, due: float) -> None:
        tracked = turn.tracked
        pause = 0.0
        try:
            looked, polls = tracked.renderer.unmapped, tracked.tally.polls
            outcome = await poll(
                tracked.target,
                tracked.requests,
                self._connections,
                self._clock,
                trees=[] if looked is None or polls % _LOOK_EVERY == 0 else None,
            )
            await self._record(tracked, outcome)
            if isinstance(outcome.outcome, PollError):
                turn.failures += 1
                pause = outcome.outcome.retry_after
            else:
                turn.failures = 0
        finally:
            # Only now is it due again: however long this took, polls of it never overlap.
            self._plan_next(turn, due, pause)

    def _plan_next(self, turn: Turn, due: float, pause: float) -> None:
        target, now = turn.tracked.target, self._clock.monotonic()
        turn.pause_ends = now + min(pause, LONGEST_PAUSE)
        was_for_probe, turn.is_for_probe = turn.is_for_probe, False
        if target.on_probe:
            return
        if was_for_probe:
            # Probes that come as often as it is polled are a tick ahead of its own turns, always.
            due += rounds(turn.failures) * target.interval + self._tick_seconds
            self._plan(turn, max(due, turn.pause_ends))
            return
        again = next_turn(
            target.name,
            target.interval,
            start=self._start,
            due=due,
            now=now,
            failures=turn.failures,
            pause=pause,
        )
        self._plan(turn, again)

    async def _record(self, tracked: Tracked, outcome: Poll) -> None:
        try:
            if (
                isinstance(outcome.outcome, Extraction)
                and len(outcome.outcome.samples) > MANY_SERIES
            ):
                await asyncio.to_thread(tracked.renderer.prepare, outcome.outcome)
            self._targets.record(tracked, outcome)
        except Exception:  # noqa: BLE001 - a mistake of ours stops at one target
            _log.exception("snapshot failed", extra={"facts": {"target": tracked.target.name}})
            broken = PollError(Reason.INTERNAL, "a fault of the exporter, see its log")
            self._targets.record(
                tracked, Poll(broken, outcome.duration, outcome.ended, outcome.taken)
            )


def _clients_of(tracked: Sequence[Tracked]) -> Counter[Client]:
    """Count the clients; by identity first, since equality of ten thousand takes its time."""
    known = {id(one.target.client): one.target.client for one in tracked}
    counts = Counter(id(one.target.client) for one in tracked)
    found: Counter[Client] = Counter()
    for identity, number in counts.items():
        found[known[identity]] += number
    return found


def _release(turn: Turn) -> None:
    """Tell the probes that wait for the turn's poll that it is over."""
    if turn.over is not None:
        turn.over.set_result(None)
        turn.over = None
