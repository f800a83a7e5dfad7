"""What the pages and the API show of a target."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from exporter.declare.extraction import Extraction, Labels, Series
from exporter.declare.family import Family
from exporter.declare.groups import Within
from exporter.declare.parts import Part
from exporter.declare.states import States
from exporter.declare.system import System
from exporter.errors import PollError
from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import TargetState
from exporter.web.charts import increases, value_line
from exporter.web.units import Quantity, quantity

State = Literal["down", "waiting", "on probe", "up"]

STATES: tuple[State, ...] = ("down", "waiting", "on probe", "up")
"""In the order in which they matter."""

# Of a thousand items that are wrong in the same way, some are enough.
_MAX_FAULTS = 20
# A fleet has a thousand of each.
_MAX_SERIES = 50
# Systems whose states are remembered; each reload may bring new ones.
_MAX_SYSTEMS = 1024
# Modes in which a server is up and does not do its work, by any vendor's name for them.
_IDLE_MODES = frozenset({"maintenance", "suspended"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """One target as it is now; moments in Unix time, durations in seconds."""

    name: str
    system: str
    labels: Mapping[str, str]
    state: State
    mode: str
    """The state the vendor names, such as maintenance; empty where it names none."""
    down_since: float | None
    """When the first failure after the last success was recorded; None unless it is down."""
    availability: float | None
    """The share of time that it was up since its first poll; None before that."""
    polled: float | None
    duration: float | None
    due: float | None
    """In how many seconds the next poll is; None where it is not planned."""
    polls: int
    failures: Mapping[str, int]
    last_success: float | None
    reason: str
    detail: str
    meaning: str
    faults: tuple[tuple[str, str], ...]
    """Metrics whose field could not be read, each with why."""

    @property
    def is_idle(self) -> bool:
        """Whether its mode keeps it from its work."""
        return self.mode in _IDLE_MODES

    @property
    def needs_attention(self) -> bool:
        """Whether something is wrong although it is up."""
        return self.is_idle or bool(self.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """One series of a metric."""

    labels: Labels
    """Without those of the target."""
    value: Quantity
    trend: str
    """The path of its sparkline; empty where there is no history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricView:
    """One metric of a target, beside the vendor's name for it, with its series."""

    metric: str
    source: str
    help: str
    series: tuple[SeriesView, ...]
    hidden: int
    """Series beyond those."""


def state_of(tracked: TargetState) -> State:
    """Return the state of a target."""
    if tracked.snapshot is None:
        return "on probe" if tracked.target.on_probe else "waiting"
    return "up" if tracked.snapshot.up else "down"


def reason_of(tracked: TargetState) -> str:
    """Return why the last poll failed; empty where it did not."""
    outcome = tracked.snapshot.poll.outcome if tracked.snapshot else None
    return outcome.reason if isinstance(outcome, PollError) else ""


def view_of(tracked: TargetState, schedule: Schedule | None, now: float) -> TargetView:
    """Return the target as it is now; `now` is Unix time."""
    target, snapshot = tracked.target, tracked.snapshot
    outcome = snapshot.poll.outcome if snapshot else None
    error = outcome if isinstance(outcome, PollError) else None
    faults = outcome.faults if isinstance(outcome, Extraction) else ()
    return TargetView(
        name=target.name,
        system=target.system.name,
        labels=target.labels,
        state=state_of(tracked),
        mode=mode_of(tracked),
        down_since=tracked.availability.down_since,
        availability=tracked.availability.share(now),
        polled=snapshot.poll.ended if snapshot else None,
        duration=snapshot.poll.duration if snapshot else None,
        due=schedule.due_in(tracked) if schedule else None,
        polls=tracked.counts.polls,
        failures=tracked.counts.failures,
        last_success=tracked.counts.last_success,
        reason=error.reason if error else "",
        detail=error.detail if error else "",
        meaning=error.reason.meaning if error else "",
        faults=tuple((one.metric, one.message) for one in faults[:_MAX_FAULTS]),
    )


def metrics_of(tracked: TargetState) -> Iterator[MetricView]:
    """Yield the vendor's metrics that the target shows."""
    if tracked.snapshot is None:
        return
    _, _, served, values, _ = tracked.snapshot
    history = _history(tracked, served.series)
    for place, family in enumerate(tracked.target.system.families):
        found = served.layout.by_family.get(place, ())
        if not found:
            continue
        series = [
            SeriesView(
                labels=served.series[at][1],
                value=quantity(family.name, values[at]),
                trend=_trend(family, history[served.series[at]]),
            )
            for at in found[:_MAX_SERIES]
        ]
        yield MetricView(
            metric=family.name,
            source=family.source,
            help=family.help,
            series=tuple(series),
            hidden=max(0, len(found) - _MAX_SERIES),
        )


def _trend(family: Family, past: Sequence[float | None]) -> str:
    if family.kind == "info":
        return ""  # It is always 1.
    return value_line(increases(past) if family.kind == "counter" else past)


def _history(tracked: TargetState, wanted: Sequence[Series]) -> Mapping[Series, list[float | None]]:
    """Return the last values of each series, None where a sample does not have it."""
    count = len(tracked.history)
    found: dict[Series, list[float | None]] = {one: [None] * count for one in wanted}
    for at, (served, values) in enumerate(tracked.history):
        for series, value in zip(served.series, values, strict=True):
            if series in found:
                found[series][at] = value
    return found


def mode_of(tracked: TargetState) -> str:
    """Return the state that is 1 of the first states metric of the system; empty without one."""
    snapshot, place = tracked.snapshot, _first_states(tracked.target.system)
    if place is None or snapshot is None:
        return ""
    number, label = place
    for at in snapshot.served.layout.by_family.get(number, ()):
        if snapshot.values[at] == 1:
            return dict(snapshot.served.series[at][1]).get(label, "")
    return ""


@lru_cache(maxsize=_MAX_SYSTEMS)
def _first_states(system: System) -> tuple[int, str] | None:
    """Return the number of the family of the system's first States, and the label of its states."""
    names = [family.name for family in system.families]
    for endpoint in system.endpoints:
        for one in _own_fields(endpoint.fields):
            if isinstance(one, States):
                return names.index(one.metric), one.label
    return None


def _own_fields(fields: Iterable[Part]) -> Iterator[Part]:
    """Yield the fields, and those within an object; those of a list's items are not the target's."""
    for one in fields:
        yield one
        if isinstance(one, Within):
            yield from _own_fields(one.inner())
