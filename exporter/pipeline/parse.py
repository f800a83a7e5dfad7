"""An answer's bytes become one plain tree of dicts, lists and scalars, whether JSON, XML or text.

The first character decides what an answer is, not its label: servers send JSON as text/html.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from exporter.declare.endpoint import Endpoint
from exporter.errors import PollError, Reason
from exporter.http.answer import Answer
from exporter.pipeline.charset import DecodedText, decode
from exporter.pipeline.json_tree import read_json, read_plain_json
from exporter.pipeline.sniff import describe, excerpt, first_character, is_page
from exporter.pipeline.xml_tree import make_lists, read_xml
from exporter.text import shown

_NO_TEXT = frozenset({"image", "audio", "video", "font", "multipart"})
# Of a header that may be 64 KiB.
_LONGEST_CONTENT_TYPE = 256


# What JSON is in where nothing is said.
_UTF_8 = frozenset({"", "utf-8", "UTF-8", "utf8"})


class ParsedAnswer(NamedTuple):
    """What an answer holds: a dict, a list where one is expected, or a text; and its faults."""

    tree: Any
    faults: tuple[str, ...] = ()


def parse(answer: Answer, endpoint: Endpoint) -> ParsedAnswer:
    """Parse the answer and return the object, list or text that the paths of fields start from.

    Of the endpoint's formats json and xml, the one it looks like; as text, all that is neither.

    Raises:
        PollError: It is none of the formats, is malformed, or its JSON is no object.
    """
    formats = endpoint.formats
    media_type, charset = _content_type(answer.content_type[:_LONGEST_CONTENT_TYPE])
    if "json" in formats and charset in _UTF_8:
        # Nearly every answer; for all that it refuses, what follows has the last word.
        tree = read_plain_json(answer.body)
        if tree is not None:
            return ParsedAnswer(_json_root(tree, endpoint))
    decoded = decode(answer.body, charset)
    text, faults = decoded.text, decoded.faults
    first = first_character(text)
    if first in {"{", "["} and "json" in formats:
        return ParsedAnswer(_json_root(read_json(text), endpoint), faults)
    if first == "<" and "xml" in formats and not is_page(text, media_type):
        tree = _xml_root(read_xml(text), endpoint.roots)
        make_lists(tree, endpoint.list_paths)
        return ParsedAnswer(tree, faults)
    if "text" in formats:
        return ParsedAnswer(text, faults)
    raise _refusal(answer.body, decoded, media_type, formats)


def is_utf_8(content_type: str) -> bool:
    """Return whether an answer of this Content-Type is UTF-8 unless its bytes say otherwise."""
    return _content_type(content_type[:_LONGEST_CONTENT_TYPE])[1] in _UTF_8


def _refusal(
    body: bytes, decoded: DecodedText, media_type: str, formats: Collection[str]
) -> PollError:
    """Explain what the answer is instead of JSON or XML."""
    text = decoded.text
    wanted = " or ".join(one.upper() for one in formats)
    match first_character(text):
        case "<":
            what = "an HTML page" if is_page(text, media_type) else "XML"
            detail = f"the answer is {what}, not {wanted}: {excerpt(text)}"
            return PollError(Reason.BAD_CONTENT_TYPE, detail)
        case "{" | "[":
            detail = f"the answer looks like JSON, not {wanted}: {excerpt(text)}"
            return PollError(Reason.BAD_CONTENT_TYPE, detail)
    reason = Reason.BAD_JSON
    if "json" not in formats or ("xml" in formats and media_type.endswith(("/xml", "+xml"))):
        reason = Reason.BAD_XML
    if not text.strip():
        return PollError(reason, "the answer is empty")
    if reason is Reason.BAD_JSON:
        with suppress(PollError):
            detail = f"the answer is {shown(read_json(text))}, not an object"
            return PollError(Reason.BAD_SHAPE, detail)
    label = ""
    if media_type.partition("/")[0] in _NO_TEXT:
        reason, label = Reason.BAD_CONTENT_TYPE, f", labelled {shown(media_type)},"
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
    """Look for the roots at the top, else in the only object there."""
    roots = endpoint.roots
    if not isinstance(tree, dict):
        if endpoint.takes_list:
            return tree
        raise PollError(Reason.BAD_SHAPE, f"the answer is {shown(tree)}, not an object")
    if not roots or any(root in tree for root in roots):
        return tree
    inner = [value for value in tree.values() if isinstance(value, dict)]
    return inner[0] if len(inner) == 1 else tree


def _xml_root(tree: dict[str, Any], roots: tuple[str, ...]) -> dict[str, Any]:
    """Take the first element of each root's name, at any depth; the document's own comes last."""
    if not roots:
        return tree
    found: dict[str, Any] = {}
    for level in (*tree.values(), tree):
        for root in roots:
            value = next(_named(level, root), None) if root not in found else None
            if value is not None:
                found[root] = value
    return found


def _named(tree: Any, name: str) -> Iterator[Any]:
    """Yield what has the name, in the order of the document."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield value[0] if isinstance(value, list) else value
            yield from _named(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from _named(value, name)
