"""An answer becomes an extraction: parsed, and read as its endpoint declares."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import Extraction
from exporter.declare.last_answer import LastAnswer, learn
from exporter.declare.unmapped import unmapped
from exporter.http.answer import Answer
from exporter.pipeline.json_tree import is_within_limits
from exporter.pipeline.parse import is_utf_8, parse


class ReadAnswer(NamedTuple):
    """An answer that was read whole."""

    endpoint: Endpoint
    tree: Any
    extraction: Extraction
    poll_time: float
    """Half-way from sending to receiving, Unix time."""


class AnswerReader:
    """Reads the answers of one endpoint of a target; keeps the last to read the next faster."""

    __slots__ = ("_content_type", "_endpoint", "_last", "_misses", "_params")

    def __init__(self, endpoint: Endpoint, params: Mapping[str, str]) -> None:
        self._endpoint = endpoint
        self._params = params
        self._last: LastAnswer | None = None
        self._content_type = ""
        self._misses = 0

    def read(self, answer: Answer) -> Extraction:
        """Read what has changed since the last answer, or all if that is not enough.

        Raises:
            PollError: It cannot be parsed, reports an error, or has nothing that is declared.
        """
        last = self._last
        if (
            last is not None
            and answer.content_type == self._content_type
            and (not last.has_lists or is_within_limits(answer.body))
        ):
            extraction = last.read(answer.body, answer.middle)
            if extraction is not None:
                self._misses = 0
                return extraction
        return self._read_and_learn(answer).extraction

    def read_whole(self, answer: Answer) -> ReadAnswer:
        """Read all of an answer, and count the values that no field reads.

        Raises:
            PollError: As `read` does.
        """
        read = self._read_and_learn(answer)
        count = len(unmapped(read.tree, self._endpoint))
        return read._replace(extraction=read.extraction._replace(unmapped=count))

    def _read_and_learn(self, answer: Answer) -> ReadAnswer:
        endpoint, params = self._endpoint, self._params
        tree, faults = parse(answer, endpoint)
        extraction = endpoint.extract(tree, params, answer.middle, faults)
        self._last = None
        self._misses += 1
        # If every answer differs too much, learn only the first, second, fourth, eighth...
        if self._misses.bit_count() == 1 and is_utf_8(answer.content_type):
            self._content_type = answer.content_type
            self._last = learn(endpoint, tree, extraction, answer.body, params)
        return ReadAnswer(endpoint, tree, extraction, answer.middle)


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
