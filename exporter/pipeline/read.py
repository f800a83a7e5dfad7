"""An answer becomes an extraction: parsed, and read as its endpoint declares."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import Extraction
from exporter.declare.shapes import LastAnswer, learn
from exporter.declare.unmapped import unmapped
from exporter.http.answer import Answer
from exporter.pipeline.parse import is_utf_8, parse


class ReadAnswer(NamedTuple):
    """An answer that was read whole."""

    endpoint: Endpoint
    tree: Any
    extraction: Extraction
    poll_time: float
    """Half-way from sending to receiving, Unix time."""


def read(
    answer: Answer, endpoint: Endpoint, params: Mapping[str, str], *, counts_unmapped: bool = False
) -> ReadAnswer:
    """Read an answer whole, and count the values that no field reads if that is wanted.

    Raises:
        PollError: It cannot be parsed, reports an error, or has nothing that is declared.
    """
    tree, faults = parse(answer, endpoint)
    extraction = endpoint.extract(tree, params, answer.middle, faults)
    if counts_unmapped:
        extraction = extraction._replace(unmapped=len(unmapped(tree, endpoint)))
    return ReadAnswer(endpoint, tree, extraction, answer.middle)


class AnswerCache:
    """What is kept of the last answer of an endpoint of a target, to read the next faster."""

    __slots__ = ("_content_type", "_last", "_misses")

    def __init__(self) -> None:
        self._last: LastAnswer | None = None
        self._content_type = ""
        self._misses = 0

    def read(self, answer: Answer) -> Extraction | None:
        """Return what an answer gives, if it is enough to read what has changed since the last."""
        last = self._last
        if last is None or answer.content_type != self._content_type:
            return None
        return last.read(answer.body, answer.middle)

    def learn(self, answer: Answer, one: ReadAnswer) -> None:
        """Note an answer that was read whole.

        What is new each time is not learned each time: after 1, 2, 4, 8... answers.
        """
        self._last = None
        self._misses += 1
        if self._misses.bit_count() == 1 and is_utf_8(answer.content_type):
            self._content_type = answer.content_type
            self._last = learn(one.endpoint, one.tree, one.extraction, answer.body)


def joined(found: tuple[Extraction, ...], max_series: int) -> Extraction:
    """Return what the answers of one poll gave together; series beyond `max_series` are cut."""
    series = tuple(series for one in found for series in one.series)
    counted = [one.unmapped for one in found if one.unmapped is not None]
    return Extraction(
        series[:max_series],
        tuple(value for one in found for value in one.values)[:max_series],
        tuple(fault for one in found for fault in one.faults),
        sum(one.dropped_items for one in found),
        max(0, len(series) - max_series),
        sum(counted) if counted else None,
    )
