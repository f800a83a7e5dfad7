"""Parses XML into dicts, lists and texts, like JSON.

An element becomes a dict of its attributes and child elements by local name, or its text if it has
neither; text beside them is at `#text`. An attribute wins over a child of the same name, and
children of the same name become a list. An element with nothing but `xsi:nil` is None.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree.ElementTree import ParseError, XMLParser

from exporter.errors import PollError, Reason
from exporter.http.answer import MAX_DEPTH, MAX_PARTS, MAX_VALUES
from exporter.text import excerpt

ListPath = tuple[str, ...]
"""The path of a list: keys, and "*" for each item. With "*" at the end, the path of an object whose
children are the items."""

_DECLARATION = re.compile(r"\s*(<\?xml\s[^<>]*\?>)")
_DOCTYPE = re.compile(r"<!DOCTYPE\s*([^\s\[>]*)")
_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
_TRUE = frozenset({"true", "1"})


def read_xml(text: str) -> dict[str, Any]:
    """Parse the text and return the root element in a dict.

    Raises:
        PollError: `bad_xml`: it is not well-formed, has a DTD, or goes beyond the limits.
    """
    if text.count("<") > MAX_PARTS:
        raise PollError(Reason.BAD_XML, f"more than {MAX_PARTS} parts")
    if text.count("=") > MAX_VALUES:
        raise PollError(Reason.BAD_XML, f"more than {MAX_VALUES} values")
    _check_doctype(text)
    builder = _TreeBuilder()
    parser = XMLParser(target=builder)  # noqa: S314 - without a DTD there are no entities
    try:
        parser.feed(_blank_declaration(text))
        parser.close()
    except ParseError as error:
        line, column = error.position
        where = f"line {line} column {column + 1}"
        raise PollError(Reason.BAD_XML, f"not well-formed XML at {where}") from None
    return builder.root


def _check_doctype(text: str) -> None:
    """Reject a DTD: entities can read files and fill memory.

    The parser reports a DTD as well, but only after it has expanded all entities.
    """
    found = _DOCTYPE.search(text)
    if found:
        raise PollError(Reason.BAD_XML, f"a document type ({excerpt(found[1])}) is not accepted")


def _blank_declaration(text: str) -> str:
    """Replace the XML declaration by blanks, which keep the columns.

    Its encoding has been applied or overridden. The parser would reject version 1.1, and blank lines
    before the declaration.
    """
    found = _DECLARATION.match(text)
    return " " * found.end() + text[found.end() :] if found else text


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
        self._open.append((tag, attributes, {}, []))

    def data(self, data: str) -> None:
        """Add text to the element that is open."""
        self._open[-1][3].append(data)

    def end(self, _tag: str) -> None:
        """Close the element and add it to its parent."""
        tag, attributes, children, texts = self._open.pop()
        text = "".join(texts).strip()
        content: Any = children
        if attributes:
            # Attributes such as `xsi:type` describe the content.
            own = (one for one in attributes.items() if not one[0].startswith(_SCHEMA_INSTANCE))
            content = children | {_local(name): value for name, value in own}
        if not content:
            nil = attributes and attributes.get(f"{_SCHEMA_INSTANCE}nil", "").strip() in _TRUE
            content = None if nil else text
        elif text:
            content["#text"] = text
        _add(self._open[-1][2] if self._open else self.root, _local(tag), content)


def _add(children: dict[str, Any], name: str, value: Any) -> None:
    if name not in children:
        children[name] = value
    elif isinstance(children[name], list):
        children[name].append(value)
    else:
        children[name] = [children[name], value]


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def make_lists(tree: Any, paths: Iterable[ListPath]) -> None:
    """Make a list of each single element at the path of a list.

    Several elements are a list already. An empty text becomes an empty object if its children would
    be the items. A path has to precede the paths below it.
    """
    for path in paths:
        _make_list(tree, path)


def _make_list(tree: Any, path: ListPath) -> None:
    step, rest = path[0], path[1:]
    if step == "*":
        items = tree.values() if isinstance(tree, dict) else tree
        for item in items if rest and isinstance(tree, dict | list) else ():
            _make_list(item, rest)
    elif isinstance(tree, list):
        if rest and step.isdecimal() and step.isascii() and int(step[:9]) < len(tree):
            _make_list(tree[int(step[:9])], rest)
    elif isinstance(tree, dict) and tree.get(step) is not None:
        if not rest:
            tree[step] = tree[step] if isinstance(tree[step], list) else [tree[step]]
            return
        if rest[0] == "*" and not tree[step]:
            tree[step] = {}
        _make_list(tree[step], rest)


def find_roots(tree: dict[str, Any], roots: tuple[str, ...]) -> dict[str, Any]:
    """Return the first element of each root's name, at any depth; the document element comes last."""
    if not roots:
        return tree
    found: dict[str, Any] = {}
    for level in (*tree.values(), tree):
        for root in roots:
            value = next(_find_elements(level, root), None) if root not in found else None
            if value is not None:
                found[root] = value
    return found


def _find_elements(tree: Any, name: str) -> Iterator[Any]:
    """Yield the elements of a name, in the order of the document."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            if key == name:
                yield value[0] if isinstance(value, list) else value
            yield from _find_elements(value, name)
    elif isinstance(tree, list):
        for value in tree:
            yield from _find_elements(value, name)
