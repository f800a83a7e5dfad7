"""The fields that are numbers: gauge and counter."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from exporter.declare.conditions import check_comparable
from exporter.declare.extraction import ExtractContext, Get, Labels, Read
from exporter.declare.family import Family, Kind
from exporter.declare.labels import compile_labels, mapped_labels
from exporter.declare.model import Float, Text, fault, one_of
from exporter.declare.parts import Metric
from exporter.declare.paths import (
    POLL_TIME,
    Difference,
    JmesPath,
    NumberPaths,
    Steps,
    make_get,
    make_selection,
    mapped_steps,
    source_of,
)
from exporter.declare.patterns import Regex
from exporter.declare.readings import NUMBER_READINGS, NumberReader, describe, number_reader, text
from exporter.errors import FieldError
from exporter.text import shown

Merge = Literal["sum", "min", "max"]
Value = Callable[[Any, ExtractContext], float | None]

Convert = Callable[[Any], float | None]

NO_LABELS: Labels = ()

# Readings that are never negative, and neither is the difference of two of them.
_AMOUNTS = frozenset({"count", "kibibytes", "mebibytes", "size"})


def _check_reading(value: Any) -> Any:
    if not isinstance(value, str | dict):
        raise fault("a reading is a name, such as kibibytes, or a name with an option")
    try:
        number_reader(value)
    except ValueError as error:
        raise fault(str(error)) from None
    return value


_TEXT = {"type": "string"}
Reading = Annotated[
    str | dict[str, Any],
    BeforeValidator(_check_reading),
    WithJsonSchema(
        {
            "title": "reading",
            "anyOf": [
                {"enum": list(NUMBER_READINGS)},
                {
                    "type": "object",
                    "properties": {"size": {"enum": ["binary", "decimal"]}},
                    "required": ["size"],
                    "additionalProperties": False,
                },
                {
                    "type": "object",
                    "properties": {"time": _TEXT, "zone": _TEXT},
                    "required": ["time"],
                    "additionalProperties": False,
                },
            ],
        }
    ),
]


def _exactly(value: float, factor: float, offset: float) -> float:
    """Scale in decimals: 2305 times 0.1 is 230.5."""
    return float(Decimal(repr(value)) * Decimal(repr(factor)) + Decimal(repr(offset)))


class Number(Metric):
    """What a gauge and a counter have in common."""

    default_reading: ClassVar[str] = "number"

    path: NumberPaths | None = None
    """The path of the number. Of several paths, the first that is present is used."""
    query: JmesPath | None = None
    """A JMESPath expression instead of a path."""
    read: Reading | None = None
    """The conversion to base units: bytes, seconds, ratios or Unix time."""
    pattern: Regex | None = None
    """A regular expression whose first group is read."""
    map: dict[Text, Float] | None = None
    """Numbers for texts; case does not matter."""
    scale: Float | None = None
    """A factor for the number."""
    offset: Float | None = None
    """A number that is added after `scale`."""
    default: Float | None = None
    """The value if it is missing."""
    null_values: Annotated[list[Text | float] | None, AfterValidator(check_comparable)] = None
    """Values that mean that it is missing."""
    merge: Merge | None = None
    """How items with the same labels are combined: sum, min or max."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "Number":
        one_of(self, "path", "query")
        one_of(self, "read", "map", required=False)
        return self

    def families(self) -> Iterator[Family]:
        """Yield the one metric."""
        yield self._family(source=source_of(self.path, self.query), reading=self._reading())

    def _reading(self) -> str:
        words = [str(self.merge)] if self.merge else []
        if self.map is not None:
            words.append("map")
        else:
            words.append(describe(self.read or self.default_reading))
        if self.scale is not None:
            words.append(f"times {self.scale:g}")
        if self.offset is not None:
            words.append(f"plus {self.offset:g}")
        return " ".join(words)

    def mapped(self) -> Iterator[Steps]:
        """Yield the places that the field reads."""
        yield from super().mapped()
        yield from mapped_steps(self.path, self.query)

    def compile(self) -> Read:
        """Return the function that reads the number."""
        value, labels = self.compile_value(), compile_labels(self.labels)
        name, default = self.metric, self.default

        def read(item: Any, context: ExtractContext) -> None:
            found = value(item, context)
            if found is None:
                if default is None:
                    return
                found = default
            if found - found != 0.0:  # Infinite, or not a number.
                raise FieldError("the number is too large")
            own = labels(item, context) if labels else NO_LABELS
            context.add(name, context.labels + own, found)

        return read

    @property
    def uses_poll_time(self) -> bool:
        """Whether the number depends on when it is read."""
        return any(
            POLL_TIME in ((one.of, one.less) if isinstance(one, Difference) else (one,))
            for one in self.path or ()
        )

    @property
    def is_of_its_paths(self) -> bool:
        """Whether the number depends on nothing in the answer but the values of its paths."""
        return not (self.query or self.where or any(mapped_labels(self.labels)))

    def compile_convert(self) -> Convert | None:
        """Return the function from a value to the number; None where it takes more than a value."""
        if any(isinstance(one, Difference) or one == POLL_TIME for one in self.path or ()):
            return None
        convert = self._converter()
        if self.scale is None and self.offset is None:
            return convert
        return lambda raw: self._scaled(convert(raw))

    def compile_value(self) -> Value:
        """Return the function that finds the number in an item; None where it is missing."""
        value = self._compile_read()
        if self.scale is None and self.offset is None:
            return value
        return lambda item, context: self._scaled(value(item, context))

    def _scaled(self, value: float | None) -> float | None:
        scale = 1.0 if self.scale is None else self.scale
        return None if value is None else _exactly(value, scale, self.offset or 0.0)

    def _compile_read(self) -> Value:
        convert = self._converter()
        paths = self.path or ()
        if any(isinstance(one, Difference) for one in paths):
            read = self.read or self.default_reading
            name = next(iter(read)) if isinstance(read, dict) else read
            signed = name not in _AMOUNTS
            return _first_number([_number_of(one, convert, signed=signed) for one in paths])
        pointers = tuple(one for one in paths if isinstance(one, str))
        # For all other readings, an empty text is how a server writes that there is no number.
        skips_empty = self.read != "filled"
        get = make_selection(pointers, self.query, skips_empty=skips_empty)
        return _present(get, convert, skips_empty=skips_empty)

    def _converter(self) -> Convert:
        read: NumberReader = (
            _mapped_number(self.map)
            if self.map is not None
            else number_reader(self.read or self.default_reading)
        )
        pattern = self.pattern
        nulls = frozenset(text(one) for one in self.null_values or ())
        if pattern is None and not nulls:
            return read

        def convert(raw: Any) -> float | None:
            if pattern is not None:
                raw = _matched(pattern.find(raw if isinstance(raw, str) else text(raw)), raw)
            if nulls and not isinstance(raw, dict | list) and text(raw) in nulls:
                return None
            return read(raw)

        return convert


class Gauge(Number):
    """A number that may fall."""

    named_by: ClassVar[str] = "gauge"

    gauge: str
    """The metric's name."""


class Counter(Number):
    """A total that only grows, until the vendor restarts it."""

    kind: ClassVar[Kind] = "counter"
    named_by: ClassVar[str] = "counter"
    default_reading: ClassVar[str] = "count"

    counter: str
    """The metric's name, which ends in _total."""


def _matched(found: str | None, raw: Any) -> str:
    if found is None:
        raise FieldError(f"{shown(raw)} does not match the pattern")
    return found


def _mapped_number(given: Mapping[str, float]) -> NumberReader:
    numbers = {key.lower(): value for key, value in given.items()}

    def read(raw: Any) -> float:
        value = numbers.get(text(raw).lower())
        if value is None:
            raise FieldError(f"{shown(raw)} is not one of {', '.join(given)}")
        return value

    return read


def _present(get: Get, convert: Convert, *, skips_empty: bool = True) -> Value:
    def value(item: Any, context: ExtractContext) -> float | None:
        raw = get(item, context)
        if raw is None:
            return None
        context.found = True
        if skips_empty and type(raw) is str and not raw.strip():
            return None
        return convert(raw)

    return value


def _number_of(path: str | Difference, convert: Convert, *, signed: bool) -> Value:
    if isinstance(path, str):
        if path == POLL_TIME:
            return lambda _item, context: context.poll_time
        return _present(make_get(path), convert)
    get_of = _number_of(path.of, convert, signed=signed)
    get_less = _number_of(path.less, convert, signed=signed)

    def value(item: Any, context: ExtractContext) -> float | None:
        of, less = get_of(item, context), get_less(item, context)
        if of is None or less is None:
            return None
        if of < less and not signed:
            raise FieldError(f"{path.of} is less than {path.less}")
        return of - less

    return value


def _first_number(
    values: list[Value],
) -> Value:
    def first(item: Any, context: ExtractContext) -> float | None:
        for one in values:
            value = one(item, context)
            if value is not None:
                return value
        return None

    return first
