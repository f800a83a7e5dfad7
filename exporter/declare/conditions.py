"""`where`: conditions on an answer's values. `when`: conditions on a target's parameters."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, model_validator

from exporter.declare.extraction import ExtractContext
from exporter.declare.model import Float, Model, NamedKind, fault, value_schema
from exporter.declare.paths import Selected
from exporter.declare.patterns import Regex
from exporter.declare.readings import flag, number, text
from exporter.errors import FieldError

Scalar = str | int | float | bool
Test = Callable[[Any], bool]
Holds = Callable[[Any, ExtractContext], bool]


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def check_comparable(values: list[Any] | None) -> list[Any] | None:
    """Reject values that cannot be compared with a value of an answer."""
    for value in values or ():
        try:
            text(value)
        except FieldError as error:
            raise fault(str(error)) from None
    return values


_Values = Annotated[
    list[Scalar],
    BeforeValidator(_as_list),
    AfterValidator(check_comparable),
    Field(min_length=1),
    value_schema("value or values", type=["string", "number", "boolean", "array"]),
]


class Comparison(Model):
    """The keys of a condition, which must all hold."""

    is_: _Values | None = Field(alias="is", default=None)
    """A value, or a list of possible values; the case of text does not matter."""
    not_: _Values | None = Field(alias="not", default=None)
    """A value, or a list of values, that it must not have."""
    matches: Regex | None = None
    """A regular expression that matches a part of it."""
    above: Float | None = None
    """It is greater than this number."""
    below: Float | None = None
    """It is less than this number."""
    exists: bool | None = None
    """Whether it is present; null is not present."""

    @model_validator(mode="after")
    def _check_words(self) -> "Comparison":
        words = (self.is_, self.not_, self.matches, self.above, self.below, self.exists)
        if all(word is None for word in words):
            raise fault("needs a condition: is, not, matches, above, below or exists")
        return self

    def compile_test(self) -> Test:
        """Return the test of one value, None where it is missing; may raise FieldError.

        A missing value passes `exists: false` alone.
        """
        tests = list(self._tests())
        wanted = self.exists

        def test(raw: Any) -> bool:
            if raw is None or wanted is False:
                return (raw is None) is (wanted is False)
            return all(one(raw) for one in tests)

        return test

    def _tests(self) -> Iterator[Test]:
        if self.is_ is not None:
            yield _equals(self.is_)
        if self.not_ is not None:
            differs_from = _equals(self.not_)
            yield lambda raw: not differs_from(raw)
        if self.matches is not None:
            find = self.matches.find
            yield lambda raw: find(raw if isinstance(raw, str) else text(raw)) is not None
        if self.above is not None:
            above = self.above
            yield lambda raw: number(raw) > above
        if self.below is not None:
            below = self.below
            yield lambda raw: number(raw) < below

    def comparison_text(self) -> str:
        """Write the condition as the metrics reference shows it."""
        given = self.model_dump(by_alias=True, exclude_none=True, include=_DESCRIBED)
        parts = [f"{word} {_value_text(value)}" for word, value in given.items()]
        if self.matches:
            parts.append(f"matches {self.matches.source}")
        return " and ".join(parts)


_DESCRIBED = {"is_", "not_", "above", "below", "exists"}


def _value_text(value: Any) -> str:
    if isinstance(value, list):
        return " or ".join(_value_text(one) for one in value)
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def _equals(values: list[Scalar]) -> Test:
    texts = {text(value).lower() for value in values}
    numbers = {float(value) for value in values if not isinstance(value, str | bool)}

    def equals(raw: Any) -> bool:
        if text(raw).lower() in texts:
            return True
        if not numbers:
            return False
        try:
            return number(raw) in numbers
        except FieldError:
            return False

    return equals


class Condition(Selected, Comparison):
    """One condition of `where`."""

    def compile_place(self) -> Holds:
        """Return the condition on an item; a value that cannot be compared does not pass."""
        get, test = self.compile_get(), self.compile_test()

        def holds(item: Any, context: ExtractContext) -> bool:
            try:
                return test(get(item, context))
            except FieldError:
                return False

        return holds

    def condition_text(self) -> str:
        """Write the condition with its path."""
        return f"{self.place} {self.comparison_text()}"


Where = Annotated[
    list[Condition],
    Field(min_length=1),
    BeforeValidator(_as_list, json_schema_input_type=Condition | list[Condition]),
    NamedKind("condition or conditions"),
]


def compile_where(where: list[Condition] | None) -> Holds | None:
    """Return whether all conditions hold for an item; None if there are none."""
    conditions = [one.compile_place() for one in where or ()]
    if not conditions:
        return None
    if len(conditions) == 1:
        return conditions[0]
    return lambda item, context: all(one(item, context) for one in conditions)


def _parse_when(value: Any) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        raise fault('must be parameters with their values, such as {detail: "true"}')
    found = {}
    for name, given in value.items():
        values = given if isinstance(given, list) else [given]
        if not isinstance(name, str) or not values or not all(isinstance(v, str) for v in values):
            raise fault('must be parameters with their values as text, such as {detail: "true"}')
        found[name] = tuple(values)
    return found


When = Annotated[
    Mapping[str, tuple[str, ...]],
    PlainValidator(_parse_when),
    value_schema(
        "parameters with values",
        type="object",
        minProperties=1,
        additionalProperties={
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1},
            ]
        },
    ),
]


def applies(when: Mapping[str, tuple[str, ...]] | None, params: Mapping[str, str]) -> bool:
    """Return whether the target's parameters have the values that `when` names."""
    return when is None or all(params.get(name) in values for name, values in when.items())


def is_true(value: Any) -> bool:
    """Return whether a value reports an error: it is neither empty nor false."""
    try:
        return bool(flag(value))
    except FieldError:
        return bool(value)
