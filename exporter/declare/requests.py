"""The request of an endpoint, login or action, with words to fill in.

`{word}` is a parameter or an input, `{/path}` a value of the answer to a login. Values are
percent-encoded in a URL and escaped in a body.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape

from pydantic import Field, field_validator, model_validator

from exporter.declare.model import Model, Text, fault, one_of

_WORD = re.compile(r"\{(/[^{}]*|[A-Za-z_][A-Za-z0-9_-]*)\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_RESERVED_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}

Quote = Callable[[str], str]


@dataclass(frozen=True)
class FilledRequest:
    """A request whose words are filled in; `target` is its path with the query."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def insert_values(text: str, values: Mapping[str, str], quoted: Quote = str) -> str | None:
    """Insert values into a text; None if one of its words has no value."""
    words = _WORD.split(text)
    for at in range(1, len(words), 2):
        value = values.get(words[at])
        if value is None:
            return None
        words[at] = quoted(value)
    return "".join(words)


def words_of(value: Any) -> Iterator[str]:
    """Yield the words in a text, or in the texts of a tree."""
    if isinstance(value, str):
        yield from _WORD.findall(value)
    elif isinstance(value, dict):
        for one in value.values():
            yield from words_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from words_of(one)


def _keys_of(tree: Any) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from (key for key in tree if isinstance(key, str))
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for one in inner:
        yield from _keys_of(one)


def check_headers(
    headers: dict[str, str], reserved: frozenset[str] = _RESERVED_HEADERS
) -> dict[str, str]:
    """Return valid headers unchanged; raise an error for any other."""
    faults = []
    for name, text in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not text.isprintable():
            faults.append(
                f'"{name}" cannot be a header: letters, digits and -, and a value on one line'
            )
        elif name.lower() in reserved:
            faults.append(f"{name} cannot be set here: the client or the target sets it")
    if faults:
        raise fault("; ".join(faults))
    return headers


class Request(Model):
    """What is sent: the method, the path with its query, headers, and one kind of body."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """The HTTP method."""
    path: str
    """The path below the target's URL."""
    query: dict[str, Text] = Field(default_factory=dict)
    """Parameters of the URL; an empty one is not sent."""
    headers: dict[str, Text] = Field(default_factory=dict)
    """Headers to send."""
    json_: Any = Field(alias="json", default=None)
    """A body as JSON."""
    form: dict[str, Text] | None = None
    """A body as fields of a form."""
    body: str | None = None
    """A body as text. Inserted values are escaped for JSON, or for XML if the body begins with <."""

    @field_validator("path")
    @classmethod
    def _check_path(cls, value: str) -> str:
        if not value.startswith("/") or re.search(r"[?#]", value):
            raise fault("a path begins with / and has no query; see query")
        if not re.fullmatch(r"[!-z|~]+", _WORD.sub("", value)):
            raise fault("a path is as it is sent: percent-encoded where need be")
        return value

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, value: dict[str, str]) -> dict[str, str]:
        return check_headers(value, _RESERVED_HEADERS | {"authorization"})

    @model_validator(mode="after")
    def _check_names(self) -> "Request":
        for names in (self.query, self.form or {}, dict.fromkeys(_keys_of(self.json_))):
            for name in names:
                word = _WORD.search(name)
                if word:
                    raise fault(f"{word[0]} is filled in within values, not within a name")
        return self

    @model_validator(mode="after")
    def _check_body(self) -> "Request":
        one_of(self, "json_", "form", "body", required=False)
        if self.method == "GET" and self.has_body:
            raise fault("a body needs another method, such as POST")
        return self

    @property
    def has_body(self) -> bool:
        """Whether a body is sent."""
        return self.json_ is not None or self.form is not None or self.body is not None

    def words(self) -> Iterator[str]:
        """Yield every word that is filled in."""
        for part in (self.path, self.query, self.headers, self.json_, self.form, self.body):
            yield from words_of(part)

    def fill(self, values: Mapping[str, str]) -> FilledRequest:
        """Return the request with these values; a part with a word without a value is not sent.

        Raises:
            ValueError: The path has a word without a value.
        """
        path = insert_values(self.path, values, lambda value: quote(value, safe=""))
        if path is None:
            raise ValueError(f"no value for a word of {self.path}")
        pairs = [(name, value) for name, value in _pairs(self.query, values) if value]
        query = urlencode(pairs, quote_via=quote, safe="")
        headers = dict(_pairs(self.headers, values, _header_escaped))
        kind = "json" if self.json_ is not None else "form" if self.form is not None else ""
        if self.has_body and not any(name.lower() == "content-type" for name in headers):
            # Most text bodies without a declared type are JSON.
            text = "application/xml" if self._is_xml else "application/json"
            headers["Content-Type"] = _TYPES.get(kind, text)
        target = f"{path}?{query}" if query else path
        return FilledRequest(self.method, target, tuple(headers.items()), self._body(values))

    def _body(self, values: Mapping[str, str]) -> bytes:
        if self.json_ is not None:
            return json.dumps(_fill_tree(self.json_, values)).encode()
        if self.form is not None:
            return urlencode(list(_pairs(self.form, values))).encode()
        quoted: Quote = _xml_escaped if self._is_xml else _json_escaped
        if any(
            name.lower() == "content-type" and text.startswith(_TYPES["form"])
            for name, text in self.headers.items()
        ):
            quoted = quote_plus
        return (insert_values(self.body or "", values, quoted) or "").encode()

    @property
    def _is_xml(self) -> bool:
        return (self.body or "").lstrip().startswith("<")


def _json_escaped(value: str) -> str:
    return json.dumps(value)[1:-1]


def _xml_escaped(value: str) -> str:
    # For the text of an element and for an attribute in quotes of either kind.
    return escape(value, {'"': "&quot;", "'": "&apos;"})


def _header_escaped(value: str) -> str:
    # A line break would begin another header.
    return _CONTROL.sub(lambda found: quote(found[0], safe=""), value)


def _pairs(
    given: Mapping[str, str], values: Mapping[str, str], quoted: Quote = str
) -> Iterator[tuple[str, str]]:
    for name, text in given.items():
        value = insert_values(text, values, quoted)
        if value is not None:
            yield name, value


def _fill_tree(tree: Any, values: Mapping[str, str]) -> Any:
    if isinstance(tree, str):
        return insert_values(tree, values)
    if isinstance(tree, list):
        return [_fill_tree(one, values) for one in tree]
    if isinstance(tree, dict):
        filled = {key: _fill_tree(one, values) for key, one in tree.items()}
        return {key: one for key, one in filled.items() if one is not None or tree[key] is None}
    return tree
