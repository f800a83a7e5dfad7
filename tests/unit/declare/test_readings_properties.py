"""Properties of readings for any value."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exporter.declare.readings import NUMBER_READINGS, TEXT_READINGS, number_reader, text_reader
from exporter.errors import FieldError

Spec = str | Mapping[str, Any]
BINARY = {"size": "binary"}
SPECS: list[Spec] = [
    *NUMBER_READINGS,
    BINARY,
    {"time": "seconds"},
    {"time": "milliseconds"},
    {"time": "nanoseconds"},
    {"time": "iso", "zone": "Europe/Berlin"},
    {"time": "%Y-%m-%d %H:%M", "zone": "UTC"},
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
resembling = st.text("0123456789.-+eE_:, %kMGTBihdPT/ZW", max_size=140)


@settings(deadline=None)
@given(st.sampled_from(SPECS), anything | resembling | st.integers(-(10**400), 10**400))
def test_a_reader_returns_a_finite_number_or_raises_a_field_error(spec: Spec, value: Any) -> None:
    with suppress(FieldError):
        result = number_reader(spec)(value)
        assert type(result) is float
        assert math.isfinite(result)


@settings(deadline=None)
@given(st.sampled_from(SPECS), anything | resembling)
def test_a_message_is_one_short_line(spec: Spec, value: Any) -> None:
    message = "readable"
    try:
        number_reader(spec)(value)
    except FieldError as error:
        message = str(error)
    assert message.encode().decode().splitlines() == [message]
    assert len(message) < 160


@settings(deadline=None)
@given(st.sampled_from(sorted(TEXT_READINGS)), anything)
def test_a_label_is_valid_utf_8_in_one_line_or_a_field_error(name: str, value: Any) -> None:
    with suppress(FieldError):
        result = text_reader(name)(value)
        assert result.encode().decode() == result
        assert "\n" not in result


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70))
def test_a_number_is_what_json_wrote(value: float) -> None:
    read = number_reader("number")

    assert read(value) == float(value)
    assert read(json.dumps(value)) == float(value)


POWERS = {"percent": -2, "milliseconds": -3, "microseconds": -6, "nanoseconds": -9}


@settings(deadline=None)
@given(
    st.sampled_from(sorted(POWERS)),
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**80), 2**80)
    | st.decimals(-(10**9), 10**9, places=2).map(float),
)
def test_a_scaled_number_is_the_one_nearest_to_the_decimal(name: str, value: float) -> None:
    exact = float(Decimal(str(value)).scaleb(POWERS[name]))

    assert number_reader(name)(value) == exact
    assert number_reader(name)(str(value)) == exact


@settings(deadline=None)
@given(
    st.decimals(0, 10**9, places=3),
    st.sampled_from([(prefix, power) for power, prefix in enumerate(["", *"KMGTPE"])]),
    st.booleans(),
)
def test_a_size_agrees_with_its_decimal(
    amount: Decimal, prefix: tuple[str, int], binary: bool
) -> None:
    letter, power = prefix
    base = 1024 if binary else 1000
    exact = float(amount * base**power)

    spec = BINARY if binary else "size"
    assert number_reader(spec)(f"{amount} {letter}B") == exact
    assert number_reader("size")(f"{amount}{letter}{'i' if binary and letter else ''}B") == exact


@settings(deadline=None)
@given(st.integers(0, 2**60))
def test_a_size_is_within_the_rounding_of_the_program_that_wrote_it(size: int) -> None:
    """Written with units of 1,024, one decimal and no trailing .0, as Node's programs do."""
    unit = min(size.bit_length() // 10 if size else 0, 6)
    assume(size >= 1024**unit)
    written = f"{size / 1024**unit:.1f}".removesuffix(".0")
    name = ["Bytes", "kB", "MB", "GB", "TB", "PB", "EB"][unit]

    assert abs(number_reader(BINARY)(f"{written} {name}") - size) <= 0.051 * 1024**unit
