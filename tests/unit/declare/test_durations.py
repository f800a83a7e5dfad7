"""Durations of all usual forms, and durations that are ambiguous."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.declare.readings import number_reader
from exporter.errors import FieldError

read = number_reader("duration")

READ: list[tuple[object, float]] = [
    (864123.507, 864123.507),
    (-5, -5),
    ("33.2", 33.2),
    ("-1.5", -1.5),
    ("1h2m3.5s", 3723.5),
    ("1.5s", 1.5),
    ("250ms", 0.25),
    ("36ms", 0.036),
    ("10us", 1e-5),
    ("10\u00b5s", 1e-5),
    ("10\u03bcs", 1e-5),
    ("7ns", 7e-9),
    ("1w2d", 777600),
    ("-1h30m", -5400),
    ("P1DT2H", 93600),
    ("PT15M", 900),
    ("PT0.25S", 0.25),
    ("PT0,25S", 0.25),
    ("P2W", 1209600),
    ("P1Y", 31536000),
    ("P0Y0M3DT0H0M1.5S", 259201.5),
    ("-PT5M", -300),
    ("144:34:32", 520472),
    ("00:00:09", 9),
    ("00:12:34.5", 754.5),
    ("-1:00:00", -3600),
    ("3 days, 4:05:06", 273906),
    ("1 day, 4:05:06.25", 101106.25),
    ("3 days,  4:05", 273900),
    ("3d 04:05:06", 273906),
    ("3.04:05:06.5000000", 273906.5),
    ("3-04:05:06", 273906),
    ("-3.04:05:06", -273906),
    (
        "0 years, 12 days, 1 hour, 3 minutes, 2 seconds, 5 milliseconds, 3 microseconds",
        1040582.005003,
    ),
    (
        "0 years, 0 days, 4 hours, 34 minutes, 30 seconds, 956 milliseconds, 139 microseconds",
        16470.956139,
    ),
    ("1 year, 1 day, 1 hour, 1 minute, 1 second, 1 millisecond", 31626061.001),
    ("2 days 3 hours", 183600),
    ("2 Days, 3 hours and 1 minute", 183660),
    ("0 months 2 weeks", 1209600),
    ("3 mins", 180),
    ("1.5 hours", 5400),
    (" 5 sec ", 5),
]

GENERAL = "is not a duration such as 1h30m, PT15M, 12:34:56 or 2 days, 1 hour"
UNREADABLE: list[tuple[object, str]] = [
    (
        "12:34",
        '"12:34" can be hours and minutes or minutes and seconds; write three parts, as in 00:12:34',
    ),
    (
        "-1 day, 23:59:59",
        '"-1 day, 23:59:59" can be read in two ways; "-" before days and a clock is not supported',
    ),
    ("P2M", '"P2M" has months, whose length is not fixed; write days'),
    ("2 months", '"2 months" has months, whose length is not fixed; write days'),
    ("since Tuesday", f'"since Tuesday" {GENERAL}'),
    ("1 fortnight", f'"1 fortnight" {GENERAL}'),
    ("1 day, soon", f'"1 day, soon" {GENERAL}'),
    ("1h30", f'"1h30" {GENERAL}'),
    ("1s 2h", f'"1s 2h" {GENERAL}'),
    ("1h 1h", f'"1h 1h" {GENERAL}'),
    ("5M", f'"5M" {GENERAL}'),
    ("1 day,", f'"1 day," {GENERAL}'),
    ("1:2:3", f'"1:2:3" {GENERAL}'),
    ("00:60:00", f'"00:60:00" {GENERAL}'),
    ("P", f'"P" {GENERAL}'),
    ("PT", f'"PT" {GENERAL}'),
    ("P1DT", f'"P1DT" {GENERAL}'),
    ("-", f'"-" {GENERAL}'),
    ("--1h", f'"--1h" {GENERAL}'),
    ("\u0661h", f'"\u0661h" {GENERAL}'),
    ("9" * 30 + " days", f'"{"9" * 30} days... {GENERAL}'),
    ("1h" + " " * 200, f'"1h{" " * 33}... {GENERAL}'),
    ([], "a list is not a number"),
]


@pytest.mark.parametrize(("value", "expected"), READ)
def test_a_duration_is_read_as_seconds(value: object, expected: float) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(("value", "message"), UNREADABLE)
def test_an_unreadable_duration_is_reported(value: object, message: str) -> None:
    with pytest.raises(FieldError) as caught:
        read(value)

    assert str(caught.value) == message


@settings(deadline=None)
@given(st.integers(0, 2**40), st.integers(0, 999_999))
def test_every_form_of_a_duration_is_the_same(seconds: int, microseconds: int) -> None:
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    expected = (seconds * 10**6 + microseconds) / 10**6
    fraction = f"{microseconds:06}"

    assert read(f"{hours}:{minutes:02}:{rest:02}.{fraction}") == expected
    assert read(f"{hours // 24} days, {hours % 24}:{minutes:02}:{rest:02}.{fraction}") == expected
    assert read(f"PT{hours}H{minutes}M{rest}.{fraction}S") == expected
    assert read(f"{hours}h{minutes}m{rest}.{fraction}s") == expected
    assert read(f"-{hours}h{minutes}m{rest}.{fraction}s") == -expected
    assert read(f"{seconds} seconds, {microseconds} microseconds") == expected


@pytest.mark.parametrize("part", ["1 ", "1d ", "and ", "1h, ", "9", "P1", "1:"])
def test_a_hostile_text_of_any_length_is_rejected(part: str) -> None:
    for length in (60, 10**6):
        with pytest.raises(FieldError):
            read((part * length)[:length] + "!")
