"""Polls each target on its interval, in ticks; polls of one target never overlap.

Due polls start together at a tick, since waking up costs more than a poll. A target's phase is
derived from its name alone, so that a restart does not bunch targets up. A target that fails is
polled less often, up to every fifth interval, and not before the pause that the vendor requested.
A probe polls a target ahead of schedule; its next regular poll is then an interval later.
"""

import asyncio
import gc
import logging
from collections import Counter, deque
from dataclasses import dataclass

from msgspec.structs import replace

from exporter.clock import Clock
from exporter.errors import UNEXPECTED, PollError, ProbeDeadlineError, Reason
from exporter.http.connections import Connections
from exporter.http.shared_login import LONGEST_PAUSE
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.host_queues import MAX_A_HOST, Host, HostQueues
from exporter.runtime.poll_run import PollRun
from exporter.runtime.slots import Slots
from exporter.runtime.target_state import TargetChanges, TargetState
from exporter.runtime.targets import Targets
from exporter.runtime.timing import MIN_TICK, next_due, next_tick, phase, rounds, tick_seconds
from exporter.telemetry import Telemetry
from exporter.toolkit.token_bucket import TokenBucket

_log = logging.getLogger(__name__)

# Scrapes must not wait until all polls of a tick have started.
_MAX_STARTS_PER_LOOP_TURN = 32

# Concurrent polls, as far as the limit of open files allows. A target that hangs occupies one for its
# whole timeout: with a lower limit a thousand dead targets would delay the others.
_MAX_AT_ONCE = 8000
# Minimum rate of first polls: a few targets are known at once, and ten thousand do not start in one
# burst.
_FIRST_SECONDS_EACH = 0.01
# A little less than the longest tick, so that none of them leaves it out.
_AGING_SECONDS = 0.9
# Counting unmapped values costs as much as reading all fields: do it about once an hour.
_COUNT_UNMAPPED_EVERY = 240


@dataclass(slots=True, eq=False)
class ScheduleEntry:
    """One target in the schedule."""

    tracked: TargetState
    run: PollRun
    host: Host
    due: float = 0.0
    slot: int | None = None
    """Its slot, if it has one."""
    pause_ends: float = float("-inf")
    failures: int = 0
    """Failed polls in a row."""
    is_ready: bool = False
    """Whether its tick has come and its poll has not started."""
    is_reserved: bool = False
    """Whether it has reserved a moment within its client's rate limit."""
    is_queued: bool = False
    """Whether it waits in the queue of its host."""
    is_for_probe: bool = False
    is_under_way: bool = False
    is_regular: bool = False
    """Whether its last poll was at the phase of its target."""
    over: "asyncio.Future[None] | None" = None
    """Future that probes share: it is done when the current or next poll has ended."""


class Schedule:
    """Polls every target on its interval while `run` is running."""

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
        self._slots = Slots[ScheduleEntry](self._start, MIN_TICK)
        self._seconds = MIN_TICK  # Of the present tick.
        self._steady_seconds = MIN_TICK  # Of a tick while nothing requires a short one.
        self._ready: deque[ScheduleEntry] = deque()
        self._entries: dict[TargetState, ScheduleEntry] = {}
        self._max_at_once = max(1, min(_MAX_AT_ONCE, max_files))
        self.under_way = 0
        """How many polls have begun and not ended."""
        self._host_queues = HostQueues[ScheduleEntry]()
        self._buckets: dict[str, TokenBucket] = {}
        self._update(TargetChanges(added=tuple(targets)))
        targets.subscribe(self._update)

    async def run(self) -> None:
        """Poll until cancelled; polls under way are cancelled, too."""
        try:
            await self._tick()
        finally:
            for entry in self._entries.values():
                if entry.is_under_way:
                    entry.run.cancel()
                _release(entry)

    async def poll_now(self, tracked: TargetState, max_age: float, within: float) -> None:
        """Poll the target ahead of schedule, or wait for the poll that is under way.

        The last result is good enough if it is younger than `max_age` seconds, or while the vendor
        has requested a pause.

        Raises:
            ProbeDeadlineError: The poll did not end within so many seconds. It continues, for later
                probes.
        """
        entry, now = self._entries[tracked], self._clock.monotonic()
        snapshot = tracked.snapshot
        youngest = now - min(max_age, tracked.target.max_age)
        if now < entry.pause_ends or (snapshot and snapshot.poll.taken > youngest):
            return
        if entry.over is None:
            entry.over = asyncio.get_running_loop().create_future()
            if not (entry.is_under_way or entry.is_queued or entry.is_reserved):
                self._bring_forward(entry, now)
        # asyncio.wait does not cancel on timeout; other probes share this future.
        done, _ = await asyncio.wait([entry.over], timeout=within)
        if not done:
            raise self._deadline_error(entry)

    def due_in(self, tracked: TargetState) -> float | None:
        """Return in how many seconds the target is polled next; None if only a probe polls it."""
        entry = self._entries.get(tracked)
        if entry is None or (tracked.target.on_probe and not entry.is_under_way):
            return None
        return 0.0 if entry.is_under_way else max(0.0, entry.due - self._clock.monotonic())

    def _deadline_error(self, entry: ScheduleEntry) -> ProbeDeadlineError:
        target = entry.tracked.target
        if entry.is_under_way:
            return ProbeDeadlineError(
                f'"{target.name}" did not answer in time; its poll continues', began=True
            )
        why = "the exporter has no place for it"
        if entry.is_queued:
            why = f"the {MAX_A_HOST} places of its host are taken"
        elif entry.is_reserved:
            why = f'the rate_limit of the client "{target.client.name}" puts it off'
        return ProbeDeadlineError(
            f'"{target.name}" could not be polled in time: {why}', began=False
        )

    def _bring_forward(self, entry: ScheduleEntry, now: float) -> None:
        entry.is_for_probe = True
        self._slots.remove(entry)
        entry.due = now
        if self.under_way < self._max_at_once:
            self._start_poll(entry, now)
        elif not entry.is_ready:
            entry.is_ready = True
            self._ready.append(entry)

    def _update(self, change: TargetChanges) -> None:
        """Schedule new targets and cancel removed ones; the timing of the others stays."""
        for tracked in change.removed:
            entry = self._entries.pop(tracked)
            entry.is_ready = entry.is_queued = False  # The queues skip it.
            self._slots.remove(entry)
            if entry.is_under_way:
                entry.run.cancel()
                self._free_slot(entry)
            _release(entry)
        # Targets that were added shortly before may also wait for their first poll.
        crowd = self._targets.waiting + change.following
        for tracked in change.added:
            self._add(tracked, crowd)
        self._steady_seconds = tick_seconds(Counter([one.target.interval for one in self._entries]))
        if change.removed:
            # By identity first, since comparing ten thousand clients is slow.
            clients = {id(one.target.client): one.target.client for one in self._entries}
            used = set(clients.values())
            self._connections.prune(used)
            for name in self._buckets.keys() - {one.name for one in used}:
                del self._buckets[name]

    def _add(self, tracked: TargetState, crowd: int) -> None:
        target, requests = tracked.target, tracked.requests
        run = PollRun(target, requests, self._connections, self._clock)
        entry = self._entries[tracked] = ScheduleEntry(tracked, run, requests[0].origin[1:])
        if not target.on_probe:
            spread = min(target.interval, _FIRST_SECONDS_EACH * crowd)
            self._slots.put(entry, self._clock.monotonic() + phase(target.name, spread))
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
                self._targets.age()  # Also without scrapes.
                if self._targets.waiting:
                    gc.freeze()  # Connections and series of first polls live long.
                aging = now + _AGING_SECONDS
            self._telemetry.loop_lag.observe(max(0.0, now - planned))
            # A timer may fire a little early; its tick counts as reached.
            while self.start_due(max(now, planned)):  # noqa: ASYNC110 - yields to scrapes
                await asyncio.sleep(0)
            now = self._clock.monotonic()
            # New targets do not wait, and polls with a rate limit do not bunch up.
            is_fine = self._targets.waiting or self._buckets
            self._seconds = MIN_TICK if is_fine else self._steady_seconds
            planned = next_tick(self._start, max(planned, now), self._seconds)
            await asyncio.sleep(planned - now)

    def start_due(self, now: float) -> bool:
        """Start some of the polls that are due, and return whether there are more to start now."""
        for entry in self._slots.take(now):
            entry.is_ready = True
            self._ready.append(entry)
        for _ in range(_MAX_STARTS_PER_LOOP_TURN):
            if not self._ready or self.under_way >= self._max_at_once:
                return False
            entry = self._ready.popleft()
            if entry.is_ready:
                self._start_poll(entry, now)
        return True

    def _start_poll(self, entry: ScheduleEntry, now: float) -> None:
        """Start the poll, or defer it if its client's rate or its host's limit is reached."""
        entry.is_ready = False
        # Few clients have a limit.
        bucket = self._buckets and self._buckets.get(entry.tracked.target.client.name)
        if bucket and not entry.is_reserved:
            moment = bucket.reserve(now, len(entry.tracked.requests))
            entry.is_reserved = True
            if moment > now:
                self._slots.put(entry, moment)
                return
        entry.is_queued = not self._host_queues.enter(entry.host, entry)
        if entry.is_queued:
            return
        # It became due after the tick before; a whole tick more is late.
        if now - entry.due > 2 * self._seconds:
            self._telemetry.late_polls.inc()
        entry.is_reserved = False
        entry.is_under_way = True
        self.under_way += 1
        tracked = entry.tracked
        is_whole = tracked.unmapped is None or tracked.counts.polls % _COUNT_UNMAPPED_EVERY == 0
        entry.run.start(self._record, entry, is_whole=is_whole)

    def _record(self, entry: ScheduleEntry, poll: PollResult) -> None:
        """Record the result of a poll, and schedule the next."""
        try:
            self._targets.record(entry.tracked, poll)
        except Exception:  # noqa: BLE001 - a bug ends one poll alone
            _log.exception(
                "snapshot failed", extra={"facts": {"target": entry.tracked.target.name}}
            )
            poll = replace(poll, outcome=PollError(Reason.INTERNAL, UNEXPECTED))
            self._targets.record(entry.tracked, poll)
        pause = 0.0
        if isinstance(poll.outcome, PollError):
            entry.failures += 1
            pause = poll.outcome.retry_after
        else:
            entry.failures = 0
        self._free_slot(entry)
        self._plan_next(entry, poll.taken, pause)
        if entry.over is not None:
            _release(entry)

    def _free_slot(self, entry: ScheduleEntry) -> None:
        """Start the next poll in the queue of the host after one has ended."""
        entry.is_under_way = False
        self.under_way -= 1
        following = self._host_queues.leave(entry.host)
        while following is not None and not following.is_queued:
            following = self._host_queues.next_waiting(entry.host)
        if following is not None:
            self._start_poll(following, self._clock.monotonic())

    def _plan_next(self, entry: ScheduleEntry, now: float, pause: float) -> None:
        target = entry.tracked.target
        interval = target.interval
        entry.pause_ends = now + min(pause, LONGEST_PAUSE) if pause else now
        was_for_probe, entry.is_for_probe = entry.is_for_probe, False
        if target.on_probe:
            return
        due = entry.due + interval
        if was_for_probe:
            # The extra tick keeps regular probes at the target's interval ahead of the schedule.
            due = entry.due + rounds(entry.failures) * interval + self._seconds
            due = max(due, entry.pause_ends)
        elif entry.failures or due <= now or not entry.is_regular:
            after = entry.due + (rounds(entry.failures) - 0.5) * interval
            due = next_due(target.name, interval, self._start, max(after, entry.pause_ends))
        entry.is_regular = not was_for_probe
        self._slots.put(entry, due)


def _release(entry: ScheduleEntry) -> None:
    """Wake up the probes that wait for the entry's poll."""
    if entry.over is not None:
        entry.over.set_result(None)
        entry.over = None
