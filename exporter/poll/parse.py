"""An answer's bytes go in; one plain tree of dicts, lists and scalars comes out, JSON or XML.

An XML element becomes a dict of its attributes and child elements by local name, or its text
where it has neither; text beside others stands under `#text`. An attribute wins over a child of
its name, and children of one name become a list. Where an Each reads children whose key it does not
want, one alone is a list, too.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NoReturn
from xml.etree.ElementTree import ParseError, XMLParser

from exporter.errors import PollError, Reason
from exporter.poll.answer import Answer
from exporter.poll.pointer import make_getter
from exporter.readers import shown
from exporter.spec import KEY, Each, Endpoint, Field

MAX_DEPTH = 64
"""Levels of an answer: the vendors' have four."""

MAX_PARTS = 10_000
"""Objects, lists or XML tags of an answer: each costs time. A server's status has ten of them, a
list of a thousand servers two thousand."""

_HTML = frozenset({"text/html", "application/xhtml+xml"})
_BLANK = b" \t\r\n"
_DOCTYPE = re.compile(rb"<!DOCTYPE\s*([^\s\[>]*)")
_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"


def parse(answer: Answer, endpoint: Endpoint) -> Any:
    """Parse the answer and return the object or list the endpoint's paths start from.

    Raises:
        PollError: It is neither of the endpoint's formats, is malformed, or is no object.
    """
    media_type, charset = _content_type(answer.content_type)
    body = answer.body.removeprefix(codecs.BOM_UTF8)
    is_xml = _is_xml(media_type, body)
    if is_xml and "xml" not in endpoint.formats:
        raise PollError(Reason.BAD_CONTENT_TYPE, "the answer is XML, not JSON")
    if is_xml:
        _check_parts(Reason.BAD_XML, body.count(b"<"))
        tree = _unwrapped_xml(_xml(body), endpoint.roots)
        _make_lists(tree, endpoint.fields)
        return tree
    _check_parts(Reason.BAD_JSON, body.count(b"{") + body.count(b"["))
    tree = _json(body, charset)
    if isinstance(tree, list) and endpoint.takes_list:
        return tree
    if not isinstance(tree, dict):
        raise PollError(Reason.BAD_SHAPE, f"the answer is {shown(tree)}, not an object")
    return _unwrapped_json(tree, endpoint.roots)


def _check_parts(reason: Reason, parts: int) -> None:
    if parts > MAX_PARTS:
        raise PollError(reason, f"more than {MAX_PARTS} parts")


def _is_xml(media_type: str, body: bytes) -> bool:
    if media_type == "application/json" and body[:1] == b"{":
        return False  # What nearly every answer is.
    start = body.lstrip(_BLANK)[:14].lower()
    if media_type in _HTML or start.startswith((b"<!doctype html", b"<html")):
        raise PollError(Reason.BAD_CONTENT_TYPE, "the answer is an HTML page")
    if media_type.endswith(("/json", "+json")):
        return False
    if media_type.endswith(("/xml", "+xml")):
        return True
    if media_type.partition("/")[0] in {"image", "audio", "video", "font", "multipart"}:
        raise PollError(Reason.BAD_CONTENT_TYPE, f"the answer is {shown(media_type)}")
    # The type is missing or says little: the first byte decides.
    return start.startswith(b"<")


@lru_cache(maxsize=256)
def _content_type(value: str) -> tuple[str, str]:
    """Return the media type and the character set."""
    media_type, _, parameters = value.partition(";")
    return media_type.strip().lower(), _charset(parameters)


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            # Only these: `codecs` also knows transformations that are no character sets.
            charset = value.strip().strip('"').lower()
            if charset in {"iso-8859-1", "windows-1252", "us-ascii", "utf-16"}:
                return charset
    return "utf-8"


def _json(body: bytes, charset: str) -> Any:
    if not body.strip(_BLANK):
        raise PollError(Reason.BAD_JSON, "the answer is empty")
    try:
        # A byte that is not in the character set costs its character, not the poll.
        tree = _DECODER.decode(body.decode(charset, "replace"))
    except RecursionError:
        raise PollError(Reason.BAD_JSON, f"more than {MAX_DEPTH} levels deep") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise PollError(Reason.BAD_JSON, f"not valid JSON: {error.msg}, {where}") from None
    except ValueError:
        # The one other: a whole number of more digits than Python converts.
        raise PollError(Reason.BAD_JSON, "a number has too many digits") from None
    # Counting brackets is all that an answer of normal depth has to pay.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _depth(tree) > MAX_DEPTH:
        raise PollError(Reason.BAD_JSON, f"more than {MAX_DEPTH} levels deep")
    return tree


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for twice, _ in pairs:
            if twice in seen:
                break
            seen.add(twice)
        raise PollError(Reason.BAD_JSON, f"the key {shown(twice)} stands twice in one object")
    return result


def _refuse_constant(name: str) -> NoReturn:
    raise PollError(Reason.BAD_JSON, f"{name} is not JSON")


# `json.loads` would make one anew for each answer.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_refuse_constant)


def _depth(tree: Any) -> int:
    depth, level = 0, [tree]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [
            child for one in level for child in (one.values() if isinstance(one, dict) else one)
        ]
    return depth


class _TreeBuilder:
    """Receives the events of the XML parser; `root` is the tree, the root element in a dict."""

    def __init__(self) -> None:
        # Of each open element: its name, attributes, children and texts.
        self._open: list[tuple[str, dict[str, str], dict[str, Any], list[str]]] = []
        self.root: dict[str, Any] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        if len(self._open) >= MAX_DEPTH:
            raise PollError(Reason.BAD_XML, f"more than {MAX_DEPTH} levels deep")
        own = {
            _local(name): value
            for name, value in attributes.items()
            # `xsi:type` and its like are about the text, not beside it.
            if not name.startswith(_SCHEMA_INSTANCE)
        }
        self._open.append((_local(tag), own, {}, []))

    def data(self, data: str) -> None:
        """Add text to the element that is open."""
        self._open[-1][3].append(data)

    def end(self, _tag: str) -> None:
        """Close the element and hand it to the one around it."""
        name, attributes, children, texts = self._open.pop()
        text = "".join(texts).strip()
        content = children | attributes
        if content and text:
            content["#text"] = text
        _add(self._open[-1][2] if self._open else self.root, name, content or text)


def _add(children: dict[str, Any], name: str, value: Any) -> None:
    if name not in children:
        children[name] = value
    elif isinstance(children[name], list):
        children[name].append(value)
    else:
        children[name] = [children[name], value]


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _check_doctype(body: bytes) -> None:
    """Refuse a DTD: entities are a way to read files and to fill memory.

    The parser tells of it, too, but goes on to the end all the same, and expands on the way.
    """
    # In every encoding it knows these are ASCII, but for zeros in UTF-16.
    found = _DOCTYPE.search(body.replace(b"\0", b""))
    if found:
        name = shown(found[1].decode("utf-8", "replace"))
        raise PollError(Reason.BAD_XML, f"a document type ({name}) is not accepted")


def _xml(body: bytes) -> dict[str, Any]:
    _check_doctype(body)
    builder = _TreeBuilder()
    parser = XMLParser(target=builder)  # noqa: S314 - without a DTD there are no entities
    try:
        parser.feed(body)
        parser.close()
    except ParseError as error:
        line, column = error.position
        where = f"line {line} column {column + 1}"
        raise PollError(Reason.BAD_XML, f"not well-formed XML at {where}") from None
    except (LookupError, ValueError):
        raise PollError(Reason.BAD_XML, "the XML declares an unknown encoding") from None
    return builder.root


def _unwrapped_json(tree: dict[str, Any], roots: tuple[str, ...]) -> dict[str, Any]:
    """Look for the roots at the top, else in the only object there."""
    if not roots or any(root in tree for root in roots):
        return tree
    inner = [value for value in tree.values() if isinstance(value, dict)]
    return inner[0] if len(inner) == 1 else tree


def _unwrapped_xml(tree: dict[str, Any], roots: tuple[str, ...]) -> dict[str, Any]:
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


def _make_lists(tree: Any, fields: Iterable[Field]) -> None:
    """Make a list of what stands alone and would be one if there were two of it."""
    for one in fields:
        if isinstance(one, Each):
            found = _listed(tree, one) if one.path else tree
            inner = found.values() if isinstance(found, dict) else found
            for item in inner if isinstance(found, dict | list) else ():
                _make_lists(item, one.fields)


def _listed(tree: Any, field: Each) -> Any:
    above, _, last = field.path.rpartition("/")
    holder = make_getter(above)(tree) if above else tree
    key = last.replace("~1", "/").replace("~0", "~")
    found = holder.get(key) if isinstance(holder, dict) else None
    if found is None or isinstance(found, list):
        return found
    if not any(KEY in paths for paths in field.labels.values()):
        holder[key] = [found]
    elif not found:
        holder[key] = {}  # An element without children, which was taken for an empty text.
    return holder[key]
