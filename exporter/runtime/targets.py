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
from exporter.declare.extraction import Extraction
from exporter.errors import PollError, Reason
from exporter.pipeline.render import Poll, Renderer, Snapshot, Tally
from exporter.pipeline.request import build
from exporter.settings import Settings, Target
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry

_log = logging.getLogger(__name__)


# Recent polls that are kept for people to look at; 10,000 targets keep 3 MB of them.
_MOST_RECENT = 60

# The number of a target that is not, or no longer, one of the set.
_NOWHERE = -1
_NO_POLLS = Tally()


class Tracked:
    """One target with what is known of it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.number = _NOWHERE
        self.requests = build(target)
        self.snapshot: Snapshot | None = None
        self.tally = _NO_POLLS
        self.renderer = Renderer(target)
        self.faulty: frozenset[str] = frozenset()
        self.is_cut = False
        self.words = " ".join((target.name, *target.labels.values())).lower()
        """What a search looks through."""
        self.recent = array("f")
        """How many seconds each of the last polls took; below 0 where it failed."""


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


DueIn = Callable[[Tracked], float | None]


def _nobody_knows(_tracked: Tracked) -> float | None:
    return None


async def _nobody_polls(_tracked: Tracked, _max_age: float, _within: float) -> None:
    pass


class Targets:
    """Every target, in the order of the configuration."""

    def __init__(self, settings: Settings, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._targets: Sequence[Target] = ()
        self._tracked: list[Tracked] = []
        self._known: dict[str, Tracked] = {}
        # By the identity of their targets, which they keep alive.
        self._built: dict[int, Tracked] = {}
        self._systems: Counter[str] = Counter()
        # Beside each other, so that a scrape need not walk ten thousand objects to find them; those
        # of targets polled on probe are not for scrapes, and not among them.
        self._snapshots: list[Snapshot | None] = []
        self._expires = array("d")
        self._waiting = self._on_probe = 0
        # Those that readiness waits for.
        self._awaited: set[Tracked] = set()
        self.untried = 0
        """How many discoveries have not been tried yet, which readiness waits for, too."""
        self.declared = frozenset(settings.systems)
        """The systems of the user's own, whether a target has them or not."""
        self._was_ready = False
        self.coming = 0
        """How many more will be new at once, where they come in portions."""
        self.followers: list[Callable[[Change], None]] = []
        """Told of every change, in this order."""
        self.poll_now: PollNow = _nobody_polls
        """How a target is polled out of its turn: left here by the schedule."""
        self.due_in: DueIn = _nobody_knows
        """In how many seconds the next poll is; the same."""
        self.replace(settings.targets)
        self._awaited = {one for one in self if not one.target.on_probe}

    def __iter__(self) -> Iterator[Tracked]:
        return iter(self._tracked)

    def __len__(self) -> int:
        return len(self._tracked)

    def named(self, name: str) -> Tracked | None:
        """Return the target of this name."""
        return self._known.get(name)

    @property
    def systems(self) -> frozenset[str]:
        """The names of the systems there are, and of those that targets still have."""
        return self.declared.union(SYSTEMS) | {target.system.name for target in self._targets}

    @property
    def waiting(self) -> int:
        """How many targets have not had their first poll, of those that get it by themselves."""
        return self._waiting

    @property
    def is_ready(self) -> bool:
        """Whether every target had its first poll, once: one that is added later changes nothing.

        Were it otherwise, each reload would take the exporter out of its load balancer. Targets
        that are discovered come later, too; that their lists were tried is waited for.
        """
        self._was_ready = self._was_ready or not (self._awaited or self.untried)
        return self._was_ready

    @property
    def missing(self) -> str:
        """What readiness waits for, in words."""
        parts = [f"{len(self._awaited)} of {len(self)} targets not polled yet"]
        if self.untried:
            parts.append(f"{self.untried} discoveries not tried yet")
        return ", ".join(parts)

    def take_over(self, settings: Settings) -> Change:
        """Make the targets of the settings the targets."""
        self.declared = frozenset(settings.systems)
        return self.replace(settings.targets)

    def prepare(self, targets: Sequence[Target]) -> tuple[Target, ...]:
        """Do beforehand, in whatever thread, what would hold up `replace` with these targets.

        What equals a target there is becomes that one; what does not is built.
        """
        same = []
        for target in targets:
            old = self._known.get(target.name)
            if old and old.target == target:
                same.append(old.target)
            else:
                self._built[id(target)] = Tracked(target)
                same.append(target)
        return tuple(same)

    def replace(self, targets: Sequence[Target]) -> Change:
        """Make these the targets; those that are the same stay as they are, snapshot and all."""
        # Ten thousand of which a hundred change should cost the hundred: the others are known by
        # what they are, without a look into any of them.
        old = self._tracked
        places = {id(target): place for place, target in enumerate(self._targets)}
        at = [places.get(id(target), _NOWHERE) for target in targets]
        fresh: dict[int, Tracked] = {}
        for number in [number for number, place in enumerate(at) if place == _NOWHERE]:
            target = targets[number]
            one = self._taken_over(self._known.get(target.name), target)
            at[number] = one.number
            if one.number == _NOWHERE:
                fresh[number] = one
        tracked = [
            fresh[number] if place == _NOWHERE else old[place] for number, place in enumerate(at)
        ]
        gone = tuple(old[place] for place in sorted(set(range(len(old))).difference(at)))
        # One more at the end, where the place that is nowhere leads.
        expires, snapshots = [*self._expires, math.inf], [*self._snapshots, None]
        self._expires = array("d", [expires[place] for place in at])
        self._snapshots = [snapshots[place] for place in at]
        self._tracked, self._targets = tracked, tuple(targets)
        for number, place in enumerate(at):
            if number != place:
                tracked[number].number = number
        for one in gone:
            one.number = _NOWHERE
            del self._known[one.target.name]
        self._known.update((one.target.name, one) for one in fresh.values())
        change = Change(come=tuple(fresh.values()), gone=gone)
        self._on_probe += sum(one.target.on_probe for one in change.come)
        self._on_probe -= sum(one.target.on_probe for one in gone)
        self._waiting = self._snapshots.count(None) - self._on_probe
        self._awaited.difference_update(gone)
        self._built.clear()
        self._count(change)
        for follow in self.followers:
            follow(change)
        return change

    def _taken_over(self, old: Tracked | None, target: Target) -> Tracked:
        new = self._built.pop(id(target), None)
        if new is None:
            if old and old.target == target:
                old.target = target  # Next time they are the same at a glance.
                return old
            new = Tracked(target)
        # What is counted goes on being counted, so that a new interval does not look like a restart.
        if old and old.target.system is target.system:
            new.tally, new.recent = old.tally, old.recent
        return new

    def _count(self, change: Change) -> None:
        self._systems.update(one.target.system.name for one in change.come)
        self._systems.subtract(one.target.system.name for one in change.gone)
        for system, count in [*self._systems.items()]:
            if count:
                self._telemetry.targets.labels(system).set(count)
            else:
                self._telemetry.targets.remove(system)
                del self._systems[system]

    def record(self, tracked: Tracked, poll: Poll) -> None:
        """Take in the outcome of a poll: count it, tell of changes, replace the snapshot."""
        if tracked.number == _NOWHERE:
            return  # It went while it was polled.
        before = tracked.tally
        tally = Tally(before.polls + 1, before.failures, before.last_success)
        if isinstance(poll.outcome, Extraction):
            tally = Tally(before.polls + 1, before.failures, poll.ended)
            if poll.outcome.faults or tracked.faulty:
                self._note_faults(tracked, poll.outcome)
            if poll.outcome.dropped_items or poll.outcome.dropped_series:
                self._note_dropped(tracked, poll.outcome)
            tracked.is_cut = bool(poll.outcome.dropped_items or poll.outcome.dropped_series)
        self._show(tracked, poll, tally)
        worked = isinstance(poll.outcome, Extraction)
        tracked.recent.append(poll.duration if worked else -poll.duration)
        if len(tracked.recent) > _MOST_RECENT:
            del tracked.recent[0]

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
            self._awaited.discard(tracked)
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

    def _note_faults(self, tracked: Tracked, reading: Extraction) -> None:
        system = tracked.target.system.name
        for fault in reading.faults:
            self._telemetry.unreadable_fields.labels(system, fault.metric).inc()
        faulty = frozenset(fault.metric for fault in reading.faults)
        for fault in reading.faults:
            if fault.metric not in tracked.faulty:
                facts = {"target": tracked.target.name, "metric": fault.metric}
                _log.warning("field unreadable", extra={"facts": facts | {"why": fault.message}})
        tracked.faulty = faulty

    def _note_dropped(self, tracked: Tracked, reading: Extraction) -> None:
        system = tracked.target.system.name
        items, series = reading.dropped_items, reading.dropped_series
        self._telemetry.dropped_items.labels(system).inc(items)
        self._telemetry.dropped_series.labels(system).inc(series)
        if not tracked.is_cut:
            facts = {"target": tracked.target.name, "items": items, "series": series}
            _log.warning("answer too large, the rest dropped", extra={"facts": facts})
