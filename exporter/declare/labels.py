"""Labels: fixed text, a value of the answer, or text with values of the answer inserted."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationError, ValidationInfo, model_validator

from exporter.declare.extraction import ExtractContext, Get, Labels
from exporter.declare.model import NamedKind, Text, fault, value_schema
from exporter.declare.paths import (
    Pointer,
    Query,
    Selected,
    Steps,
    check_pointer,
    make_first,
    make_selection,
    mapped_steps,
    source_of,
)
from exporter.declare.patterns import Pattern, Regex
from exporter.declare.readings import TEXT_READINGS, TextReader, text, text_reader
from exporter.errors import FieldError, suggestion

_INSERTED = re.compile(r"\{(/[^{}]*|@key)\}")

LabelText = Callable[[Any, ExtractContext], str]
"""Returns the text of a label, empty if the answer has none; may raise FieldError."""


class LabelMapping(Selected):
    """A label with its own path, reading or pattern."""

    read: Annotated[str, value_schema("text", enum=list(TEXT_READINGS))] = "text"
    """The conversion: text, upper_case or lower_case."""
    pattern: Regex | None = None
    """A regular expression whose first group is the text."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "LabelMapping":
        try:
            text_reader(self.read)
        except ValueError as error:
            raise fault(str(error)) from None
        return self


@dataclass(frozen=True)
class LabelRule:
    """How the text of a label is read."""

    fixed: str | None = None
    parts: tuple[str, ...] = ()
    """Fixed parts and pointers of a text with insertions, alternating; the first part is fixed."""
    path: tuple[str, ...] | None = None
    query: Query | None = None
    read: TextReader = text
    pattern: Pattern | None = None

    def compile(self) -> LabelText:
        """Return the function that reads the text of an item."""
        if self.fixed is not None:
            fixed = self.fixed
            return lambda _item, _context: fixed
        if self.parts:
            return self._compile_parts()
        get, read, pattern = make_selection(self.path, self.query), self.read, self.pattern

        def label(item: Any, context: ExtractContext) -> str:
            raw = get(item, context)
            if raw is None:
                return ""
            value = read(raw)
            return value if pattern is None else pattern.find(value) or ""

        return label

    def _compile_parts(self) -> LabelText:
        fixed = self.parts[::2]
        gets: list[Get] = [make_first((pointer,)) for pointer in self.parts[1::2]]

        def label(item: Any, context: ExtractContext) -> str:
            values = [get(item, context) for get in gets]
            if any(value is None for value in values):
                return ""
            texts = [text(value) for value in values]
            return fixed[0] + "".join(a + b for a, b in zip(texts, fixed[1:], strict=True))

        return label

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that the label reads."""
        yield from mapped_steps(self.path, self.query)
        yield from mapped_steps(self.parts[1::2], None)

    def source(self) -> str:
        """Return the source of the text for people; empty if it is fixed."""
        return " and ".join(self.parts[1::2]) or source_of(self.path, self.query)


def _make_rule(value: Any, info: ValidationInfo) -> LabelRule:
    if isinstance(value, dict):
        try:
            made = LabelMapping.model_validate(value, context=info.context)
        except ValidationError as error:
            one = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in one["loc"])
            message = one["msg"]
            if one["type"] == "extra_forbidden":
                message = f"unknown key; {suggestion(place, LabelMapping.model_fields)}"
            raise fault(f"{place}: {message}" if place else message) from None
        read = text_reader(made.read)
        return LabelRule(path=made.path, query=made.query, read=read, pattern=made.pattern)
    if isinstance(value, list) and value:
        return LabelRule(path=tuple(check_pointer(one) for one in value))
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise fault("a label is a text, a path, a list of paths or a mapping with path or query")
    if value.startswith(("/", "@")):
        return LabelRule(path=(check_pointer(value),))
    parts = _INSERTED.split(value)
    if len(parts) == 1:
        return LabelRule(fixed=value)
    for pointer in parts[1::2]:
        check_pointer(pointer)
    return LabelRule(parts=tuple(parts))


LabelRules = Annotated[
    dict[
        str,
        Annotated[
            LabelRule,
            PlainValidator(_make_rule, json_schema_input_type=Text | list[Pointer] | LabelMapping),
        ],
    ],
    NamedKind("labels"),
]


def compile_labels(
    rules: Mapping[str, LabelRule],
) -> Callable[[Any, ExtractContext], Labels] | None:
    """Return the function that reads all of these labels of an item; None if there are none.

    It raises FieldError if a label cannot be read or is missing: without the label, the series would
    look like one of the whole answer.
    """
    if not rules:
        return None
    if all(rule.fixed is not None for rule in rules.values()):
        fixed = tuple((name, rule.fixed or "") for name, rule in rules.items())
        return lambda _item, _context: fixed
    readers = [(name, rule.compile()) for name, rule in rules.items()]

    def labels(item: Any, context: ExtractContext) -> Labels:
        found = []
        for name, read in readers:
            try:
                value = read(item, context)
            except FieldError as error:
                raise FieldError(f"label {name}: {error}") from None
            if not value:
                raise FieldError(f"label {name}: there is no value for it")
            found.append((name, value))
        return tuple(found)

    return labels


def label_paths(rules: Mapping[str, LabelRule]) -> Iterator[Steps]:
    """Yield the paths that these labels read."""
    for rule in rules.values():
        yield from rule.mapped_paths()
