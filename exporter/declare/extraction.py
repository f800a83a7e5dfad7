"""What an answer gives: samples, and a fault for each field that was present but unreadable."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from exporter.errors import FieldError

Labels = tuple[tuple[str, str], ...]

MAX_FAULTS = 100
"""Faults kept of one answer: of a thousand items that are wrong in one way, some are enough."""


class Sample(NamedTuple):
    """One value of one series, without the labels of its target."""

    family: str
    labels: Labels
    value: float


sample: Callable[[tuple[str, Labels, float]], Sample] = partial(tuple.__new__, Sample)
"""Makes a Sample in C; the constructor of a NamedTuple is a Python function."""


class Fault(NamedTuple):
    """A field that was present and could not be read."""

    metric: str
    message: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """Everything that one answer, or all answers of one poll, gave."""

    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...] = ()
    dropped_items: int = 0
    """Items of lists beyond their `limit`."""
    dropped_series: int = 0
    """Samples beyond the target's `max_series`."""
    unmapped: int | None = None
    """Values that no field reads, if they were counted."""


class ExtractContext:
    """The state of one extraction: what was found so far, and where in the answer it is."""

    __slots__ = (
        "dropped_items",
        "faults",
        "found",
        "key",
        "labels",
        "params",
        "poll_time",
        "samples",
    )

    def __init__(self, params: Mapping[str, str], poll_time: float) -> None:
        self.params = params
        self.poll_time = poll_time
        self.samples: list[Sample] = []
        self.faults: list[Fault] = []
        self.labels: Labels = ()
        """Of the groups around the current item."""
        self.key = ""
        """The current item's key or index."""
        self.found = False
        """Whether anything declared was present."""
        self.dropped_items = 0

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
    """Read one field; if that fails, only this field is lost.

    No reader adds a sample before it has read all of its own values.
    """
    try:
        read(item, context)
    except FieldError as error:
        context.fault(metric, str(error))
