"""Paths of values: JSON Pointers, differences and JMESPath queries, compiled to functions.

The empty pointer is the item itself. `@key` is the item's key or index in its list or object,
`@poll_time` the time of the poll in Unix seconds.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import PlainValidator, WithJsonSchema, model_validator

from exporter.declare.extraction import ExtractContext, Get
from exporter.declare.model import Model, fault, one_of, value_schema
from exporter.errors import suggestion

KEY = "@key"
POLL_TIME = "@poll_time"
_PSEUDO = frozenset({KEY, POLL_TIME})

ANY = "*"
"""In a pattern of steps: any key or index."""

BELOW = "**"
"""At the end of a pattern of steps: everything below."""

Steps = tuple[str, ...]

_STRAY_TILDE = re.compile(r"~(?![01])")
_INDEX = re.compile(r"-?[0-9]{1,9}", re.ASCII)
# Longer expressions are programs.
_MAX_QUERY = 1000


@dataclass(frozen=True)
class Difference:
    """One value minus another, both with the reading of the field; missing unless both exist."""

    of: str
    less: str


def check_pointer(value: Any, *, of_number: bool = False) -> str:
    """Return a valid pointer unchanged; raise an error for any other value."""
    if value == POLL_TIME and not of_number:
        raise fault(f"{POLL_TIME} is for gauge and counter alone")
    if not isinstance(value, str) or not (value == "" or value.startswith("/") or value in _PSEUDO):
        raise fault('a path begins with /, such as "/queue/length"; "" is the item itself')
    if _STRAY_TILDE.search(value):
        raise fault("in a path ~1 is a slash within a key, and ~0 is ~")
    return value


def _difference(value: dict[Any, Any]) -> Difference:
    if set(value) != {"of", "less"}:
        raise fault("a difference is {of: PATH, less: PATH}")
    of, less = (check_pointer(value[name], of_number=True) for name in ("of", "less"))
    return Difference(of, less)


def _paths(value: Any) -> "tuple[str | Difference, ...]":
    if value == []:
        raise fault("must not be empty")
    parts = value if isinstance(value, list) else [value]
    return tuple(
        _difference(one) if isinstance(one, dict) else check_pointer(one, of_number=True)
        for one in parts
    )


def _pointers(value: Any) -> tuple[str, ...]:
    if value == []:
        raise fault("must not be empty")
    return tuple(check_pointer(one) for one in (value if isinstance(value, list) else [value]))


class Query:
    """A JMESPath expression."""

    def __init__(self, source: str) -> None:
        """Compile the expression.

        Raises:
            ValueError: It is not JMESPath.
        """
        import jmespath  # noqa: PLC0415 - a quarter of the start-up time, and few systems use it

        if len(source) > _MAX_QUERY:
            raise ValueError(f"longer than {_MAX_QUERY} characters")
        try:
            self._parsed = jmespath.compile(source)
        except (jmespath.exceptions.JMESPathError, RecursionError) as error:
            said = str(error).partition("\n")[0].removeprefix("Invalid jmespath expression: ")
            raise ValueError(said.rstrip(":") or "too deep") from None
        for name in _functions(self._parsed.parsed):
            if name not in jmespath.functions.Functions.FUNCTION_TABLE:
                known = suggestion(name, jmespath.functions.Functions.FUNCTION_TABLE)
                raise ValueError(f"unknown function {name}; {known}")
        self.source = source

    def find(self, item: Any) -> Any:
        """Return what the expression selects; None if it selects nothing or does not apply.

        Raises:
            FieldError: The evaluation takes too long.
        """
        from exporter.declare.queries import search  # noqa: PLC0415 - as above

        return search(self._parsed, item)

    @cached_property
    def mapped_paths(self) -> tuple[Steps, ...]:
        """The paths below which the expression reads."""
        return tuple(dict.fromkeys(map(_all_below, _branches(self._parsed.parsed, ()))))


def _all_below(steps: Steps) -> Steps:
    return steps if steps[-1:] == (BELOW,) else (*steps, BELOW)


def _functions(node: Any) -> Iterator[str]:
    """Yield the functions that a JMESPath syntax tree calls."""
    if node["type"] == "function_expression":
        yield node["value"]
    for child in node["children"]:
        if isinstance(child, dict):  # The children of a slice are numbers.
            yield from _functions(child)


def _branches(node: Any, above: Steps) -> Iterator[Steps]:
    """Yield the leading keys and indices of each branch of a JMESPath syntax tree.

    A branch that ends in BELOW may select anything below.
    """
    kind, children = node["type"], node["children"]
    if above[-1:] == (BELOW,) or kind in {"current", "identity"}:
        yield above
    elif kind in {"field", "index"}:
        yield (*above, str(node["value"]))
    elif kind in {"subexpression", "index_expression", "pipe"}:
        starts = [above]
        for child in children:
            # Without repetitions: each step of an expression may name a path twice.
            found = (one for start in starts for one in _branches(child, start))
            starts = list(dict.fromkeys(found))
        yield from starts
    elif kind == "slice":
        yield (*above, BELOW)
    elif kind != "literal":
        inner = children[:1] if kind.endswith("projection") else children
        for child in inner:
            yield from map(_all_below, _branches(child, above))


def check_query(value: Any) -> Query:
    """Return the compiled expression; raise an error for any other value."""
    if not isinstance(value, str):
        raise fault("a JMESPath expression is a text; quote it")
    try:
        return Query(value)
    except ValueError as error:
        raise fault(f"not a JMESPath expression: {error}") from None


_POINTER: dict[str, Any] = {"type": "string", "pattern": "^(/|@key$|$)"}
_NUMBER_POINTER: dict[str, Any] = {"type": "string", "pattern": "^(/|@key$|@poll_time$|$)"}
_DIFFERENCE: dict[str, Any] = {
    "type": "object",
    "properties": {"of": _NUMBER_POINTER, "less": _NUMBER_POINTER},
    "required": ["of", "less"],
    "additionalProperties": False,
}


def _schema(*kinds: dict[str, Any]) -> WithJsonSchema:
    one = {"anyOf": [*kinds]} if len(kinds) > 1 else kinds[0]
    many = {"type": "array", "items": one, "minItems": 1}
    return WithJsonSchema({"title": "path or paths", "anyOf": [*kinds, many]})


Pointer = Annotated[str, PlainValidator(check_pointer), value_schema("path", **_POINTER)]
Pointers = Annotated[tuple[str, ...], PlainValidator(_pointers), _schema(_POINTER)]
NumberPaths = Annotated[
    tuple[str | Difference, ...], PlainValidator(_paths), _schema(_NUMBER_POINTER, _DIFFERENCE)
]
JmesPath = Annotated[Query, PlainValidator(check_query), value_schema("JMESPath expression")]


def pointer_steps(pointer: str) -> Steps:
    """Return the keys and indices of a pointer; none for the item itself."""
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def pointer_text(steps: Steps) -> str:
    """Return keys and indices as a pointer."""
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)


def make_get(pointer: str) -> Get:
    """Return a function that finds the value of a pointer; it returns None if it is missing or null."""
    if pointer == KEY:
        return lambda _, context: context.key
    if pointer == POLL_TIME:
        return lambda _, context: context.poll_time
    steps = pointer_steps(pointer)
    if not steps:
        return lambda item, _: item
    first, *rest = steps
    if not rest:
        return lambda item, _: item.get(first) if type(item) is dict else resolve(item, steps)
    if len(rest) == 1:
        (second,) = rest

        # Most fields of the vendors are this deep.
        def get(item: Any, _: ExtractContext) -> Any:
            if type(item) is not dict:
                return resolve(item, steps)
            inner = item.get(first)
            if type(inner) is dict:
                return inner.get(second)
            return None if inner is None else resolve(item, steps)

        return get
    return lambda item, _: resolve(item, steps)


def is_index(step: str) -> bool:
    """Return whether a step can be an index of a list, which is negative from the end."""
    return _INDEX.fullmatch(step) is not None


def resolve(item: Any, steps: Steps) -> Any:
    """Follow keys and indices; a negative index counts from the end of a list."""
    for step in steps:
        if type(item) is dict:
            item = item.get(step)
        elif isinstance(item, list) and is_index(step):
            index = int(step)
            item = item[index] if -len(item) <= index < len(item) else None
        else:
            return None
    return item


def make_first(pointers: tuple[str, ...], *, skips_empty: bool = False) -> Get:
    """Return a function that finds the value of the first pointer that exists.

    With `skips_empty`, any other value wins over a blank text.
    """
    get, *others = [make_get(pointer) for pointer in pointers]
    if not others:
        return get

    def is_there(value: Any) -> bool:
        return value is not None and not (
            skips_empty and isinstance(value, str) and not value.strip()
        )

    def first(item: Any, context: ExtractContext) -> Any:
        value = get(item, context)
        if is_there(value):
            return value
        for other in others:
            another = other(item, context)
            # An alias may be the parent of another path; the object there is not its value.
            if is_there(another) and not isinstance(another, dict | list):
                return another
        return value

    return first


def make_selection(
    path: tuple[str, ...] | None, query: Query | None, *, skips_empty: bool = False
) -> Get:
    """Return a function that finds what a `path` or `query` selects."""
    if query is not None:
        find = query.find
        return lambda item, _: find(item)
    return make_first(path or ("",), skips_empty=skips_empty)


def mapped_steps(
    path: "tuple[str | Difference, ...] | None", query: Query | None
) -> Iterator[Steps]:
    """Yield the paths that a `path` or `query` reads."""
    if query is not None:
        yield from query.mapped_paths
    for one in path or ():
        for pointer in (one.of, one.less) if isinstance(one, Difference) else (one,):
            if pointer not in _PSEUDO:
                yield pointer_steps(pointer)


def source_of(path: "tuple[str | Difference, ...] | None", query: Query | None) -> str:
    """Return a `path` or `query` as the metrics reference shows it."""
    if query is not None:
        return query.source
    return " or ".join(
        f"{one.of} - {one.less}" if isinstance(one, Difference) else one for one in path or ()
    )


class Selected(Model):
    """A value that is selected by a path or a query."""

    path: Pointers | None = None
    """The path of the value. Of several paths, the first that is present is used."""
    query: JmesPath | None = None
    """A JMESPath expression instead of a path."""

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        one_of(self, "path", "query")
        return self

    @property
    def place(self) -> str:
        """The path or query, as the metrics reference shows it."""
        return source_of(self.path, self.query)

    def compile_get(self) -> Get:
        """Return the function that finds the value."""
        return make_selection(self.path, self.query)

    def places(self) -> Iterator[Steps]:
        """Yield the paths that are read."""
        return mapped_steps(self.path, self.query)
