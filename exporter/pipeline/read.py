"""An answer becomes an extraction: its bytes become a tree, and its fields samples.

The tree is a dict, a list or a text. The first character decides whether an answer is JSON, XML or
text, not its Content-Type: servers send JSON as text/html.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import Extraction, shared_series
from exporter.declare.last_answer import LastAnswer, learn
from exporter.declare.unmapped import find_unmapped
from exporter.errors import PollError, Reason
from exporter.http.answer import MAX_DEPTH, MAX_PARTS, MAX_VALUES, Answer
from exporter.pipeline.charset import DecodedText, decode
from exporter.pipeline.json_tree import read_json
from exporter.pipeline.sniff import beginning, describe, first_character, is_page
from exporter.pipeline.xml_tree import find_roots, make_lists, read_xml
from exporter.text import excerpt

_NO_TEXT = frozenset({"image", "audio", "video", "font", "multipart"})
# Of a header that may be 64 KiB.
_LONGEST_CONTENT_TYPE = 256


# JSON without a charset is UTF-8.
_UTF_8 = frozenset({"", "utf-8", "UTF-8", "utf8"})


class ReadAnswer(NamedTuple):
    """An answer that was read whole."""

    endpoint: Endpoint
    tree: Any
    extraction: Extraction
    poll_time: float
    """Half-way from sending to receiving, Unix time."""


class EndpointReader:
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
            and (not last.lists or _is_within(MAX_PARTS, answer.body))
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
        count = len(find_unmapped(read.tree, self._endpoint))
        return read._replace(extraction=replace(read.extraction, unmapped=count))

    def _read_and_learn(self, answer: Answer) -> ReadAnswer:
        endpoint, params = self._endpoint, self._params
        tree, faults = parse(answer, endpoint)
        extraction = endpoint.extract(tree, params, answer.middle, faults)
        extraction = replace(extraction, series=shared_series(extraction.series))
        self._last = None
        self._misses += 1
        # If every answer differs too much, learn only the first, second, fourth, eighth...
        if self._misses.bit_count() == 1 and _is_utf_8(answer.content_type):
            self._content_type = answer.content_type
            self._last = learn(endpoint, tree, extraction, answer.body, params)
        return ReadAnswer(endpoint, tree, extraction, answer.middle)


def join_extractions(found: tuple[Extraction, ...], max_series: int) -> Extraction:
    """Join the extractions of one poll; series beyond `max_series` are dropped."""
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


class ParsedAnswer(NamedTuple):
    """The tree of an answer: a dict, a list if one is expected, or a text; and faults."""

    tree: Any
    faults: tuple[str, ...] = ()


def parse(answer: Answer, endpoint: Endpoint) -> ParsedAnswer:
    """Parse the answer and return the object, list or text that the paths of fields start from.

    If it looks like neither JSON nor XML, it is parsed as text where the endpoint accepts that.

    Raises:
        PollError: It is none of the formats, is malformed, or its JSON is no object.
    """
    formats = endpoint.formats
    media_type, charset = _content_type(answer.content_type[:_LONGEST_CONTENT_TYPE])
    if "json" in formats and charset in _UTF_8:
        # Nearly every answer. In any doubt the strict readers below decide.
        tree = read_plain_json(answer.body)
        if tree is not None:
            return ParsedAnswer(_json_root(tree, endpoint))
    decoded = decode(answer.body, charset)
    text, faults = decoded.text, decoded.faults
    first = first_character(text)
    if first in {"{", "["} and "json" in formats:
        return ParsedAnswer(_json_root(read_json(text), endpoint), faults)
    if first == "<" and "xml" in formats and not is_page(text, media_type):
        tree = find_roots(read_xml(text), endpoint.roots)
        make_lists(tree, endpoint.list_paths)
        return ParsedAnswer(tree, faults)
    if "text" in formats:
        return ParsedAnswer(text, faults)
    raise _refusal(answer.body, decoded, media_type, formats)


def _is_utf_8(content_type: str) -> bool:
    """Return whether an answer of this Content-Type is UTF-8 unless its bytes say otherwise."""
    return _content_type(content_type[:_LONGEST_CONTENT_TYPE])[1] in _UTF_8


def _refusal(
    body: bytes, decoded: DecodedText, media_type: str, formats: Collection[str]
) -> PollError:
    """Return an error that explains what the answer is instead of JSON or XML."""
    text = decoded.text
    wanted = " or ".join(one.upper() for one in formats)
    match first_character(text):
        case "<":
            what = "an HTML page" if is_page(text, media_type) else "XML"
            detail = f"the answer is {what}, not {wanted}: {beginning(text)}"
            return PollError(Reason.BAD_CONTENT_TYPE, detail)
        case "{" | "[":
            detail = f"the answer looks like JSON, not {wanted}: {beginning(text)}"
            return PollError(Reason.BAD_CONTENT_TYPE, detail)
    reason = Reason.BAD_JSON
    if "json" not in formats or ("xml" in formats and media_type.endswith(("/xml", "+xml"))):
        reason = Reason.BAD_XML
    if not text.strip():
        return PollError(reason, "the answer is empty")
    if reason is Reason.BAD_JSON:
        with suppress(PollError):
            detail = f"the answer is {excerpt(read_json(text))}, not an object"
            return PollError(Reason.BAD_SHAPE, detail)
    label = ""
    if media_type.partition("/")[0] in _NO_TEXT:
        reason, label = Reason.BAD_CONTENT_TYPE, f", labelled {excerpt(media_type)},"
    looks = describe(body, text, decoded.codec)
    return PollError(reason, f"the answer{label} is not {wanted} but looks like {looks}")


@lru_cache(maxsize=256)
def _content_type(value: str) -> tuple[str, str]:
    """Return the media type and the charset of a Content-Type, each "" where it is missing."""
    media_type, _, parameters = value.partition(";")
    charset = ""
    for parameter in parameters.split(";"):
        name, _, named = parameter.partition("=")
        if name.strip().lower() == "charset" and not charset:
            charset = named.strip().strip("\"'")
    return media_type.strip().lower(), charset


def _json_root(tree: Any, endpoint: Endpoint) -> Any:
    """Return the object with the roots: the tree, or the only object in it."""
    roots = endpoint.roots
    if not isinstance(tree, dict):
        if endpoint.takes_list:
            return tree
        raise PollError(Reason.BAD_SHAPE, f"the answer is {excerpt(tree)}, not an object")
    if not roots or any(root in tree for root in roots):
        return tree
    inner = [value for value in tree.values() if isinstance(value, dict)]
    return inner[0] if len(inner) == 1 else tree


def read_plain_json(body: bytes) -> Any:
    """Parse an object or list in UTF-8 in a third of the time; None in any doubt."""
    if body[:1] not in {b"{", b"["}:
        return None
    if not _is_within(MAX_DEPTH, body):
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _is_within(max_parts: int, body: bytes) -> bool:
    """Return whether JSON surely has no more parts than these, and no more values than allowed."""
    parts = body.count(b"{") + body.count(b"[")
    return parts <= max_parts and body.count(b",") < MAX_VALUES
