"""Writes a proposal as YAML, laid out as a person would write it."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from exporter.propose.guess import is_secret
from exporter.propose.naming import NamedFields, name_fields
from exporter.propose.sketch import Item, LeftOut


@dataclass(frozen=True)
class AnsweredRequest:
    """The request of an answer."""

    path: str
    """Percent-encoded, as it is sent."""
    query: tuple[tuple[str, str], ...] = ()


_WIDTH = 100
_MAX_LEFT_OUT = 30
_MAX_SHOWN = 60
# After the kind and the path.
_FIRST_OPTION = 2
_HEAD = """\
# Proposed from one answer by `status-exporter declare`. Review each guess, set title, and add
# help where a metric's name does not say enough.
"""


def propose(
    tree: Any, system: str, request: AnsweredRequest | None = None, form: str = "json"
) -> str:
    """Propose a declaration for an answer: an object, a list, or a text.

    `request` is the answer's request, if it is known, and `form` json, xml or text.

    Raises:
        NothingToMapError: The answer has nothing that can become a metric.
    """
    named = name_fields(tree, system, is_xml=form == "xml")
    return _HEAD + "\n".join(_system(named, system, request, form)) + "\n"


def _system(
    named: NamedFields, system: str, request: AnsweredRequest | None, form: str
) -> Iterator[str]:
    yield "systems:"
    yield f"  {quote_scalar(system)}:"
    yield f"    title: {quote_scalar(system.replace('_', ' '))}"
    yield "    endpoints:"
    if request is None:
        yield "      - path: /status  # the path of the answer is not known: set it"
    else:
        yield f"      - path: {quote_scalar(request.path)}"
        yield from _query(request.query)
    if form != "json":
        yield f"        formats: [{form}]"
    yield "        fields:"
    for field in named.fields:
        yield from _field(field, 10)
    yield from _left_out_lines(named.left_out, 10)
    if named.dropped:
        yield f"{' ' * 10}# left out: {named.dropped} further fields"


def _query(query: tuple[tuple[str, str], ...]) -> Iterator[str]:
    # A secret belongs into a file of the client, and {word} would be a parameter.
    sent = {
        name: one for name, one in query if not _is_secret_param(name) and "{" not in name + one
    }
    if sent:
        yield "        query:"
    for name, value in sent.items():
        yield f"          {quote_scalar(name)}: {quote_scalar(value)}"
    for name in dict.fromkeys(name for name, _ in query if name not in sent):
        yield f"        # left out of the query: {_comment_text(name)}; a secret goes into a client's query_params"


def _field(field: Item, indent: int) -> Iterator[str]:
    start, rest = f"{' ' * indent}- ", " " * (indent + 2)
    lines = [(field.kind, quote_scalar(field.name or field.path))]
    if field.name and field.kind != "info":
        lines.append(("path", quote_scalar(field.path)))
    lines += [(key, _value(value)) for key, value in field.options if key != "patterns"]
    written = [f"{key}: {value}" for key, value in lines]
    if field.note:
        # A note is about the reading or the states, else about the kind.
        at = _FIRST_OPTION if len(written) > _FIRST_OPTION else 0
        if len(rest) + len(written[at]) + len(field.note) + 4 > _WIDTH:
            written[at:at] = [f"# {field.note}"] if at else []
            start = f"{' ' * indent}# {field.note}\n{start}" if not at else start
        else:
            written[at] += f"  # {field.note}"
    if field.labels:
        written += _labels(field.labels, len(rest))
    for key, value in field.options:
        if key == "patterns":
            written += ["patterns:", *(f"  - {quote_scalar(one, single=True)}" for one in value)]
    yield f"{start}{written[0]}"
    yield from (f"{rest}{line}" for line in written[1:])
    if field.fields:
        yield f"{rest}fields:"
        for inner in field.fields:
            yield from _field(inner, indent + 4)
        yield from _left_out_lines(field.left_out, indent + 4)


def _labels(labels: tuple[tuple[str, str], ...], indent: int) -> list[str]:
    pairs = [f"{quote_scalar(name)}: {quote_scalar(path)}" for name, path in labels]
    line = f"labels: {{{', '.join(pairs)}}}"
    if indent + len(line) <= _WIDTH:
        return [line]
    return ["labels:", *(f"  {pair}" for pair in pairs)]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_value(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return quote_scalar(value) if isinstance(value, str) else str(value)


def _left_out_lines(left_out: LeftOut, indent: int) -> Iterator[str]:
    if not left_out:
        return
    parts = [f"{_comment_text(path)} ({why})" for path, why in left_out[:_MAX_LEFT_OUT]]
    if len(left_out) > _MAX_LEFT_OUT:
        parts.append(f"and {len(left_out) - _MAX_LEFT_OUT} more")
    text = "left out: " + ", ".join(parts)
    yield from textwrap.wrap(
        text,
        max(_WIDTH, indent + 40),
        initial_indent=f"{' ' * indent}# ",
        subsequent_indent=f"{' ' * indent}#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def quote_scalar(text: str, *, single: bool = False) -> str:
    """Return a text as a YAML scalar that is also valid in a flow collection: plain if possible."""
    if _is_plain(text):
        return text
    if text.isprintable() and (single or '"' in text or "\\" in text):
        return "'" + text.replace("'", "''") + "'"
    return f'"{_escape_text(text)}"'


def _is_plain(text: str) -> bool:
    if not text.isascii() or not text.isprintable() or set(text) & set("[]{},#&*!|>'\"%@`:?\\"):
        return False
    try:
        loaded = yaml.safe_load(f"[{text}]")
    except (yaml.YAMLError, ValueError):
        return False
    return bool(loaded == [text] and text != "-" and text == text.strip())


def _escape_text(text: str) -> str:
    return "".join(map(_escape, text))


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08X}"


def _comment_text(path: str) -> str:
    """Return a pointer for a comment: one line, printable, bounded."""
    shown = _escape_text(path or "the item itself")
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}..."


def _is_secret_param(name: str) -> bool:
    """Whether a parameter of a URL may be a secret; there, short names often are."""
    return is_secret(name) or name.lower() in {"k", "key", "pass", "session"}
