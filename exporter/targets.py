"""The live set of targets, each with its last snapshot: the one place where state is kept.

A snapshot is replaced in one assignment, and never changed. A failed poll's snapshot has none of
the vendor's series. Log lines tell of changes, not of each poll.
"""

import logging
import math
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.extract import Reading
from exporter.poll.request import build
from exporter.poll.snapshot import Poll, Renderer, Snapshot, Tally
from exporter.settings import Settings, Target
from exporter.telemetry import Telemetry

_log = logging.getLogger(__name__)


class Tracked:
    """One target with what is known of it."""

    def __init__(self, target: Target, number: int) -> None:
        self.target = target
        self.number = number
        self.requests = build(target)
        self.snapshot: Snapshot | None = None
        self.tally = Tally()
        self.renderer = Renderer(target)
        self.faulty: frozenset[str] = frozenset()


class Targets:
    """Every target, in the order of the configuration."""

    def __init__(self, settings: Settings, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._targets = settings.targets
        self._tracked = [Tracked(target, at) for at, target in enumerate(settings.targets)]
        # Beside each other, so that a scrape need not walk ten thousand objects to find them.
        self._snapshots: list[Snapshot | None] = [None] * len(self._targets)
        self._expires = array("d", [math.inf]) * len(self._targets)
        for system, count in Counter(t.system.name for t in settings.targets).items():
            telemetry.targets.labels(system).set(count)

    def __iter__(self) -> Iterator[Tracked]:
        return iter(self._tracked)

    def __len__(self) -> int:
        return len(self._tracked)

    @property
    def waiting(self) -> int:
        """How many targets have not had their first poll."""
        return sum(tracked.snapshot is None for tracked in self)

    def record(self, tracked: Tracked, poll: Poll) -> Snapshot:
        """Take in the outcome of a poll: count it, tell of changes, replace the snapshot."""
        before = tracked.tally
        tally = Tally(before.polls + 1, before.failures, before.last_success)
        if isinstance(poll.outcome, Reading):
            tally = Tally(before.polls + 1, before.failures, poll.ended)
            if poll.outcome.faults or tracked.faulty:
                self._note_faults(tracked, poll.outcome)
        return self._show(tracked, poll, tally)

    def snapshots(self) -> list[tuple[Target, Snapshot]]:
        """Return what there is to show, at one moment; what is too old is failed first."""
        self.age()
        pairs = zip(self._targets, self._snapshots, strict=True)
        return [(target, snapshot) for target, snapshot in pairs if snapshot is not None]

    def age(self) -> None:
        """Fail what is older than its target allows."""
        now = self._clock.monotonic()
        if min(self._expires, default=math.inf) >= now:
            return
        for tracked in [one for one in self if self._expires[one.number] < now]:
            snapshot = tracked.snapshot
            if snapshot is not None:
                age = now - snapshot.poll.taken
                stale = PollError(Reason.STALE, f"the last poll was {age:.0f}s ago")
                self._show(tracked, replace(snapshot.poll, outcome=stale), tracked.tally)

    def _show(self, tracked: Tracked, poll: Poll, tally: Tally) -> Snapshot:
        if isinstance(poll.outcome, PollError):
            reason = poll.outcome.reason
            failures = {**tally.failures, reason: tally.failures.get(reason, 0) + 1}
            tally = replace(tally, failures=failures)
        self._note_change(tracked, poll)
        snapshot = tracked.renderer.render(poll, tally)
        if snapshot.duplicates:
            system = tracked.target.system.name
            self._telemetry.duplicate_series.labels(system).inc(snapshot.duplicates)
        tracked.tally, tracked.snapshot = tally, snapshot
        self._snapshots[tracked.number] = snapshot
        # When it becomes too old, by the monotonic clock; never where it is down.
        expires = poll.taken + tracked.target.max_age if snapshot.up else math.inf
        self._expires[tracked.number] = expires
        return snapshot

    def _note_change(self, tracked: Tracked, poll: Poll) -> None:
        before = tracked.snapshot.poll.outcome if tracked.snapshot else None
        after = poll.outcome
        was = before.reason if isinstance(before, PollError) else None
        now = after.reason if isinstance(after, PollError) else None
        if was is now:
            return
        facts = {"target": tracked.target.name, "system": tracked.target.system.name}
        if isinstance(after, PollError):
            told = {"reason": after.reason, "detail": after.detail}
            _log.warning("target down", extra={"facts": facts | told})
        else:
            _log.info("target up again", extra={"facts": facts})

    def _note_faults(self, tracked: Tracked, reading: Reading) -> None:
        system = tracked.target.system.name
        for fault in reading.faults:
            self._telemetry.unreadable_fields.labels(system, fault.metric).inc()
        faulty = frozenset(fault.metric for fault in reading.faults)
        for fault in reading.faults:
            if fault.metric not in tracked.faulty:
                facts = {"target": tracked.target.name, "metric": fault.metric}
                _log.warning("field unreadable", extra={"facts": facts | {"why": fault.message}})
        tracked.faulty = faulty
