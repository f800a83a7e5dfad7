"""The outcome of a poll goes in; the lines that scrapes serve until the next one come out.

A line is rendered once, when its value is new, and not at each scrape. Text 0.0.4 and
OpenMetrics 1.0 write samples alike, so the lines serve both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from exporter.errors import PollError
from exporter.poll.extract import Labels, Reading
from exporter.poll.request import scrub
from exporter.settings import Target
from exporter.spec import Family, Kind, System


def _own(name: str, kind: Kind, help_text: str, *labels: str) -> Family:
    return Family(name, kind, help_text, labels, source="", reading="")


TARGET_FAMILIES = (
    _own(
        "status_exporter_target_up",
        "gauge",
        "Whether the last poll of the target worked.",
        "system",
    ),
    _own("status_exporter_poll_duration_seconds", "gauge", "How long the last poll took."),
    _own(
        "status_exporter_polls_total", "counter", "Polls of the target since the exporter started."
    ),
    _own(
        "status_exporter_poll_failures_total",
        "counter",
        "Polls that failed, by reason; a reason that never occurred has no series.",
        "reason",
    ),
    _own(
        "status_exporter_last_success_timestamp_seconds",
        "gauge",
        "When the last poll that worked ended, in Unix seconds; absent until there was one.",
    ),
    _own(
        "status_exporter_field_faults",
        "gauge",
        "Fields of the last answer that were there and could not be read.",
    ),
)
"""What the exporter says of each target."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of one poll: a reading, or the reason why there is none."""

    outcome: Reading | PollError
    duration: float
    ended: float
    taken: float
    """`ended` by the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a target's polls add up to, the last one included."""

    polls: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    last_success: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a target shows: its lines by family, in the order of `families_of` its system.

    The samples of `poll` are gone: they stand in the lines.
    """

    poll: Poll
    tally: Tally
    lines: tuple[bytes, ...]
    duplicates: int

    @property
    def up(self) -> bool:
        """Whether the poll worked."""
        return isinstance(self.poll.outcome, Reading)


def families_of(system: System) -> tuple[Family, ...]:
    """Return every family that targets of the system may have, in the order of their lines."""
    return system.families + TARGET_FAMILIES


class Renderer:
    """Makes the snapshots of one target; what did not change since the last one is kept as it is.

    Of the last rendering it keeps plain tuples of texts and numbers, which Python's garbage
    collector leaves alone, so that ten thousand targets do not hold it up.
    """

    __slots__ = (
        "_base",
        "_client",
        "_labels",
        "_lines",
        "_names",
        "_scrubbed",
        "_system",
        "_values",
    )

    def __init__(self, target: Target) -> None:
        base = (("target", target.name), *target.labels.items())
        self._base = ",".join(f'{name}="{escaped(value)}"' for name, value in base)
        self._system = target.system
        self._client = target.client
        self._scrubbed: dict[Labels, str] = {}
        self._names: tuple[str, ...] = ()
        self._labels: tuple[Labels, ...] = ()
        self._values: tuple[float, ...] = ()
        self._lines: tuple[bytes, ...] = ()

    def render(self, poll: Poll, tally: Tally) -> Snapshot:
        """Render the outcome of a poll; a series given twice is kept once and counted."""
        outcome = poll.outcome
        read = outcome.samples if isinstance(outcome, Reading) else ()
        # There is never none: a target's own samples are always among them.
        names, labels, values = zip(*read, *self._own(poll, tally), strict=True)
        duplicates = 0
        if names == self._names and labels == self._labels:
            self._rewrite(values)
        else:
            duplicates = self._write(names, labels, values)
        kept = Reading((), outcome.faults) if isinstance(outcome, Reading) else outcome
        return Snapshot(
            Poll(kept, poll.duration, poll.ended, poll.taken), tally, self._lines, duplicates
        )

    def _write(
        self, names: tuple[str, ...], labels: tuple[Labels, ...], values: tuple[float, ...]
    ) -> int:
        places = _places(self._system)
        # A vendor may give back in a text what it was sent in a header.
        found = {one: scrub(_suffix(one), self._client) for one in set(labels) if one}
        self._scrubbed = {one: text for one, text in found.items() if text != _suffix(one)}
        lines: list[list[str]] = [[] for _ in places]
        series: set[tuple[str, Labels]] = set()
        for one in zip(names, labels, values, strict=True):
            if one[:2] not in series:
                series.add(one[:2])
                lines[places[one[0]]].append(self._line(*one))
        self._lines = tuple("".join(family).encode() for family in lines)
        self._names, self._labels, self._values = names, labels, values
        duplicates = len(names) - len(series)
        if duplicates:
            self._names = ()  # Then the next one is written anew, and counted again.
        return duplicates

    def _rewrite(self, values: tuple[float, ...]) -> None:
        if values == self._values:
            return
        places, names = _places(self._system), self._names
        layout = _layout(names)
        lines = list(self._lines)
        # By name, so that a family of several changed series is written once.
        changed = {
            name for name, new, old in zip(names, values, self._values, strict=True) if new != old
        }
        for name in changed:
            family = [self._line(name, self._labels[at], values[at]) for at in layout[name]]
            lines[places[name]] = "".join(family).encode()
        self._lines, self._values = tuple(lines), values

    def _line(self, name: str, labels: Labels, value: float) -> str:
        suffix = self._scrubbed.get(labels) or _suffix(labels)
        return f"{name}{{{self._base}{suffix}}} {value_text(value)}\n"

    def _own(self, poll: Poll, tally: Tally) -> list[tuple[str, Labels, float]]:
        up = isinstance(poll.outcome, Reading)
        own: list[tuple[str, Labels, float]] = [
            ("status_exporter_target_up", _system_label(self._system), 1.0 if up else 0.0),
            ("status_exporter_poll_duration_seconds", (), round(poll.duration, 6)),
            ("status_exporter_polls_total", (), tally.polls),
        ]
        for reason, count in tally.failures.items():
            labels = (("reason", str(reason)),)
            own.append(("status_exporter_poll_failures_total", labels, count))
        if tally.last_success is not None:
            name = "status_exporter_last_success_timestamp_seconds"
            own.append((name, (), round(tally.last_success, 3)))
        if isinstance(poll.outcome, Reading):
            own.append(("status_exporter_field_faults", (), len(poll.outcome.faults)))
        return own


@lru_cache
def _places(system: System) -> dict[str, int]:
    """Return where the lines of each family stand in a snapshot."""
    return {one.name: at for at, one in enumerate(families_of(system))}


@lru_cache
def _system_label(system: System) -> Labels:
    return (("system", system.name),)


@lru_cache
def _layout(names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return at which places each family's samples stand."""
    layout: dict[str, tuple[int, ...]] = {}
    for at, name in enumerate(names):
        layout[name] = (*layout.get(name, ()), at)
    return layout


@lru_cache(maxsize=4096)
def _suffix(labels: Labels) -> str:
    return "".join(f',{name}="{escaped(value)}"' for name, value in labels)


def escaped(value: str) -> str:
    r"""Escape a label value: \, " and line feed, as both formats do."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


_EXACT = 2.0**53


def value_text(value: float) -> str:
    """Write a number: whole ones without a point, others in the shortest form that reads back."""
    # Above 2^53 a float has no digits for the units, and to write them would pretend to.
    if -_EXACT < value < _EXACT and value == (whole := int(value)):
        return str(whole)
    return repr(float(value))
