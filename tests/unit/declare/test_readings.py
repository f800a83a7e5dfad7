"""Readings of numbers, sizes, flags and texts, and the declarations that name them."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from exporter.declare.readings import (
    NUMBER_READINGS,
    TEXT_READINGS,
    describe,
    number_reader,
    text_reader,
)
from exporter.errors import FieldError

Spec = str | Mapping[str, Any]
BINARY = {"size": "binary"}

READ: list[tuple[Spec, Any, float]] = [
    ("number", 3, 3),
    ("number", -3.5, -3.5),
    ("number", True, 1),
    ("number", " 12 ", 12),
    ("number", "-1.5e3", -1500),
    ("number", "+5", 5),
    ("number", ".5", 0.5),
    ("number", "5.", 5),
    ("number", "007", 7),
    ("count", "0", 0),
    ("count", 12, 12),
    ("milliseconds", 36, 0.036),
    ("milliseconds", "1500.5", 1.5005),
    ("milliseconds", -3.5, -0.0035),
    ("milliseconds", "1e3", 1),
    ("microseconds", 1500, 0.0015),
    ("microseconds", 1e-7, 1e-13),
    ("nanoseconds", 226728, 0.000226728),
    ("nanoseconds", 10**25 + 1, 1e16),
    ("kibibytes", 518464, 530907136),
    ("kibibytes", "7947", 8137728),
    ("mebibytes", 512, 536870912),
    ("mebibytes", "1.5", 1572864),
    ("percent", "95.93", 0.9593),
    ("percent", 95.93, 0.9593),
    ("percent", "28 %", 0.28),
    ("percent", "1%", 0.01),
    ("percent", "-12.5%", -0.125),
    ("percent", -12.5, -0.125),
    ("percent", "100.00", 1),
    ("size", "58.4 MB", 58400000),
    ("size", "150G", 150e9),
    ("size", "8192 MB", 8192e6),
    ("size", "1 byte", 1),
    ("size", "12 Bytes", 12),
    ("size", "12B", 12),
    ("size", "230b", 230),
    ("size", "3 k", 3000),
    ("size", "3KB", 3000),
    ("size", "3 kB", 3000),
    ("size", "1.2gb", 1.2e9),
    ("size", "2 Mi", 2097152),
    ("size", "2MiB", 2097152),
    ("size", "1.5TiB", 1.5 * 2**40),
    ("size", 104857600, 104857600),
    ("size", " 104857600 ", 104857600),
    ({"size": "decimal"}, "1 EB", 1e18),
    (BINARY, "58.4 MB", 61236838.4),
    (BINARY, "0 Bytes", 0),
    (BINARY, "1024 kB", 1048576),
    (BINARY, "2 Gi", 2147483648),
    (BINARY, "15.6 GB", 15.6 * 2**30),
    (BINARY, 512, 512),
    ("flag", True, 1),
    ("flag", False, 0),
    ("flag", " TRUE ", 1),
    ("flag", "On", 1),
    ("flag", "off", 0),
    ("flag", "Enabled", 1),
    ("flag", "disabled", 0),
    ("flag", "yes", 1),
    ("flag", "NO", 0),
    ("flag", "y", 1),
    ("flag", "N", 0),
    ("flag", "1", 1),
    ("flag", 0, 0),
    ("flag", 1.0, 1),
    ("filled", "6f1f6f0e", 1),
    ("filled", "x" * 1000, 1),
    ("filled", "", 0),
    ("filled", "  ", 0),
    ("filled", "0", 0),
    ("filled", "false", 0),
    ("filled", 0.0, 0),
    ("filled", False, 0),
    ("filled", 7, 1),
    ("duration", "1h2m3.5s", 3723.5),
    ("time", "2022-01-19T23:45:15Z", 1642635915),
    ({"time": "seconds"}, "1730000000", 1730000000),
    ({"time": "milliseconds"}, 1730000000123, 1730000000.123),
    ({"time": "microseconds"}, "1730000000123456", 1730000000.123456),
    ({"time": "nanoseconds"}, 1730000000000000000, 1730000000),
    ({"time": "%d/%m/%Y %H:%M", "zone": "Europe/Berlin"}, "29/06/2024 10:15", 1719648900),
]

UNREADABLE: list[tuple[Spec, Any, str]] = [
    ("number", "1_000", '"1_000" is not a number'),
    ("number", "nan", '"nan" is not a number'),
    ("number", "Infinity", '"Infinity" is not a number'),
    ("number", "0x10", '"0x10" is not a number'),
    ("number", "1,5", '"1,5" is not a number'),
    ("number", "\u0661\u0662", '"\u0661\u0662" is not a number'),
    ("number", "9" * 65, '"' + "9" * 35 + "... is not a number"),
    ("number", "1e999", "the number is not finite"),
    ("number", math.nan, "the number is not finite"),
    ("number", -math.inf, "the number is not finite"),
    ("number", 10**400, "the number is not finite"),
    ("number", None, "null is not a number"),
    ("number", [], "a list is not a number"),
    ("number", {}, "an object is not a number"),
    ("count", -1, "-1 is negative"),
    ("count", "-0.5", '"-0.5" is negative'),
    ("milliseconds", "36 ms", '"36 ms" is not a number'),
    ("milliseconds", 10**400, "the number is not finite"),
    ("milliseconds", "1e999", "the number is not finite"),
    ("kibibytes", -1, "-1 is negative"),
    ("kibibytes", 1e308, "the number is not finite"),
    ("mebibytes", "-2", '"-2" is negative'),
    ("percent", "12,5 %", '"12,5 %" is not a percentage such as 12.5 or 12.5 %'),
    ("percent", "%", '"%" is not a percentage such as 12.5 or 12.5 %'),
    ("percent", "1%%", '"1%%" is not a percentage such as 12.5 or 12.5 %'),
    ("percent", math.inf, "the number is not finite"),
    ("size", "58,4 MB", '"58,4 MB" is not a size such as 58.4 MB, 150G or 512 MiB'),
    ("size", "100 Mb", '"100 Mb" is not a size such as 58.4 MB, 150G or 512 MiB'),
    ("size", "MB", '"MB" is not a size such as 58.4 MB, 150G or 512 MiB'),
    ("size", "-1 MB", '"-1 MB" is not a size such as 58.4 MB, 150G or 512 MiB'),
    ("size", -1, "-1 is negative"),
    ("size", "-1", '"-1" is negative'),
    ("size", "1" * 80, '"' + "1" * 35 + "... is not a size such as 58.4 MB, 150G or 512 MiB"),
    (BINARY, [], "a list is not a number"),
    ("flag", "maybe", '"maybe" is not true or false'),
    ("flag", 2, "2 is not true or false"),
    ("flag", None, "null is not true or false"),
    ("flag", [], "a list is not true or false"),
    ("filled", {}, "an object is not a text"),
    ({"time": "seconds"}, "now", '"now" is not a number'),
]

TEXTS: list[tuple[str, Any, str]] = [
    ("text", "eu-west $$location$$ #17", "eu-west $$location$$ #17"),
    ("text", " 3.2.0\n", "3.2.0"),
    ("text", 1200345, "1200345"),
    ("text", 12.0, "12"),
    ("text", 1.5, "1.5"),
    ("text", True, "true"),
    ("text", False, "false"),
    ("text", "a\ud800b", "a\ufffdb"),
    ("text", "a\x1b[31mb", "a\ufffd[31mb"),
    ("text", "admin\u202etxt", "admin\ufffdtxt"),
    ("text", "x" * 256, "x" * 256),
    ("upper_case", "gb", "GB"),
    ("lower_case", "GB", "gb"),
]

UNREADABLE_TEXTS: list[tuple[Any, str]] = [
    (None, "null is not a text"),
    ([], "a list is not a text"),
    ({}, "an object is not a text"),
    ("x" * 257, "a text of 257 characters is too long for a label"),
    (10**100, "a number of 333 bits is too long for a label"),
]

WRONG: list[tuple[Spec, str]] = [
    ("kibibyte", 'unknown reading "kibibyte"; did you mean "kibibytes"?'),
    ({"sizes": "binary"}, 'unknown reading "sizes"; did you mean "size"?'),
    ({"size": "binry"}, 'unknown option "binry" of size; did you mean "binary"?'),
    ({"kibibytes": "binary"}, "kibibytes has no options; write read: kibibytes"),
    ({}, "one reading is needed, as in {size: binary}, not 0"),
    ({"zone": "UTC"}, "one reading is needed, as in {size: binary}, not 0"),
    ({"size": "binary", "time": "iso"}, "one reading is needed, as in {size: binary}, not 2"),
    (
        {"size": "binary", "zone": "UTC"},
        '"size" has no zone; only time has, as in {time: iso, zone: UTC}',
    ),
    ({"time": None}, 'the options of "time" are text, as in {time: iso, zone: UTC}'),
    ({"time": "iso", "zone": 1}, 'the options of "time" are text, as in {time: iso, zone: UTC}'),
    (
        {"time": "millisecond"},
        '"millisecond" is neither a unit of time nor a format; did you mean "milliseconds"?',
    ),
    (
        {"time": "seconds", "zone": "UTC"},
        "Unix time has no zone; write {time: seconds}",
    ),
]

DESCRIBED: list[tuple[Spec, str]] = [
    ("kibibytes", "kibibytes"),
    (BINARY, "size, binary"),
    ({"time": "iso"}, "time"),
    ({"time": "iso", "zone": "Europe/Berlin"}, "time in Europe/Berlin"),
    ({"time": "milliseconds"}, "time, milliseconds"),
    ({"time": "%d/%m/%Y", "zone": "Europe/Berlin"}, 'time "%d/%m/%Y" in Europe/Berlin'),
]


@pytest.mark.parametrize(("spec", "value", "expected"), READ)
def test_a_value_is_read_exactly(spec: Spec, value: Any, expected: float) -> None:
    result = number_reader(spec)(value)

    assert result == expected
    assert type(result) is float


@pytest.mark.parametrize(("spec", "value", "message"), UNREADABLE)
def test_an_unreadable_value_is_reported(spec: Spec, value: Any, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        number_reader(spec)(value)

    assert str(caught.value) == message


@pytest.mark.parametrize(("name", "value", "expected"), TEXTS)
def test_a_label_is_read(name: str, value: Any, expected: str) -> None:
    assert text_reader(name)(value) == expected


@pytest.mark.parametrize(("value", "message"), UNREADABLE_TEXTS)
def test_an_unreadable_label_is_reported(value: Any, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        text_reader("text")(value)

    assert str(caught.value) == message


@pytest.mark.parametrize(("spec", "message"), WRONG)
def test_a_wrong_reading_is_reported_in_one_line(spec: Spec, message: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        number_reader(spec)

    assert str(caught.value) == message


def test_an_unknown_reading_of_a_label_is_reported() -> None:
    with pytest.raises(ValueError, match=r'"uppercasee"; did you mean "upper_case"\?'):
        text_reader("uppercasee")


@pytest.mark.parametrize(("spec", "expected"), DESCRIBED)
def test_a_reading_is_described(spec: Spec, expected: str) -> None:
    number_reader(spec)

    assert describe(spec) == expected


def test_the_tables_of_this_test_have_every_reading() -> None:
    named = {spec if isinstance(spec, str) else next(iter(spec)) for spec, _, _ in READ}

    assert named == NUMBER_READINGS.keys()
    assert {name for name, _, _ in TEXTS} == TEXT_READINGS.keys()


@pytest.mark.parametrize("sentence", [*NUMBER_READINGS.values(), *TEXT_READINGS.values()])
def test_a_reading_is_documented_in_one_sentence(sentence: str) -> None:
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert ". " not in sentence
