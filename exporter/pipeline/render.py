"""The outcome of a poll goes in; the lines that scrapes serve until the next one come out.

A line is rendered once, when its value is new, and not at each scrape. Text 0.0.4 and
OpenMetrics 1.0 write samples alike, so the lines serve both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from exporter.declare.extraction import Extraction, Labels
from exporter.declare.family import Family, Kind
from exporter.declare.system import System
from exporter.errors import PollError
from exporter.redact import known_secrets, take_out
from exporter.settings import Client, Target

MANY_SERIES = 1000
"""Those of a reading whose lines take longer to make than the event loop should be held."""

# Whose places are remembered; each reload may bring new ones.
_MOST_SYSTEMS = 1024


def _own(name: str, kind: Kind, help_text: str, *labels: str) -> Family:
    return Family(name=name, kind=kind, help=help_text, labels=labels, source="", reading="")


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
    _own(
        "status_exporter_untaken_fields",
        "gauge",
        "Values of the answer that no field maps; if it rises, the vendor changed something."
        " Counted with the first good poll and every 240th.",
    ),
)
"""What the exporter says of each target."""


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of one poll: a reading, or the reason why there is none."""

    outcome: Extraction | PollError
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
    """What a target shows: its lines, of each family of its system and then of TARGET_FAMILIES.

    The samples of `poll` are gone: they stand in the lines.
    """

    poll: Poll
    tally: Tally
    lines: tuple[bytes, ...]
    duplicates: int

    @property
    def up(self) -> bool:
        """Whether the poll worked."""
        return isinstance(self.poll.outcome, Extraction)


class Renderer:
    """Makes the snapshots of one target; what did not change since the last one is kept as it is.

    Of the last reading it keeps plain tuples of texts and numbers, which Python's garbage
    collector leaves alone, so that ten thousand targets do not hold it up.
    """

    __slots__ = (
        "_base",
        "_client",
        "_labels",
        "_lines",
        "_names",
        "_prepared",
        "_scrubbed",
        "_system",
        "_unmapped",
        "_values",
        "unmapped",
    )

    def __init__(self, target: Target) -> None:
        self._base = base_labels(target)
        self._system = target.system
        self._client = target.client
        self._scrubbed: dict[Labels, str] = {}
        self._names: tuple[str, ...] = ()
        self._labels: tuple[Labels, ...] = ()
        self._values: tuple[float, ...] = ()
        self._lines: tuple[bytes, ...] = ()
        self.unmapped: int | None = None
        """How many values no field took, when it was last looked at."""
        self._unmapped = b""
        self._prepared: tuple[Extraction | None, int] = (None, 0)

    def prepare(self, reading: Extraction) -> None:
        """Make the lines of a reading that will be rendered next; can be done in a thread."""
        self._prepared = reading, self._read(reading)

    def render(self, poll: Poll, tally: Tally) -> Snapshot:
        """Render the outcome of a poll; a series given twice is kept once and counted."""
        outcome = poll.outcome
        lines, duplicates = _no_lines(self._system), 0
        if isinstance(outcome, Extraction):
            prepared, duplicates = self._prepared
            if prepared is not outcome:
                duplicates = self._read(outcome)
            self._prepared = None, 0
            if outcome.unmapped is not None and outcome.unmapped != self.unmapped:
                self.unmapped = outcome.unmapped
                name = "status_exporter_untaken_fields"
                self._unmapped = f"{name}{{{self._base}}} {self.unmapped}\n".encode()
            lines = self._lines
            outcome = Extraction((), outcome.faults)
        lines += self._own(poll, tally)
        kept = Poll(outcome, poll.duration, poll.ended, poll.taken)
        return Snapshot(kept, tally, lines, duplicates)

    def _read(self, reading: Extraction) -> int:
        if not reading.samples:
            self._names, self._lines = (), _no_lines(self._system)
            return 0
        names, labels, values = zip(*reading.samples, strict=True)
        if names == self._names and labels == self._labels:
            self._rewrite(values)
            return 0
        return self._write(names, labels, values)

    def _write(
        self, names: tuple[str, ...], labels: tuple[Labels, ...], values: tuple[float, ...]
    ) -> int:
        places = _places(self._system)
        # A vendor may give back in a text what it was sent in a header.
        self._scrubbed = _scrubbed(labels, self._client)
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

    def _own(self, poll: Poll, tally: Tally) -> tuple[bytes, ...]:
        """Render what the exporter says of the target, in the order of TARGET_FAMILIES."""
        base, own = self._base, "status_exporter"
        up = isinstance(poll.outcome, Extraction)
        failures = success = faults = ""
        for reason, count in tally.failures.items():
            failures += f'{own}_poll_failures_total{{{base},reason="{reason}"}} {count}\n'
        if tally.last_success is not None:
            moment = value_text(round(tally.last_success, 3))
            success = f"{own}_last_success_timestamp_seconds{{{base}}} {moment}\n"
        if isinstance(poll.outcome, Extraction):
            faults = f"{own}_field_faults{{{base}}} {len(poll.outcome.faults)}\n"
        seconds = value_text(round(poll.duration, 6))
        return (
            f'{own}_target_up{{{base},system="{self._system.name}"}} {up:d}\n'.encode(),
            f"{own}_poll_duration_seconds{{{base}}} {seconds}\n".encode(),
            f"{own}_polls_total{{{base}}} {tally.polls}\n".encode(),
            failures.encode(),
            success.encode(),
            faults.encode(),
            self._unmapped if up else b"",
        )


@lru_cache(maxsize=_MOST_SYSTEMS)
def _places(system: System) -> dict[str, int]:
    """Return where the lines of each of the system's families stand in a snapshot."""
    return {one.name: at for at, one in enumerate(system.families)}


@lru_cache(maxsize=_MOST_SYSTEMS)
def _no_lines(system: System) -> tuple[bytes, ...]:
    return (b"",) * len(system.families)


@lru_cache
def _layout(names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return at which places each family's samples stand."""
    layout: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        layout.setdefault(name, []).append(at)
    return {name: tuple(places) for name, places in layout.items()}


def _scrubbed(labels: Iterable[Labels], client: Client) -> dict[Labels, str]:
    """Return the suffixes that would show a secret, as they are shown."""
    suffixes = {one: _suffix(one) for one in set(labels) if one}
    if not suffixes:
        return {}
    known = known_secrets(client, ())
    # Nearly always there is nothing in any of them, which is seen at one look at all of them.
    together = "\n".join(suffixes.values())
    if take_out(together, known) == together:
        return {}
    found = {one: take_out(suffix, known) for one, suffix in suffixes.items()}
    return {one: text for one, text in found.items() if text != suffixes[one]}


@lru_cache(maxsize=4096)
def _suffix(labels: Labels) -> str:
    return "".join(f',{name}="{escaped(value)}"' for name, value in labels)


def base_labels(target: Target) -> str:
    """Return the labels that stand in front of those of every series of the target."""
    base = (("target", target.name), *target.labels.items())
    return ",".join(f'{name}="{escaped(value)}"' for name, value in base)


def without_base(snapshot: Snapshot, target: Target) -> Snapshot:
    """Return the snapshot without the labels that each of the target's series has in common."""
    # A quote within a value has a backslash in front, so that this stands nowhere but at the start.
    base = f"{{{base_labels(target)}".encode()
    lines = tuple(
        family.replace(base + b",", b"{").replace(base + b"} ", b" ") for family in snapshot.lines
    )
    return replace(snapshot, lines=lines)


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
