"""The live set of targets, each with its last snapshot.

A snapshot is immutable and replaced in one assignment. The snapshot of a failed poll has none of the
vendor's series. The set is replaced as a whole, too; unchanged targets keep their state. Log lines
report changes, not each poll.
"""

import logging
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import replace

from exporter.clock import Clock
from exporter.declare.extraction import Extraction
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import PollCounts, PollResult, take_snapshot
from exporter.runtime.blocks import MAX_TARGETS, Blocks
from exporter.runtime.history import History
from exporter.runtime.target_state import NOWHERE, TargetChanges, TargetState
from exporter.runtime.timing import phase
from exporter.settings import Settings, Target
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry

_log = logging.getLogger(__name__)

# Seconds by which the wall clock is set at least; less is adjusted without a step.
_MIN_CLOCK_STEP = 1.0


class Targets:
    """Every target, in the order of the configuration."""

    def __init__(self, settings: Settings, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._history = History()
        self.clock = clock
        # Of the wall clock from the monotonic one, which changes as it is set.
        self._wall_offset = clock.wall() - clock.monotonic()
        # By name, in the order of the configuration.
        self._states: dict[str, TargetState] = {}
        # By the identity of their targets, which the states keep alive.
        self._built: dict[int, TargetState] = {}
        self._systems: Counter[str] = Counter()
        self.blocks = Blocks()
        """The lines of all targets except those polled on probe, which are not scraped."""
        # One array, so that finding expired snapshots is one pass over it.
        self._expires = array("d")
        # Scheduled targets that have not had their first poll.
        self._waiting: set[TargetState] = set()
        # Discoveries whose first lists have not been read and applied.
        self._expected_lists = 0
        self._custom_systems = frozenset[str]()
        self._was_ready = False
        self._subscribers: list[Callable[[TargetChanges], None]] = []
        self.replace(settings.targets, systems=settings.systems)

    def __iter__(self) -> Iterator[TargetState]:
        return iter(self._states.values())

    def __len__(self) -> int:
        return len(self._states)

    def find(self, name: str) -> TargetState | None:
        """Return the target of this name."""
        return self._states.get(name)

    @property
    def systems(self) -> frozenset[str]:
        """The names of all systems, including systems that only remaining targets still have."""
        return self._custom_systems.union(SYSTEMS, self._systems)

    @property
    def waiting(self) -> int:
        """How many scheduled targets have not had their first poll."""
        return len(self._waiting)

    @property
    def is_ready(self) -> bool:
        """Whether every target had its first poll, those of the first lists included.

        Once ready, it stays so: otherwise each reload would take the exporter out of its load
        balancer.
        """
        self._was_ready = self._was_ready or not (self._waiting or self._expected_lists)
        return self._was_ready

    @property
    def missing(self) -> str:
        """What readiness waits for, in words."""
        parts = [f"{len(self._waiting)} of {len(self)} targets not polled yet"]
        if self._expected_lists:
            parts.append(f"{self._expected_lists} discoveries not tried yet")
        return ", ".join(parts)

    def expect_lists(self, discoveries: int) -> None:
        """Set how many discoveries readiness waits for, until their first lists are applied."""
        self._expected_lists = discoveries

    def subscribe(self, subscriber: Callable[[TargetChanges], None]) -> None:
        """Call the function with every change of the set, after those that subscribed before."""
        self._subscribers.append(subscriber)

    def prepare(self, targets: Sequence[Target]) -> tuple[Target, ...]:
        """Prepare these targets for `replace`, in any thread, so that it takes less time.

        Returns the present targets where they are equal; the states of the others are built.
        """
        same = []
        for target in targets:
            old = self._states.get(target.name)
            if old and old.target == target:
                same.append(old.target)
            else:
                self._built[id(target)] = TargetState(target)
                same.append(target)
        return tuple(same)

    def replace(
        self,
        targets: Iterable[Target],
        *,
        systems: Iterable[str] | None = None,
        following: int = 0,
    ) -> TargetChanges:
        """Replace the set of targets; unchanged ones keep their state, with their snapshot.

        `systems` are the names of all user-defined systems; None: they stay. `following` is how
        many more new targets the next calls will add, where there are too many for one.
        """
        if systems is not None:
            self._custom_systems = frozenset(systems)
        if self._states:  # Before the first targets are there, nothing is ready.
            self._was_ready = self.is_ready
        old = self._states
        states = {target.name: self._state_of(target) for target in targets}
        added = tuple([one for one in states.values() if one.number == NOWHERE])
        gone = tuple([one for name, one in old.items() if states.get(name) is not one])
        # Sentinel at NOWHERE (-1): new targets have no snapshot and never expire.
        expires = [*self._expires, math.inf]
        self._expires = array("d", [expires[one.number] for one in states.values()])
        for number, one in enumerate(states.values()):
            one.number = number
        for one in gone:
            one.number = NOWHERE
        self._states = states
        change = TargetChanges(added=added, removed=gone, following=following)
        self._waiting.difference_update(gone)
        self._waiting.update(one for one in added if not one.target.on_probe)
        self._update_blocks(change)
        self._built.clear()
        self._count(change)
        for subscriber in self._subscribers:
            subscriber(change)
        return change

    def _state_of(self, target: Target) -> TargetState:
        """Return the state of the present target that is equal, or a new one."""
        old = self._states.get(target.name)
        # Comparing ten thousand targets takes long, and nearly all of them are identical.
        if old and old.target is target:
            return old
        new = self._built.pop(id(target), None)
        if new is None:
            if old and old.target == target:
                old.target = target  # Next time they are identical.
                return old
            new = TargetState(target)
        # Counters continue, so that a new interval does not look like a restart.
        if old and old.target.system is target.system:
            new.counts, new.recent = old.counts, old.recent
            new.availability, new.history = old.availability, old.history
        return new

    def _count(self, change: TargetChanges) -> None:
        self._systems.update(one.target.system.name for one in change.added)
        self._systems.subtract(one.target.system.name for one in change.removed)
        for system, count in [*self._systems.items()]:
            if count:
                self._telemetry.targets.labels(system).set(count)
            else:
                self._telemetry.targets.remove(system)
                del self._systems[system]

    def _update_blocks(self, change: TargetChanges) -> None:
        if change.removed:
            self.blocks.remove(frozenset(change.removed))
        for one in change.removed:
            one.block = None
        scraped = [one for one in change.added if not one.target.on_probe]
        if len(scraped) > MAX_TARGETS:
            # Targets that are polled together share blocks, so that fewer are rendered again.
            scraped.sort(key=lambda one: (one.target.interval, phase(one.target.name, 1.0)))
        for one in scraped:
            one.block = self.blocks.add(one.target.system, one)

    def record(self, tracked: TargetState, poll: PollResult) -> None:
        """Record the result of a poll: count it, log changes, replace the snapshot."""
        if tracked.number == NOWHERE:
            return  # It was removed while it was polled.
        outcome, before, counts = poll.outcome, tracked.snapshot, tracked.counts
        if isinstance(outcome, PollError):
            self._fail(tracked, poll, outcome, counts.polls + 1)
            tracked.note(-poll.duration)
            return
        counts = PollCounts(counts.polls + 1, counts.failures, poll.ended)
        snapshot = take_snapshot(
            tracked.target, poll, counts, last=tracked.served, unmapped=tracked.unmapped
        )
        if before is None or isinstance(before.poll.outcome, PollError):
            self._note_up(tracked)
        tracked.served, tracked.unmapped = snapshot.served, snapshot.unmapped
        tracked.replace_snapshot(snapshot)
        self._expires[tracked.number] = poll.taken + tracked.target.max_age
        tracked.note(poll.duration)
        if outcome.faults or tracked.faulty:
            self._note_faults(tracked, outcome)
        dropped = outcome.dropped_series + snapshot.served.dropped
        if outcome.dropped_items or dropped or tracked.is_cut:
            self._note_dropped(tracked, outcome.dropped_items, dropped)
        if snapshot.served.kept is not None:
            system = tracked.target.system.name
            self._telemetry.duplicate_series.labels(system).inc(snapshot.served.duplicates)

    def age(self) -> None:
        """Fail targets whose snapshot is too old, and sample all values when that is due."""
        now = self.clock.monotonic()
        self._follow_wall_clock(now)
        self._history.sample(self._states.values(), now)
        if min(self._expires, default=math.inf) >= now:
            return
        for tracked in [one for one in self if self._expires[one.number] < now]:
            snapshot = tracked.snapshot
            if snapshot is not None:
                age = now - snapshot.poll.taken
                stale = PollError(Reason.STALE, f"the last poll was {age:.0f}s ago")
                poll = replace(snapshot.poll, outcome=stale)
                self._fail(tracked, poll, stale, tracked.counts.polls)

    def _follow_wall_clock(self, now: float) -> None:
        """If the wall clock was set, keep how long targets are up and down."""
        offset = self.clock.wall() - now
        step = offset - self._wall_offset
        if abs(step) < _MIN_CLOCK_STEP:
            return
        self._wall_offset = offset
        for tracked in self:
            tracked.availability.shift(step)
        _log.warning("wall clock was set", extra={"facts": {"seconds": f"{step:+.0f}"}})

    def _fail(self, tracked: TargetState, poll: PollResult, error: PollError, polls: int) -> None:
        """Record a failed poll, or a snapshot that is too old."""
        before, failures = tracked.snapshot, tracked.counts.failures
        failures = {**failures, error.reason: failures.get(error.reason, 0) + 1}
        counts = PollCounts(polls, failures, tracked.counts.last_success)
        earlier = before.poll.outcome if before else None
        if not (isinstance(earlier, PollError) and earlier.reason is error.reason):
            facts = {"target": tracked.target.name, "system": tracked.target.system.name}
            found = {"reason": error.reason, "detail": error.explanation}
            _log.warning("target down", extra={"facts": facts | found})
        self._waiting.discard(tracked)
        tracked.availability.note_down(self.clock.wall())
        tracked.replace_snapshot(take_snapshot(tracked.target, poll, counts))
        self._expires[tracked.number] = math.inf

    def _note_up(self, tracked: TargetState) -> None:
        if tracked.snapshot is not None:
            facts = {"target": tracked.target.name, "system": tracked.target.system.name}
            _log.info("target up again", extra={"facts": facts})
        self._waiting.discard(tracked)
        tracked.availability.note_up(self.clock.wall())

    def _note_faults(self, tracked: TargetState, reading: Extraction) -> None:
        system = tracked.target.system.name
        for fault in reading.faults:
            self._telemetry.unreadable_fields.labels(system, fault.metric).inc()
            if fault.metric not in tracked.faulty:
                facts = {"target": tracked.target.name, "metric": fault.metric}
                _log.warning("field unreadable", extra={"facts": facts | {"why": fault.message}})
        tracked.faulty = frozenset(fault.metric for fault in reading.faults)

    def _note_dropped(self, tracked: TargetState, items: int, series: int) -> None:
        system = tracked.target.system.name
        was_cut, tracked.is_cut = tracked.is_cut, bool(items or series)
        self._telemetry.dropped_items.labels(system).inc(items)
        self._telemetry.dropped_series.labels(system).inc(series)
        if tracked.is_cut and not was_cut:
            facts = {"target": tracked.target.name, "items": items, "series": series}
            _log.warning("answer too large, the rest dropped", extra={"facts": facts})
