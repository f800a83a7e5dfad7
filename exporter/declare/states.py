"""The field `states`: one series for each known state."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, PlainValidator, model_validator

from exporter.declare.extraction import ExtractContext, Read
from exporter.declare.family import Family
from exporter.declare.labels import compile_labels
from exporter.declare.model import Text, fault, one_of, value_schema
from exporter.declare.numbers import NO_LABELS
from exporter.declare.parts import Metric
from exporter.declare.paths import (
    Selected,
    Steps,
)
from exporter.declare.readings import flag, number, text

UNKNOWN = "unknown"
"""The state for all values that are not declared."""

_RANGE = re.compile(r"(-?\d{1,9})?(\.\.)?(-?\d{1,9})?", re.ASCII)
_WORDS = ("true", "false")


class Codes:
    """States by numbers and ranges of numbers."""

    def __init__(self, states: Mapping[tuple[float, float], str], written: str) -> None:
        self._states = tuple((low, high, state) for (low, high), state in states.items())
        self.names = tuple(dict.fromkeys(states.values()))
        self.written = written

    def state(self, raw: Any) -> str:
        """Return the state of a number; may raise FieldError."""
        # Some servers send the codes 0 and 1 as booleans.
        value = flag(raw) if isinstance(raw, str) and raw.lower() in _WORDS else number(raw)
        for low, high, state in self._states:
            if low <= value <= high and value.is_integer():
                return state
        return UNKNOWN


def _codes(value: Any) -> Codes:
    if not isinstance(value, dict) or not value:
        raise fault("codes are numbers or ranges with their states, such as {0: down, 1..: up}")
    states: dict[tuple[float, float], str] = {}
    for key, state in value.items():
        match = _RANGE.fullmatch(str(key))
        if not match or not (match[1] or match[3]) or (match[3] and not match[2]):
            raise fault(f"{key} is neither a number nor a range such as 2..5, 2.. or ..5")
        low = float(match[1]) if match[1] else float("-inf")
        high = float(match[3]) if match[3] else float("inf") if match[2] else low
        if low > high:
            raise fault(f"the range {key} is empty")
        if any(low <= above and below <= high for below, above in states):
            raise fault(f"{key} overlaps another of the codes")
        if not isinstance(state, str) or not state:
            raise fault(f"the state of {key} must be a text; quote it")
        states[low, high] = state.lower()
    return Codes(states, ", ".join(f"{key} {state}" for key, state in value.items()))


_CodesField = Annotated[
    Codes,
    PlainValidator(_codes),
    value_schema(
        "numbers or ranges with states",
        type="object",
        minProperties=1,
        additionalProperties={"type": "string"},
    ),
]


class States(Selected, Metric):
    """One gauge for each known state and one for `unknown`; exactly one of them is 1."""

    named_by: ClassVar[str] = "states"

    states: str
    """The metric's name."""
    known: Annotated[list[Annotated[Text, Field(min_length=1)]], Field(min_length=1)] | None = None
    """The names of the states; case does not matter. Every other value is `unknown`."""
    codes: _CodesField | None = None
    """States by number or range, if the answer has numbers: {0: stopped, 1..: started}."""
    label: str = "state"
    """The label with the state."""
    idle: list[Text] = Field(default_factory=list)
    """States in which the server answers but does no work; the status page shows them in amber."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "States":
        one_of(self, "known", "codes")
        for state in self.idle:
            if state.lower() not in self.names:
                raise fault(f'idle: "{state}" is not one of the states: {", ".join(self.names)}')
        return self

    def is_idle(self, state: str) -> bool:
        """Return whether a server in this state, in lower case, does not do its work."""
        return any(state == one.lower() for one in self.idle)

    @property
    def names(self) -> tuple[str, ...]:
        """Every known state, in lower case."""
        if self.codes is not None:
            return self.codes.names
        return tuple(dict.fromkeys(state.lower() for state in self.known or ()))

    def families(self) -> Iterator[Family]:
        """Yield the one metric."""
        reading = f"code: {self.codes.written}" if self.codes else f"name: {', '.join(self.names)}"
        yield self._family(source=self.place, reading=reading, labels=(self.label,))

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that the field reads."""
        yield from super().mapped_paths()
        yield from self.places()

    def compile(self) -> Read:
        """Return the function that reads the state."""
        get, labels = self.compile_get(), compile_labels(self.labels)
        name, codes = self.metric, self.codes
        labelled = {state: ((self.label, state),) for state in (*self.names, UNKNOWN)}

        def read(item: Any, context: ExtractContext) -> None:
            raw = get(item, context)
            if raw is None:
                return
            context.found = True
            if isinstance(raw, str) and not raw.strip():
                return
            state = codes.state(raw) if codes else text(raw).lower()
            if state not in labelled:
                state = UNKNOWN
            common = context.labels + (labels(item, context) if labels else NO_LABELS)
            for known, own in labelled.items():
                value = 1.0 if known == state else 0.0
                context.add(name, common + own, value)

        return read
