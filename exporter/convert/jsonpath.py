"""JSONPath in kubectl's dialect, as json_exporter uses it; translated to JSON Pointer or JMESPath.

A template is fixed text and expressions in braces: `planet-{.location}`. An expression is a chain of
steps, such as `.values[?(@.state == "ACTIVE")].count`, or a constant.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class JsonPathError(ValueError):
    """A text that is not JSONPath, or that neither a pointer nor JMESPath can express."""


@dataclass(frozen=True)
class Key:
    """`.name` or `['name']`."""

    name: str


@dataclass(frozen=True)
class Index:
    """`[3]`; negative ones count from the end."""

    index: int


@dataclass(frozen=True)
class Wildcard:
    """`[*]`, every item of a list, or `.*`, every value of a list or object."""

    of_object: bool


@dataclass(frozen=True)
class Slice:
    """`[start:stop:step]`, as written."""

    bounds: str


@dataclass(frozen=True)
class Union:
    """`[0,2]` or `['a','b']`."""

    parts: "tuple[Steps, ...]"


@dataclass(frozen=True)
class Constant:
    """A quoted text, number or truth value instead of a path."""

    value: str | float | bool


@dataclass(frozen=True)
class FilterStep:
    """`[?(left operator right)]`; the operator `exists` has no right side."""

    left: "Steps"
    operator: str
    right: "Steps | Constant | None"


Step = Key | Index | Wildcard | Slice | Union | FilterStep
Steps = tuple[Step, ...]
Template = tuple[str | Steps, ...]
"""Fixed texts and expressions, to be joined."""

MULTIPLE = (Wildcard, Slice, Union, FilterStep)
"""Steps that can select several values."""


class _Parsed(NamedTuple):
    value: Steps | Constant
    end: int


_NUMBER = re.compile(r"[+-]?[0-9][0-9.]*", re.ASCII)
_WORD = re.compile(r"[\w]+")
_FIELD = re.compile(r"\.((?:\\.|[^\\ \t\r\n.,\[\]$@{}])*)")
_QUOTED = re.compile(r"\"((?:\\.|[^\"\\])*)\"|'((?:\\.|[^'\\])*)'")
_BRACKET = re.compile(r"\[([^\]\n]*)\]")
_SLICE = re.compile(r"-?[0-9]*(?::-?[0-9]*){1,2}", re.ASCII)
_FILTER = re.compile(r"\[\?\(((?:\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[^\"')\n])*)\)\]")
_COMPARISON = re.compile(r"([^!<>=]+)([!<>=]+)(.+)")
_OPERATORS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def parse_template(text: str) -> Template:
    """Return the parts of a template.

    Raises:
        JsonPathError: An expression is not JSONPath, or has `..`, `range` or `end`.
    """
    parts: list[str | Steps] = []
    at = 0
    while at < len(text):
        brace = text.find("{", at)
        if brace < 0:
            brace = len(text)
        if brace > at:
            parts.append(text[at:brace])
        if brace == len(text):
            break
        parsed = _expression(text, brace + 1, "}")
        value = parsed.value
        parts.append(constant_text(value) if isinstance(value, Constant) else value)
        at = parsed.end
    return tuple(parts)


def constant_text(constant: Constant) -> str:
    """Return the text that json_exporter writes for a constant."""
    return constant.value if isinstance(constant.value, str) else json.dumps(constant.value)


def _expression(text: str, at: int, end: str) -> _Parsed:
    """Parse from `at` to the end, which is a brace, or "" for the end of the text."""
    steps: list[Step] = []
    constant: Constant | None = None
    while True:
        if at >= len(text):
            if end:
                raise JsonPathError("a brace is not closed")
            break
        if end and text.startswith(end, at):
            at += len(end)
            break
        if text[at] in " @$":
            at += 1
        elif text[at] in ".[":
            if constant:
                raise JsonPathError("a path behind a constant")
            found, at = _step(text, at)
            steps += found
        else:
            # A constant replaces the steps before it.
            constant, at = _constant(text, at)
    return _Parsed(constant or tuple(steps), at)


def _step(text: str, at: int) -> tuple[Steps, int]:
    if text.startswith("..", at):
        raise JsonPathError("recursive descent (..) has no counterpart")
    if text.startswith("[?(", at):
        match = _FILTER.match(text, at)
        if not match:
            raise JsonPathError("a filter is not closed, or has parentheses")
        return (_filter(match[1]),), match.end()
    if text[at] == "[":
        match = _BRACKET.match(text, at)
        if not match:
            raise JsonPathError("a bracket is not closed")
        return _bracket(match[1].strip()), match.end()
    match = _FIELD.match(text, at)
    name = match[1] if match else ""
    after = match.end() if match else at + 1
    if name == "*":
        return (Wildcard(of_object=True),), after
    # `{.}` is the item itself.
    return ((Key(_unescape(name)),) if name else ()), after


def _bracket(inside: str) -> Steps:
    if inside == "*":
        return (Wildcard(of_object=False),)
    quoted = _QUOTED.fullmatch(inside)
    if quoted:
        # In this dialect an unescaped dot separates two keys even here.
        parts = re.findall(r"(?:\\.|[^.\\])+", quoted[1] or quoted[2] or "")
        return tuple(Key(_unescape(part)) for part in parts)
    if "," in inside:
        return (Union(tuple(_bracket(part.strip()) for part in inside.split(","))),)
    if re.fullmatch(r"-?[0-9]+", inside, re.ASCII):
        return (Index(int(inside)),)
    if _SLICE.fullmatch(inside):
        return (Slice(inside),)
    raise JsonPathError(f"[{inside}] is no index, slice or key")


def _filter(inside: str) -> FilterStep:
    comparison = _COMPARISON.fullmatch(inside)
    if not comparison:
        left = _expression(inside, 0, "").value
        if isinstance(left, Constant):
            raise JsonPathError("a filter needs a path")
        return FilterStep(left, "exists", None)
    operator = comparison[2]
    if operator not in _OPERATORS:
        raise JsonPathError(f"the operator {operator} is unknown")
    left = _expression(comparison[1], 0, "").value
    right = _expression(comparison[3], 0, "").value
    if isinstance(left, Constant):
        raise JsonPathError("a filter has its path on the left side")
    return FilterStep(left, operator, right)


def _constant(text: str, at: int) -> tuple[Constant, int]:
    quoted = _QUOTED.match(text, at)
    if quoted:
        inside = quoted[1] if quoted[1] is not None else quoted[2]
        return Constant(_unescape(inside)), quoted.end()
    number = _NUMBER.match(text, at)
    if number:
        try:
            return Constant(json.loads(number[0].lstrip("+"))), number.end()
        except ValueError:
            raise JsonPathError(f"{number[0]} is not a number") from None
    word = _WORD.match(text, at)
    if word and word[0] in {"true", "false"}:
        return Constant(word[0] == "true"), word.end()
    if word and word[0] in {"range", "end"}:
        raise JsonPathError(f"{{{word[0]}}} has no counterpart")
    raise JsonPathError(f'unexpected "{word[0] if word else text[at]}"')


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def as_pointer(steps: Steps) -> str | None:
    """Return the steps as a JSON Pointer; None if they can select several values."""
    parts = []
    for step in steps:
        match step:
            case Key(name):
                parts.append(name.replace("~", "~0").replace("/", "~1"))
            case Index(index):
                parts.append(str(index))
            case _:
                return None
    return "".join(f"/{part}" for part in parts)


def as_query(steps: Steps) -> str:
    """Return the steps as a JMESPath expression: a list if they can select several values."""
    query = ""
    several = False
    for step in steps:
        if isinstance(step, Key):
            query = _join(query, step)
        elif isinstance(step, FilterStep) and several:
            # A filter binds less than what is before it: it would see the list of lists.
            query = f"{query}[] | {_step_query(step)}"
        else:
            query = f"{query or '@'}{_step_query(step)}"
            # Several lists of values become one list.
            query += "[]" if several and isinstance(step, MULTIPLE) else ""
        several = several or isinstance(step, MULTIPLE)
    return query.removeprefix("@") if query.startswith("@[") else query or "@"


def first_of(steps: Steps) -> str:
    """Return a JMESPath expression for the first value that the steps select."""
    query = as_query(steps)
    return f"{query} | [0]" if is_multiple(steps) else query


def all_of(steps: Steps) -> str:
    """Return a JMESPath expression for a text: the values that the steps select, with blanks."""
    query = as_query(steps)
    if is_multiple(steps):
        return f"join(' ', map(&to_string(@), {query}))"
    return f"to_string({query})"


def is_multiple(steps: Iterable[Step]) -> bool:
    """Return whether the steps can select several values."""
    return any(isinstance(step, MULTIPLE) for step in steps)


def literal(value: str | float | bool) -> str:
    """Return a JMESPath literal."""
    if isinstance(value, str):
        if "\\" not in value and value.isprintable():
            return "'" + value.replace("'", "\\'") + "'"
        return "`" + json.dumps(value).replace("`", "\\`") + "`"
    return f"`{json.dumps(value)}`"


def _join(query: str, key: Key) -> str:
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key.name)
    name = key.name if plain else json.dumps(key.name)
    return f"{query}.{name}" if query else name


def _step_query(step: Step) -> str:
    match step:
        case Index(index):
            return f"[{index}]"
        case Wildcard(of_object):
            return ".*" if of_object else "[*]"
        case Slice(bounds):
            return f"[{bounds}]"
        case Union(parts):
            return f".[{', '.join(map(as_query, parts))}][*]"
        case FilterStep():
            return f"[?{filter_query(step)}]"
        case _:
            raise AssertionError(step)


def filter_query(one: FilterStep) -> str:
    """Return the filter's condition as a JMESPath expression."""
    left = as_query(one.left)
    if one.operator == "exists" or one.right is None:
        return f"{left} != `null`"
    right = literal(one.right.value) if isinstance(one.right, Constant) else as_query(one.right)
    return f"{left} {one.operator} {right}"
