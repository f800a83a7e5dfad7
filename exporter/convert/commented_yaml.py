"""Writes plain data as YAML in the layout of the built-in systems, with comments."""

import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WIDTH = 110


@dataclass(frozen=True, eq=False)
class Comment:
    """A comment line: an item of a list, or a key of a mapping whose value is ignored."""

    text: str


# Text that every YAML reader reads alike; all other text is quoted.
_PLAIN = re.compile(r"[\w/.(<*+-][\w/.()<>=*+@%;'-]*(?: [\w/.()<>=*+@%;'-]+)*", re.ASCII)
_PLAIN_PROSE = re.compile(
    r"[A-Za-z](?:[\w/.()<>=*+@%;,'-]|:(?=\S))*(?: [\w/.()<>=*+@%;,'-]+)*", re.ASCII
)
_OTHER_TYPE = re.compile(
    r"[-+.]?[0-9].*|[-+]?\.(?:inf|nan)|true|false|yes|no|on|off|y|n|null|~|<<|=|-+|\.+|[*+(<-].*",
    re.IGNORECASE,
)


def yaml_text(data: dict[Any, Any]) -> str:
    """Return the mapping as YAML; a value is a scalar, a list or a mapping."""
    return "\n".join(_mapping(data, 0)) + "\n"


def scalar(value: Any, *, flow: bool = False) -> str:
    """Write a text, number, truth value or null; `flow` is within [] or {}."""
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _PLAIN if flow else _PLAIN_PROSE
    if (_PLAIN.fullmatch(value) or plain.fullmatch(value)) and not _OTHER_TYPE.fullmatch(value):
        return value
    if value.isprintable() and ("\\" in value or '"' in value) and "\n" not in value:
        return "'" + value.replace("'", "''") + "'"
    return _quote(value)


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    # One escape each: YAML has no surrogates, of which JSON writes pairs.
    parts = (one if one.isprintable() else f"\\U{ord(one):08x}" for one in escaped)
    return f'"{"".join(parts)}"'


def _mapping(data: dict[Any, Any], indent: int) -> Iterator[str]:
    blank = " " * indent
    for key, value in data.items():
        if isinstance(key, Comment):
            yield from _comment(key, indent)
            continue
        start = f"{blank}{scalar(str(key))}:"
        flow = _flow(value)
        short = not value or not isinstance(value, str | dict | list)
        if flow is not None and (short or len(start) + 1 + len(flow) <= WIDTH):
            yield f"{start} {flow}"
        elif isinstance(value, dict):
            yield start
            yield from _mapping(value, indent + 2)
        elif isinstance(value, list):
            yield start
            yield from _list(value, indent + 2)
        else:
            yield from _long_text(start, str(value), indent + 2)


def _list(items: list[Any], indent: int) -> Iterator[str]:
    blank = " " * indent
    for item in items:
        if isinstance(item, Comment):
            yield from _comment(item, indent)
        elif isinstance(item, dict | list) and item:
            inner = (
                _mapping(item, indent + 2) if isinstance(item, dict) else _list(item, indent + 2)
            )
            lines = list(inner)
            # Comments of the mapping's first key go above the dash.
            while lines[0].lstrip().startswith("#"):
                yield blank + lines.pop(0).strip()
            yield f"{blank}- {lines[0][indent + 2 :]}"
            yield from lines[1:]
        else:
            yield f"{blank}- {_flow(item) or _quote(item)}"


def _comment(comment: Comment, indent: int) -> Iterator[str]:
    blank = " " * indent
    # Text of the other configuration: line ends and control characters must not end the comment.
    text = "".join(one if one.isprintable() else " " for one in comment.text)
    lines = textwrap.wrap(text, WIDTH - indent - 2, break_long_words=False, break_on_hyphens=False)
    for line in lines or [""]:
        yield f"{blank}# {line}".rstrip()


def _flow(value: Any, *, nested: bool = False) -> str | None:
    """Write a value on one line; None if people would write it on several lines."""
    if isinstance(value, dict):
        # A mapping of mappings is easier to read in lines.
        deep = any(isinstance(one, dict) and one for one in value.values())
        parts = {key: _flow(one, nested=True) for key, one in value.items()}
        if deep or None in parts.values() or any(isinstance(one, Comment) for one in parts):
            return None
        body = ", ".join(f"{scalar(str(key), flow=True)}: {one}" for key, one in parts.items())
        return f"{{{body}}}"
    if isinstance(value, list):
        items = [_flow(one, nested=True) for one in value]
        if None in items or any(isinstance(one, dict) for one in value):
            return None
        return f"[{', '.join(map(str, items))}]"
    if isinstance(value, Comment) or (isinstance(value, str) and "\n" in value):
        return None
    return scalar(value, flow=nested)


def _long_text(start: str, text: str, indent: int) -> Iterator[str]:
    blank = " " * indent
    lines = text.split("\n")
    if len(lines) == 1 and re.fullmatch(r"\S+(?: \S+)*", text) and text.isprintable():
        yield f"{start} >-"
        wrapped = textwrap.wrap(
            text, WIDTH - indent, break_long_words=False, break_on_hyphens=False
        )
        yield from (blank + line for line in wrapped)
        return
    # A literal block, unless its first line would change the indentation.
    ends = "" if lines[-1] == "" else "-"
    shown = lines[:-1] if lines[-1] == "" else lines
    if (
        len(lines) > 1
        and all(line.isprintable() for line in lines)
        and shown[0][:1].strip()
        and shown[-1].strip()
    ):
        yield f"{start} |{ends}"
        yield from ((blank + line).rstrip() if not line else blank + line for line in shown)
    else:
        yield f"{start} {_quote(text)}"
