"""The samples of an answer, and a fault for each field that was present but unreadable."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Self

import msgspec

from exporter.errors import FieldError

Labels = tuple[tuple[str, str], ...]
Series = tuple[str, Labels]
"""The name and labels of a metric, without the target's labels."""

MAX_FAULTS = 100
"""Faults kept of one answer, which may have a thousand items with the same fault."""

# Lists of series and their layouts that targets share: a system has a few. Targets whose lists of
# thousands change in length would fill the memory.
MAX_SHARED = 1024
MAX_SHARED_SERIES = 500


class Sample(NamedTuple):
    """One value of one series, without the labels of its target."""

    family: str
    labels: Labels
    value: float


class Fault(NamedTuple):
    """A field that was present and could not be read."""

    metric: str
    message: str


class Extraction(msgspec.Struct, frozen=True, gc=False):
    """The result of reading one answer, or all answers of one poll.

    Series and values are separate: a target nearly always has the series of its last poll.
    """

    series: tuple[Series, ...]
    values: tuple[float, ...]
    """The value of each series."""
    faults: tuple[Fault, ...] = ()
    dropped_items: int = 0
    """Items of lists beyond their `limit`."""
    dropped_series: int = 0
    """Samples beyond the target's `max_series`."""
    unmapped: int | None = None
    """Values that no field reads, if they were counted."""

    @classmethod
    def of(cls, samples: Iterable[Sample], faults: tuple[Fault, ...] = ()) -> Self:
        """Make an extraction of samples and faults."""
        given = tuple(samples)
        series = tuple((one.family, one.labels) for one in given)
        return cls(series, tuple(one.value for one in given), faults)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Each series with its value."""
        return tuple(map(_sample, self.series, self.values))


def _sample(series: Series, value: float) -> Sample:
    return Sample(*series, value)


class ExtractContext:
    """The state of one extraction: the samples so far, and the current item."""

    __slots__ = (
        "dropped_items",
        "faults",
        "found",
        "key",
        "labels",
        "params",
        "poll_time",
        "series",
        "values",
    )

    def __init__(self, params: Mapping[str, str], poll_time: float) -> None:
        self.params = params
        self.poll_time = poll_time
        self.series: list[Series] = []
        self.values: list[float] = []
        self.faults: list[Fault] = []
        self.labels: Labels = ()
        """The labels of the groups around the current item."""
        self.key = ""
        """The current item's key or index."""
        self.found = False
        """Whether anything declared was present."""
        self.dropped_items = 0

    def add(self, family: str, labels: Labels, value: float) -> None:
        """Add a sample."""
        self.series.append((family, labels))
        self.values.append(value)

    def samples(self) -> tuple[Sample, ...]:
        """Return each series so far with its value."""
        return tuple(map(_sample, self.series, self.values))

    def fault(self, metric: str, message: str) -> None:
        """Count a field that was present and could not be read."""
        self.found = True
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(metric, message))


Get = Callable[[Any, ExtractContext], Any]
"""Returns a value of the current item; None where it is missing or null."""

Read = Callable[[Any, ExtractContext], None]
"""Reads one field of the current item into the context; may raise FieldError."""


def attempt(metric: str, read: Read, item: Any, context: ExtractContext) -> None:
    """Read one field; a fault affects only this field.

    A reader adds its samples after it has read all of its values.
    """
    try:
        read(item, context)
    except FieldError as error:
        context.fault(metric, str(error))


def shared_series(series: tuple[Series, ...]) -> tuple[Series, ...]:
    """Return the series, as the same object for all targets that have the same ones."""
    return _shared_series(series) if len(series) <= MAX_SHARED_SERIES else series


@lru_cache(maxsize=MAX_SHARED)
def _shared_series(series: tuple[Series, ...]) -> tuple[Series, ...]:
    return series
