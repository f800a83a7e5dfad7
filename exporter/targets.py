"""The live set of targets, each with its last snapshot: the one place where state is kept.

A snapshot is replaced in one assignment, and never changed. A failed poll's snapshot has none of
the vendor's series. The set itself is replaced as a whole, too: targets that stay the same keep
all that is known of them. Log lines tell of changes, not of each poll.
"""

import logging
import math
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.extract import Reading
from exporter.poll.request import build
from exporter.poll.snapshot import Poll, Renderer, Snapshot, Tally
from exporter.settings import Settings, Target
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry

_log = logging.getLogger(__name__)


# The number of a target that is not, or no longer, one of the set.
_NOWHERE = -1


class Tracked:
    """One target with what is known of it."""

    def __init__(self, target: Target, tally: Tally) -> None:
        self.target = target
        self.number = _NOWHERE
        self.requests = build(target)
        self.snapshot: Snapshot | None = None
        self.tally = tally
        self.renderer = Renderer(target)
        self.faulty: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of the set: a target that was altered both went and came."""

    come: tuple[Tracked, ...] = ()
    gone: tuple[Tracked, ...] = ()

    def __str__(self) -> str:
        came = {tracked.target.name for tracked in self.come}
        went = {tracked.target.name for tracked in self.gone}
        return f"{len(came - went)} new, {len(came & went)} changed, {len(went - came)} gone"


PollNow = Callable[[Tracked, float, float], Awaitable[None]]
"""Sees to it that a target has a snapshot younger than so many seconds, within so many seconds."""


async def _nobody_polls(_tracked: Tracked, _max_age: float, _within: float) -> None:
    pass


class Targets:
    """Every target, in the order of the configuration."""

    def __init__(self, settings: Settings, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._targets: Sequence[Target] = ()
        self._tracked: list[Tracked] = []
        self._named: dict[str, Tracked] = {}
        # Beside each other, so that a scrape need not walk ten thousand objects to find them; those
        # of targets polled on probe are not for scrapes, and not among them.
        self._snapshots: list[Snapshot | None] = []
        self._expires = array("d")
        self._waiting = 0
        self._was_ready = False
        self.followers: list[Callable[[Change], None]] = []
        """Told of every change, in this order."""
        self.poll_now: PollNow = _nobody_polls
        """How a target is polled out of its turn: left here by the schedule."""
        self.replace(settings.targets)

    def __iter__(self) -> Iterator[Tracked]:
        return iter(self._tracked)

    def __len__(self) -> int:
        return len(self._tracked)

    def named(self, name: str) -> Tracked | None:
        """Return the target of this name."""
        return self._named.get(name)

    @property
    def systems(self) -> frozenset[str]:
        """The names of the systems there are, and of those that targets have besides."""
        return frozenset(SYSTEMS) | {target.system.name for target in self._targets}

    @property
    def waiting(self) -> int:
        """How many targets have not had their first poll, of those that get it by themselves."""
        return self._waiting

    @property
    def is_ready(self) -> bool:
        """Whether every target had its first poll, once: one that is added later changes nothing.

        Were it otherwise, each reload would take the exporter out of its load balancer.
        """
        self._was_ready = self._was_ready or not self._waiting
        return self._was_ready

    def replace(self, targets: Sequence[Target]) -> Change:
        """Make these the targets; those that are the same stay as they are, snapshot and all."""
        tracked = [self._taken_over(self.named(target.name), target) for target in targets]
        kept = set(tracked)
        gone = tuple(one for one in self if one not in kept)
        change = Change(come=tuple(one for one in tracked if one.number == _NOWHERE), gone=gone)
        expires = [
            math.inf if one.number == _NOWHERE else self._expires[one.number] for one in tracked
        ]
        for one in gone:
            one.number = _NOWHERE
        for number, one in enumerate(tracked):
            one.number = number
        self._tracked, self._targets = tracked, tuple(one.target for one in tracked)
        self._named = {one.target.name: one for one in tracked}
        self._snapshots = [None if one.target.on_probe else one.snapshot for one in tracked]
        self._expires = array("d", expires)
        on_probe = sum(one.target.on_probe for one in tracked)
        self._waiting = self._snapshots.count(None) - on_probe
        self._telemetry.targets.clear()
        for system, count in Counter(target.system.name for target in targets).items():
            self._telemetry.targets.labels(system).set(count)
        for follow in self.followers:
            follow(change)
        return change

    @staticmethod
    def _taken_over(old: Tracked | None, target: Target) -> Tracked:
        if old is None:
            return Tracked(target, Tally())
        if old.target is target or old.target == target:
            return old
        # What is counted goes on being counted, so that a new interval does not look like a restart.
        return Tracked(target, old.tally if old.target.system is target.system else Tally())

    def record(self, tracked: Tracked, poll: Poll) -> None:
        """Take in the outcome of a poll: count it, tell of changes, replace the snapshot."""
        if tracked.number == _NOWHERE:
            return  # It went while it was polled.
        before = tracked.tally
        tally = Tally(before.polls + 1, before.failures, before.last_success)
        if isinstance(poll.outcome, Reading):
            tally = Tally(before.polls + 1, before.failures, poll.ended)
            if poll.outcome.faults or tracked.faulty:
                self._note_faults(tracked, poll.outcome)
        self._show(tracked, poll, tally)

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

    def _show(self, tracked: Tracked, poll: Poll, tally: Tally) -> None:
        if isinstance(poll.outcome, PollError):
            reason = poll.outcome.reason
            failures = {**tally.failures, reason: tally.failures.get(reason, 0) + 1}
            tally = replace(tally, failures=failures)
        self._note_change(tracked, poll)
        snapshot = tracked.renderer.render(poll, tally)
        if snapshot.duplicates:
            system = tracked.target.system.name
            self._telemetry.duplicate_series.labels(system).inc(snapshot.duplicates)
        if not tracked.target.on_probe:
            self._waiting -= tracked.snapshot is None
            self._snapshots[tracked.number] = snapshot
        tracked.tally, tracked.snapshot = tally, snapshot
        # When it becomes too old, by the monotonic clock; never where it is down.
        expires = poll.taken + tracked.target.max_age if snapshot.up else math.inf
        self._expires[tracked.number] = expires

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
