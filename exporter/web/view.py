"""What the pages and the API show of a target."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from exporter.declare.extraction import Extraction, Labels, Series
from exporter.declare.family import Family
from exporter.errors import PollError
from exporter.pipeline.snapshot import Snapshot
from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import Sample, TargetState
from exporter.web.charts import increases, value_path
from exporter.web.units import Quantity, quantity

State = Literal["down", "waiting", "on probe", "up"]

STATES: tuple[State, ...] = ("down", "waiting", "on probe", "up")
"""The most important first."""

# When a thousand items have the same fault, some of them are enough.
_MAX_FAULTS = 20
# A fleet has a thousand series of each metric.
_MAX_SERIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetView:
    """One target at one moment. Times are Unix seconds, durations are seconds."""

    name: str
    system: str
    labels: Mapping[str, str]
    state: State
    mode: str
    """The state that the vendor reports, such as maintenance; empty without one."""
    is_idle: bool
    """Whether the server does not do its work in this mode, by its declaration."""
    down_since: float | None
    """When the first failure after the last success was recorded; None unless it is down."""
    availability: float | None
    """The share of time that it was up since its first poll; None before that."""
    polled: float | None
    duration: float | None
    due: float | None
    """Seconds until the next poll; None if none is planned."""
    polls: int
    failures: Mapping[str, int]
    last_success: float | None
    reason: str
    detail: str
    meaning: str
    hint: str
    """What to correct, where that is known."""
    faults: tuple[tuple[str, str], ...]
    """Metrics whose field could not be read, each with the error."""

    @property
    def needs_attention(self) -> bool:
        """Whether something is wrong although the target is up."""
        return self.is_idle or bool(self.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """One series of a metric."""

    labels: Labels
    """Without those of the target."""
    value: Quantity
    trend: str
    """The SVG path of its sparkline; empty without a history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricView:
    """One metric of a target and its series, with the vendor's name for it."""

    metric: str
    source: str
    help: str
    series: tuple[SeriesView, ...]
    hidden: int
    """How many more series it has."""


def state_of(tracked: TargetState) -> State:
    """Return the state of a target."""
    if tracked.snapshot is None:
        return "on probe" if tracked.target.on_probe else "waiting"
    return "up" if tracked.snapshot.up else "down"


def reason_of(tracked: TargetState) -> str:
    """Return the failure reason of the last poll; empty if it succeeded."""
    outcome = tracked.snapshot.poll.outcome if tracked.snapshot else None
    return outcome.reason if isinstance(outcome, PollError) else ""


def mode_of(tracked: TargetState) -> str:
    """Return the state that the vendor reports of the server; empty without one."""
    snapshot, mode = tracked.snapshot, tracked.target.system.mode
    if mode is None or snapshot is None:
        return ""
    index, states = mode
    for at in snapshot.served.layout.by_family.get(index, ()):
        if snapshot.values[at] == 1:
            return dict(snapshot.served.series[at][1]).get(states.label, "")
    return ""


def view_of(tracked: TargetState, schedule: Schedule | None, now: float) -> TargetView:
    """Return the target as it is `now`, in Unix seconds."""
    target, snapshot, mode = tracked.target, tracked.snapshot, mode_of(tracked)
    outcome = snapshot.poll.outcome if snapshot else None
    error = outcome if isinstance(outcome, PollError) else None
    faults = outcome.faults if isinstance(outcome, Extraction) else ()
    return TargetView(
        name=target.name,
        system=target.system.name,
        labels=target.labels,
        state=state_of(tracked),
        mode=mode,
        is_idle=bool(target.system.mode and target.system.mode[1].is_idle(mode)),
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
        hint=error.hint if error else "",
        faults=tuple((one.metric, one.message) for one in faults[:_MAX_FAULTS]),
    )


def _plain_text(markdown: str) -> str:
    """Return a text without the backquotes that documents need around names."""
    return markdown.replace("`", "")


def metric_views(tracked: TargetState, snapshot: Snapshot) -> Iterator[MetricView]:
    """Yield the vendor's metrics in a snapshot of the target, in the order of the declaration."""
    served, history_of = snapshot.served, _histories(tuple(tracked.history))
    for index, family in enumerate(tracked.target.system.families):
        found = served.layout.by_family.get(index, ())
        if not found:
            continue
        series = [
            SeriesView(
                labels=served.series[at][1],
                value=quantity(family.name, snapshot.values[at]),
                trend=_trend(family, history_of(served.series[at])),
            )
            for at in found[:_MAX_SERIES]
        ]
        yield MetricView(
            metric=family.name,
            source=family.source,
            help=_plain_text(family.help),
            series=tuple(series),
            hidden=max(0, len(found) - _MAX_SERIES),
        )


def _trend(family: Family, values: Sequence[float | None]) -> str:
    if family.kind == "info":
        return ""  # It is always 1.
    return value_path(increases(values) if family.kind == "counter" else values)


def _histories(samples: Sequence[Sample]) -> Callable[[Series], list[float | None]]:
    """Return a function from a series to its past values, None where a sample lacks it."""
    # Consecutive samples share one list of series.
    positions = {
        id(served): {series: at for at, series in enumerate(served.series)} for served, _ in samples
    }

    def history_of(series: Series) -> list[float | None]:
        found = [(positions[id(served)].get(series), values) for served, values in samples]
        return [None if at is None else values[at] for at, values in found]

    return history_of
