"""The live set of targets, each with its last snapshot: the one place where state is kept.

A snapshot is replaced in one assignment, and never changed. A failed poll's snapshot has none of
the vendor's series. Log lines tell of changes, not of each poll.
"""

import logging
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

    def __init__(self, target: Target) -> None:
        self.target = target
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
        self._tracked = {target.name: Tracked(target) for target in settings.targets}
        for system, count in Counter(t.system.name for t in settings.targets).items():
            telemetry.targets.labels(system).set(count)

    def __iter__(self) -> Iterator[Tracked]:
        return iter(self._tracked.values())

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
        now = self._clock.monotonic()
        shown = []
        for tracked in self:
            snapshot = tracked.snapshot
            if snapshot is None:
                continue
            age = now - snapshot.poll.taken
            if snapshot.up and age > tracked.target.max_age:
                stale = PollError(Reason.STALE, f"the last poll was {age:.0f}s ago")
                snapshot = self._show(tracked, replace(snapshot.poll, outcome=stale), tracked.tally)
            shown.append((tracked.target, snapshot))
        return shown

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
