"""The fields that are numbers: gauge and counter."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator

from exporter.declare.conditions import check_comparable
from exporter.declare.extraction import ExtractContext, Get, Labels, Read
from exporter.declare.family import Family, Kind
from exporter.declare.labels import compile_labels, label_paths
from exporter.declare.model import Float, Text, fault, one_of
from exporter.declare.parts import Metric
from exporter.declare.paths import (
    KEY,
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
from exporter.declare.readings import (
    AMOUNTS,
    NUMBER_READINGS,
    NumberReader,
    describe,
    number_reader,
    text,
)
from exporter.errors import FieldError
from exporter.text import excerpt

Merge = Literal["sum", "min", "max"]
Value = Callable[[Any, ExtractContext], float | None]

Convert = Callable[[Any], float | None]

NO_LABELS: Labels = ()


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


def _scale_exactly(value: float, factor: float, offset: float) -> float:
    """Scale in decimals: 2305 times 0.1 is 230.5."""
    return float(Decimal(repr(value)) * Decimal(repr(factor)) + Decimal(repr(offset)))


class Number(Metric):
    """The base of gauge and counter."""

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

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that the field reads."""
        yield from super().mapped_paths()
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
            # `context.add`, without a call: most samples of most systems are numbers.
            context.series.append((name, context.labels + own))
            context.values.append(found)

        return read

    @property
    def _pointers(self) -> Iterator[str]:
        for one in self.path or ():
            yield from (one.of, one.less) if isinstance(one, Difference) else (one,)

    @property
    def uses_poll_time(self) -> bool:
        """Whether the number depends on when it is read."""
        return POLL_TIME in self._pointers

    @property
    def is_of_its_paths(self) -> bool:
        """Whether the number depends only on the values of its paths, and the time of the poll."""
        depends_on_more = self.query or self.where or any(label_paths(self.labels))
        return not depends_on_more and KEY not in self._pointers

    def compile_convert(self) -> Convert:
        """Return the function that converts a value to the number."""
        convert = self._converter()
        if self.scale is None and self.offset is None:
            return convert
        return lambda raw: self._scale(convert(raw))

    def compile_value(self) -> Value:
        """Return the function that reads the number of an item; it returns None if it is missing."""
        value = self._compile_read()
        if self.scale is None and self.offset is None:
            return value
        return lambda item, context: self._scale(value(item, context))

    def _scale(self, value: float | None) -> float | None:
        scale = 1.0 if self.scale is None else self.scale
        return None if value is None else _scale_exactly(value, scale, self.offset or 0.0)

    def _compile_read(self) -> Value:
        convert = self._converter()
        paths = self.path or ()
        if any(isinstance(one, Difference) for one in paths):
            read = self.read or self.default_reading
            name = next(iter(read)) if isinstance(read, dict) else read
            signed = name not in AMOUNTS
            return _make_first_number([_make_number(one, convert, signed=signed) for one in paths])
        pointers = tuple(one for one in paths if isinstance(one, str))
        # For all other readings an empty text means that the number is missing.
        skips_empty = self.read != "filled"
        get = make_selection(pointers, self.query, skips_empty=skips_empty)
        return _make_value(get, convert, skips_empty=skips_empty)

    def _converter(self) -> Convert:
        read: NumberReader = (
            _make_map_reader(self.map)
            if self.map is not None
            else number_reader(self.read or self.default_reading)
        )
        pattern = self.pattern
        nulls = frozenset(text(one) for one in self.null_values or ())
        if pattern is None and not nulls:
            return read

        def convert(raw: Any) -> float | None:
            if pattern is not None:
                raw = _require_match(pattern.find(raw if isinstance(raw, str) else text(raw)), raw)
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


def _require_match(found: str | None, raw: Any) -> str:
    if found is None:
        raise FieldError(f"{excerpt(raw)} does not match the pattern")
    return found


def _make_map_reader(given: Mapping[str, float]) -> NumberReader:
    numbers = {key.lower(): value for key, value in given.items()}

    def read(raw: Any) -> float:
        value = numbers.get(text(raw).lower())
        if value is None:
            raise FieldError(f"{excerpt(raw)} is not one of {', '.join(given)}")
        return value

    return read


def _make_value(get: Get, convert: Convert, *, skips_empty: bool = True) -> Value:
    def value(item: Any, context: ExtractContext) -> float | None:
        raw = get(item, context)
        if raw is None:
            return None
        context.found = True
        if skips_empty and type(raw) is str and not raw.strip():
            return None
        return convert(raw)

    return value


def _make_number(path: str | Difference, convert: Convert, *, signed: bool) -> Value:
    if isinstance(path, str):
        if path == POLL_TIME:
            return lambda _item, context: context.poll_time
        return _make_value(make_get(path), convert)
    get_of = _make_number(path.of, convert, signed=signed)
    get_less = _make_number(path.less, convert, signed=signed)

    def value(item: Any, context: ExtractContext) -> float | None:
        of, less = get_of(item, context), get_less(item, context)
        if of is None or less is None:
            return None
        if of < less and not signed:
            raise FieldError(f"{path.of} is less than {path.less}")
        return of - less

    return value


def _make_first_number(
    values: list[Value],
) -> Value:
    def first(item: Any, context: ExtractContext) -> float | None:
        for one in values:
            value = one(item, context)
            if value is not None:
                return value
        return None

    return first
