"""Decides when each target is due and polls it then: in ticks, spread out, never twice at once.

Due polls leave together at the next tick, since waking up costs more than a poll does. A
target's phase follows from its name alone, so that a restart does not bunch targets up.
"""

import asyncio
import heapq
import logging
from zlib import crc32

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.cycle import poll
from exporter.poll.fetch import Connections
from exporter.poll.snapshot import Poll
from exporter.targets import Targets, Tracked
from exporter.telemetry import Telemetry

_log = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between two looks at what is due."""

# Polls under way at once, as far as the limit of open files allows: what hangs holds a place for
# its whole timeout, and with fewer places a thousand dead targets would hold up the others.
_MOST_AT_ONCE = 8000
# The first polls come at this rate at the least, so that a few targets are known at once and ten
# thousand do not start in one burst.
_FIRST_SECONDS_EACH = 0.01


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
        self._due: list[tuple[float, int, Tracked]] = []
        self._most = max(1, min(_MOST_AT_ONCE, most_files))
        self._polling: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Poll until cancelled; what is under way then is cancelled too."""
        start = self._clock.monotonic()
        for number, tracked in enumerate(self._targets):
            spread = min(tracked.target.interval, _FIRST_SECONDS_EACH * len(self._targets))
            first = start + phase(tracked.target.name, spread)
            heapq.heappush(self._due, (first, number, tracked))
        try:
            await self._tick(start)
        finally:
            for task in self._polling:
                task.cancel()
            await asyncio.gather(*self._polling, return_exceptions=True)

    async def _tick(self, start: float) -> None:
        planned = aging = start
        while True:
            now = self._clock.monotonic()
            if now >= aging:
                self._targets.snapshots()  # Ages what is too old, whether somebody asks or not.
                aging = now + 1.0
            self._telemetry.loop_lag.observe(max(0.0, now - planned))
            while self._due and self._due[0][0] <= now and len(self._polling) < self._most:
                due, number, tracked = heapq.heappop(self._due)
                task = asyncio.create_task(self._poll(tracked, number, due, start))
                self._polling.add(task)
                task.add_done_callback(self._polling.discard)
            planned = max(planned + TICK, self._clock.monotonic())
            await asyncio.sleep(planned - self._clock.monotonic())

    async def _poll(self, tracked: Tracked, number: int, due: float, start: float) -> None:
        try:
            outcome = await poll(tracked.target, tracked.requests, self._connections, self._clock)
            self._record(tracked, outcome)
        finally:
            # Only now is it due again: however long this took, polls of it never overlap.
            after = max(self._clock.monotonic(), due + tracked.target.interval / 2)
            again = next_due(tracked.target.name, tracked.target.interval, start, after)
            heapq.heappush(self._due, (again, number, tracked))

    def _record(self, tracked: Tracked, outcome: Poll) -> None:
        try:
            self._targets.record(tracked, outcome)
        except Exception:  # noqa: BLE001 - a mistake of ours stops at one target
            _log.exception("snapshot failed", extra={"facts": {"target": tracked.target.name}})
            broken = PollError(Reason.INTERNAL, "a fault of the exporter, see its log")
            self._targets.record(
                tracked, Poll(broken, outcome.duration, outcome.ended, outcome.taken)
            )


def phase(name: str, interval: float) -> float:
    """Return the seconds into each interval at which the target of this name is polled."""
    return crc32(name.encode()) / 2**32 * interval


def next_due(name: str, interval: float, start: float, after: float) -> float:
    """Return the first moment of the target's rhythm since `start` that is later than `after`."""
    first = start + phase(name, interval)
    rounds = max(0, int((after - first) // interval) + 1)
    return first + rounds * interval
