"""A target with its last snapshot goes in; what a person or a program is told of it comes out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from exporter.declare.extraction import Extraction
from exporter.declare.states import States
from exporter.declare.system import System
from exporter.errors import PollError
from exporter.pipeline.render import value_text
from exporter.pipeline.snapshot import Snapshot
from exporter.runtime.schedule import Schedule
from exporter.runtime.tracked import Tracked
from exporter.settings import Target

State = Literal["down", "waiting", "on probe", "up"]

STATES: tuple[State, ...] = ("down", "waiting", "on probe", "up")
"""In the order in which they matter."""

# Of a thousand items that are wrong in the same way, some are enough to tell.
_MOST_FAULTS = 20
# A fleet has a thousand of each.
_MOST_SERIES = 50
# Whose states are remembered; each reload may bring new systems.
_MOST_SYSTEMS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One target as it is now; moments in Unix time, durations in seconds."""

    name: str
    system: str
    labels: Mapping[str, str]
    state: State
    mode: str
    """The state the vendor names, such as maintenance; empty where it names none."""
    polled: float | None
    duration: float | None
    due: float | None
    """In how many seconds the next poll is; None where nobody knows."""
    polls: int
    failures: Mapping[str, int]
    last_success: float | None
    reason: str
    detail: str
    meaning: str
    faults: tuple[tuple[str, str], ...]
    """Metrics whose field could not be read, each with why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One metric of a target, beside the vendor's name for it, with its series."""

    metric: str
    source: str
    help: str
    series: tuple[tuple[Mapping[str, str], str], ...]
    """The labels of each, less those of the target, and its value."""
    hidden: int
    """Series beyond those."""


def state_of(tracked: Tracked) -> State:
    """Return the state of a target as its table names it."""
    if tracked.snapshot is None:
        return "on probe" if tracked.target.on_probe else "waiting"
    return "up" if tracked.snapshot.up else "down"


def view_of(tracked: Tracked, schedule: Schedule | None) -> View:
    """Return the target as it is now."""
    target, snapshot = tracked.target, tracked.snapshot
    outcome = snapshot.poll.outcome if snapshot else None
    error = outcome if isinstance(outcome, PollError) else None
    faults = outcome.faults if isinstance(outcome, Extraction) else ()
    return View(
        name=target.name,
        system=target.system.name,
        labels=target.labels,
        state=state_of(tracked),
        mode=_mode(target, snapshot) if snapshot else "",
        polled=snapshot.poll.ended if snapshot else None,
        duration=snapshot.poll.duration if snapshot else None,
        due=schedule.due_in(tracked) if schedule else None,
        polls=tracked.tally.polls,
        failures=tracked.tally.failures,
        last_success=tracked.tally.last_success,
        reason=error.reason if error else "",
        detail=error.detail if error else "",
        meaning=error.reason.meaning if error else "",
        faults=tuple((one.metric, one.message) for one in faults[:_MOST_FAULTS]),
    )


def metrics_of(tracked: Tracked) -> Iterator[Shown]:
    """Yield the vendor's metrics that the target shows."""
    if tracked.snapshot is None:
        return
    _, _, served, values, _ = tracked.snapshot
    for place, family in enumerate(tracked.target.system.families):
        found = served.layout.by_family.get(place, ())
        if found:
            yield Shown(
                metric=family.name,
                source=family.source,
                help=family.help,
                series=tuple(
                    (dict(served.series[at][1]), value_text(values[at]))
                    for at in found[:_MOST_SERIES]
                ),
                hidden=max(0, len(found) - _MOST_SERIES),
            )


def _mode(target: Target, snapshot: Snapshot) -> str:
    """Return the state that is 1 of the first the system names."""
    place = _first_states(target.system)
    if place is None:
        return ""
    number, label = place
    for at in snapshot.served.layout.by_family.get(number, ()):
        if snapshot.values[at] == 1:
            return dict(snapshot.served.series[at][1]).get(label, "")
    return ""


@lru_cache(maxsize=_MOST_SYSTEMS)
def _first_states(system: System) -> tuple[int, str] | None:
    """Return where the lines of the system's first States stand, and the label of its states."""
    names = [family.name for family in system.families]
    for endpoint in system.endpoints:
        for one in endpoint.fields:
            # Those of a list's items are no state of the target's own.
            if isinstance(one, States):
                return names.index(one.metric), one.label
    return None
