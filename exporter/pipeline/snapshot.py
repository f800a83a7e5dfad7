"""Turns the result of a poll into a snapshot: redacted series, each once, with their values."""

import sys
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from exporter.declare.extraction import (
    MAX_SHARED,
    MAX_SHARED_SERIES,
    Extraction,
    Fault,
    Labels,
    Series,
)
from exporter.declare.system import System
from exporter.errors import PollError
from exporter.redact import redact, secret_forms
from exporter.settings import Target
from exporter.text import CUT

# Limit of a target's lines, for each series of its `max_series`: most lines have a hundred bytes. A
# target with few series may have long lines.
_BYTES_A_SERIES = 256
_MIN_BYTES = 1024 * 1024
# Per line: the value, braces, a space and the line end. Per label: "=", "," and the quotes.
_LINE_BYTES = 24
_LABEL_BYTES = 4


class PollResult(msgspec.Struct, frozen=True, gc=False):
    """The outcome of one poll: an extraction, or the reason why there is none.

    An error in it was never raised: the frames of a traceback could refer back to it, and a cycle
    would never be freed.
    """

    outcome: Extraction | PollError
    duration: float
    """Seconds."""
    ended: float
    """Unix time."""
    taken: float
    """`ended` by the monotonic clock."""


class PollCounts(msgspec.Struct, frozen=True, gc=False):
    """The totals of a target's polls."""

    polls: int = 0
    failures: Mapping[str, int] = {}
    """Failed polls by their reason."""
    last_success: float | None = None
    """Unix time."""


class Layout:
    """The families of a list of series."""

    __slots__ = ("by_family", "families")

    def __init__(self, families: tuple[int, ...]) -> None:
        self.families = families
        """For each series, the index of its family among those of the system."""
        self.by_family: dict[int, list[int]] = {}
        """The positions of the series of each family that has any."""
        for at, index in enumerate(families):
            self.by_family.setdefault(index, []).append(at)


class ServedSeries(NamedTuple):
    """The series of a target, ready to serve."""

    extracted: tuple[Series, ...]
    """As they were extracted."""
    series: tuple[Series, ...]
    """Without secrets, and each once."""
    kept: tuple[int, ...] | None
    """Which of the extracted ones are kept; None: all."""
    layout: Layout
    suffixes: tuple[str, ...]
    """The labels of each, to follow those of the target in a format string: `,name="text"`."""
    dropped: int = 0
    """How many series are omitted because the lines of the target have too many bytes."""

    @property
    def duplicates(self) -> int:
        """How many series were extracted more than once."""
        return len(self.extracted) - len(self.series) - self.dropped

    def values(self, extraction: Extraction) -> tuple[float, ...]:
        """Return the values of the series."""
        if self.kept is None:
            return extraction.values
        return tuple(extraction.values[at] for at in self.kept)


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The result of a target's last poll, ready to serve."""

    poll: PollResult
    counts: PollCounts
    served: ServedSeries
    values: tuple[float, ...]
    unmapped: int | None
    """Unmapped values of the answer, when they were last counted."""

    @property
    def up(self) -> bool:
        """Whether the poll worked."""
        return not isinstance(self.poll.outcome, PollError)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The fields that could not be read."""
        outcome = self.poll.outcome
        return () if isinstance(outcome, PollError) else outcome.faults


def serve(
    extracted: tuple[Series, ...],
    system: System,
    secrets: Sequence[str],
    base: Labels = (),
    max_bytes: int = sys.maxsize,
) -> ServedSeries:
    """Redact the series and drop duplicates; of equal series, the first is kept.

    A vendor may echo a secret of a header in a text. `base` are the labels of the target; series
    whose lines are beyond `max_bytes` are dropped.
    """
    series = redact_series(extracted, secrets) if secrets else extracted
    first: dict[Series, int] = {}
    for at, one in enumerate(series):
        first.setdefault(one, at)
    fitting = _fitting(first, _LINE_BYTES + _labels_size(base), max_bytes)
    kept = None if fitting == len(series) else tuple(first.values())[:fitting]
    unique = series if kept is None else tuple(first)[:fitting]
    layout = layout_of(system, tuple(one[0] for one in unique))
    dropped = len(first) - fitting
    return ServedSeries(extracted, unique, kept, layout, _suffixes_of(unique), dropped)


def _fitting(series: Collection[Series], line_bytes: int, max_bytes: int) -> int:
    """Return how many of the series fit into this many bytes of lines."""
    room = max_bytes
    for at, (name, labels) in enumerate(series):
        room -= line_bytes + len(name) + _labels_size(labels)
        if room < 0:
            return at
    return len(series)


def _labels_size(labels: Labels) -> int:
    """Return the bytes of labels, without escapes."""
    return sum([_LABEL_BYTES + len(name) + len(text.encode()) for name, text in labels])


def redact_series(series: tuple[Series, ...], secrets: Sequence[str]) -> tuple[Series, ...]:
    """Redact label values; label names are not changed."""
    distinct = {one[1] for one in series}
    # Search all texts at once for each secret: nearly always there is none.
    texts = "\0".join([text for labels in distinct for _, text in labels])
    if CUT not in texts:
        secrets = [secret for secret in secrets if secret in texts]
        if not secrets:
            return series
    found = {labels: _redact_labels(labels, secrets) for labels in distinct}
    if all(labels is found[labels] for labels in found):
        return series
    return tuple((name, found[labels]) for name, labels in series)


def _redact_labels(labels: Labels, secrets: Sequence[str]) -> Labels:
    redacted = tuple((name, redact(text, secrets)) for name, text in labels)
    return labels if redacted == labels else redacted


def layout_of(system: System, names: tuple[str, ...]) -> Layout:
    """Return the layout of series of these names."""
    return (_shared_layout if len(names) <= MAX_SHARED_SERIES else _make_layout)(system, names)


def _make_layout(system: System, names: tuple[str, ...]) -> Layout:
    families = _family_indexes(system)
    return Layout(tuple([families[name] for name in names]))


_shared_layout = lru_cache(maxsize=MAX_SHARED)(_make_layout)


@lru_cache(maxsize=MAX_SHARED)
def _family_indexes(system: System) -> dict[str, int]:
    return {one.name: at for at, one in enumerate(system.families)}


def _suffixes_of(series: tuple[Series, ...]) -> tuple[str, ...]:
    return (_shared_suffixes if len(series) <= MAX_SHARED_SERIES else _make_suffixes)(series)


def _make_suffixes(series: tuple[Series, ...]) -> tuple[str, ...]:
    return tuple([_suffix(labels) for _, labels in series])


_shared_suffixes = lru_cache(maxsize=MAX_SHARED)(_make_suffixes)


@lru_cache(maxsize=4096)
def _suffix(labels: Labels) -> str:
    """Return labels as they are in a format string of lines: with each percent sign twice."""
    text = "".join([f',{name}="{escaped(value)}"' for name, value in labels])
    return text.replace("%", "%%")


def escaped(value: str) -> str:
    r"""Escape a label value: \, " and line feed, as both formats do."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


NO_SERIES = ServedSeries((), (), None, Layout(()), ())


def take_snapshot(
    target: Target,
    poll: PollResult,
    counts: PollCounts,
    *,
    last: ServedSeries = NO_SERIES,
    unmapped: int | None = None,
) -> Snapshot:
    """Return the snapshot of a poll.

    `last` are the series of the last successful poll, which are nearly always the same, and
    `unmapped` is the last count of unmapped values.
    """
    outcome = poll.outcome
    if isinstance(outcome, PollError):
        return Snapshot(poll, counts, NO_SERIES, (), None)
    if outcome.series is not last.extracted:
        if outcome.series != last.extracted:
            max_bytes = max(_MIN_BYTES, _BYTES_A_SERIES * target.max_series)
            secrets = secret_forms(target.client, ())
            last = serve(outcome.series, target.system, secrets, target.all_labels, max_bytes)
        # Keep one of two equal tuples.
        poll = replace(poll, outcome=replace(outcome, series=last.extracted))
    counted = unmapped if outcome.unmapped is None else outcome.unmapped
    values = outcome.values if last.kept is None else last.values(outcome)
    return Snapshot(poll, counts, last, values, counted)
