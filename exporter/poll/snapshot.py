"""The outcome of a poll goes in; the lines that scrapes serve until the next one come out.

A line is rendered once, when its value is new, and not at each scrape. Text 0.0.4 and
OpenMetrics 1.0 write samples alike, so the lines serve both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from exporter.errors import PollError
from exporter.poll.extract import Labels, Reading, Sample
from exporter.settings import Target
from exporter.spec import Family, Kind, System

# The labels of an info change with a release or a match. What is kept for series that are long
# gone must not add up over a year.
_MOST_PREFIXES = 1000


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
    """What a target shows: its lines by family, in the order of `families_of` its system."""

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
    """Makes the snapshots of one target."""

    def __init__(self, target: Target) -> None:
        self._base: Labels = (("target", target.name), *target.labels.items())
        self._system = target.system.name
        self._index = {one.name: at for at, one in enumerate(families_of(target.system))}
        self._prefixes: dict[tuple[str, Labels], str] = {}

    def render(self, poll: Poll, tally: Tally) -> Snapshot:
        """Render the outcome of a poll; a series given twice is kept once and counted."""
        lines: list[list[str]] = [[] for _ in self._index]
        read = poll.outcome.samples if isinstance(poll.outcome, Reading) else ()
        samples = (*read, *self._own(poll, tally))
        seen: set[str] = set()
        for family, labels, value in samples:
            prefix = self._prefix(family, labels)
            if prefix not in seen:
                seen.add(prefix)
                lines[self._index[family]].append(f"{prefix}{value_text(value)}\n")
        rendered = tuple("".join(family).encode() for family in lines)
        return Snapshot(poll, tally, rendered, len(samples) - len(seen))

    def _own(self, poll: Poll, tally: Tally) -> Iterator[Sample]:
        up = isinstance(poll.outcome, Reading)
        yield Sample("status_exporter_target_up", (("system", self._system),), float(up))
        yield Sample("status_exporter_poll_duration_seconds", (), round(poll.duration, 6))
        yield Sample("status_exporter_polls_total", (), tally.polls)
        for reason, count in tally.failures.items():
            labels = (("reason", str(reason)),)
            yield Sample("status_exporter_poll_failures_total", labels, count)
        if tally.last_success is not None:
            name = "status_exporter_last_success_timestamp_seconds"
            yield Sample(name, (), round(tally.last_success, 3))
        if isinstance(poll.outcome, Reading):
            yield Sample("status_exporter_field_faults", (), len(poll.outcome.faults))

    def _prefix(self, family: str, labels: Labels) -> str:
        prefix = self._prefixes.get((family, labels))
        if prefix is None:
            pairs = ",".join(f'{name}="{escaped(value)}"' for name, value in (*self._base, *labels))
            prefix = f"{family}{{{pairs}}} "
            if len(self._prefixes) >= _MOST_PREFIXES:
                self._prefixes.clear()
            self._prefixes[family, labels] = prefix
        return prefix


def escaped(value: str) -> str:
    r"""Escape a label value: \, " and line feed, as both formats do."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def value_text(value: float) -> str:
    """Write a number: whole ones without a point, others in the shortest form that reads back."""
    whole = int(value)
    # Above 2^53 a float has no digits for the units, and to write them would pretend to.
    return str(whole) if whole == value and abs(whole) < 2**53 else repr(float(value))
