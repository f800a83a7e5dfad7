"""Readings of single values, by tables of what vendors send and by properties of all else."""

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from exporter.errors import FieldError
from exporter.readers import (
    READERS,
    TEXT_READERS,
    clock_text,
    count,
    duration_words,
    filled,
    first_word,
    flag,
    iso_time,
    kibibytes,
    kibibytes_or_unlimited,
    milliseconds,
    number,
    percent,
    size_text,
    text,
    upper_case,
)

READ: list[tuple[Callable[[Any], Any], Any, Any]] = [
    (number, 3, 3),
    (number, -3.5, -3.5),
    (number, True, 1),
    (number, " 12 ", 12),
    (number, "-1.5e3", -1500),
    (number, ".5", 0.5),
    (number, "007", 7),
    (count, "0", 0),
    (milliseconds, 36, 0.036),
    (milliseconds, "1500.5", 1.5005),
    (kibibytes, 518464, 530907136),
    (kibibytes, "7947", 8137728),
    (kibibytes_or_unlimited, "240", 245760),
    (kibibytes_or_unlimited, "18014398509481983", None),
    (kibibytes_or_unlimited, 2**53, None),
    (size_text, "58.4 MB", 61236838.4),
    (size_text, "0 Bytes", 0),
    (size_text, "1 Bytes", 1),
    (size_text, "1023 Bytes", 1023),
    (size_text, "1 kB", 1024),
    (size_text, "1024 kB", 1048576),
    (size_text, "87.5 MB", 91750400),
    (size_text, "1024 MB", 1073741824),
    (size_text, "15.6 GB", 15.6 * 2**30),
    (size_text, "1.5TiB", 1.5 * 2**40),
    (size_text, "2 PB", 2.0 * 2**50),
    (size_text, "2 EB", 2.0 * 2**60),
    (size_text, 104857600, 104857600),
    (size_text, "104857600", 104857600),
    (percent, "95.93", 0.9593),
    (percent, 74.5, 0.745),
    (percent, "0.00", 0),
    (percent, "100.00", 1),
    (clock_text, "144:34:32", 520472),
    (clock_text, "00:00:09", 9),
    (clock_text, 864123.507, 864123.507),
    (clock_text, "33.2", 33.2),
    (
        duration_words,
        "0 years, 0 days, 4 hours, 34 minutes, 30 seconds, 956 milliseconds, 139 microseconds",
        16470.956139,
    ),
    (duration_words, "1 year, 1 day, 1 hour, 1 minute, 1 second, 1 millisecond", 31626061.001),
    (iso_time, "2010-02-24T15:56:46.369Z", 1267027006.369),
    (iso_time, "2024-03-18T10:15:09.640+0100", 1710753309.64),
    (iso_time, "2024-03-18T10:15:09+01:00", 1710753309),
    (iso_time, " 2024-03-18T09:15:09Z ", 1710753309),
    (flag, True, 1),
    (flag, "false", 0),
    (flag, " TRUE ", 1),
    (flag, "0", 0),
    (flag, 1.0, 1),
    (filled, "6f1f6f0e", 1),
    (filled, "", 0),
    (filled, "  ", 0),
    (text, "eu-west $$location$$ #17", "eu-west $$location$$ #17"),
    (text, " 3.2.0\n", "3.2.0"),
    (text, 1200345, "1200345"),
    (text, 12.0, "12"),
    (text, 1.5, "1.5"),
    (text, True, "true"),
    (text, False, "false"),
    (text, "a\ud800b", "a\ufffdb"),
    (text, "a\x1b[31mb", "a\ufffd[31mb"),
    (first_word, "1.6.8 git 99de0ad 2016-05-05 15:38:32Z 64bit", "1.6.8"),
    (first_word, "1.10.7-release git", "1.10.7-release"),
    (upper_case, "gb", "GB"),
]

UNREADABLE: list[tuple[Callable[[Any], Any], Any]] = [
    (number, "1_000"),
    (number, "nan"),
    (number, "inf"),
    (number, "Infinity"),
    (number, "0x10"),
    (number, "1,5"),
    (number, "\u0661\u0662"),
    (number, ""),
    (number, "9" * 65),
    (number, "1e999"),
    (number, math.nan),
    (number, math.inf),
    (number, 10**400),
    (number, []),
    (number, {}),
    (count, -1),
    (count, "-0.5"),
    (kibibytes, -1),
    (size_text, "58,4 MB"),
    (size_text, "58.4 mb"),
    (size_text, "MB"),
    (size_text, "-1 MB"),
    (size_text, "1" + "0" * 80 + " MB"),
    (size_text, -1),
    (percent, -1),
    (clock_text, "1:2:3"),
    (clock_text, "00:60:00"),
    (clock_text, "00:00"),
    (clock_text, "-1:00:00"),
    (duration_words, "soon"),
    (duration_words, "1 fortnight"),
    (duration_words, "1 day, soon"),
    (duration_words, ""),
    (duration_words, []),
    (duration_words, "9" * 100 + " days"),
    (iso_time, "2024-03-18"),
    (iso_time, "2024-03-18T09:15:09"),
    (iso_time, "2024-13-18T09:15:09Z"),
    (iso_time, "2024-03-18 09:15:09Z"),
    (iso_time, 1710753309),
    (iso_time, "0001-01-01T00:00:00+23:59x"),
    (flag, "maybe"),
    (flag, 2),
    (flag, None),
    (flag, []),
    (filled, {}),
    (text, None),
    (text, []),
    (text, "x" * 257),
    (text, 10**100),
]


@pytest.mark.parametrize(("read", "value", "expected"), READ)
def test_a_value_is_read(read: Callable[[Any], Any], value: Any, expected: Any) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(("read", "value"), UNREADABLE)
def test_an_unreadable_value_is_told_in_a_short_line(
    read: Callable[[Any], Any], value: Any
) -> None:
    with pytest.raises(FieldError) as caught:
        read(value)

    assert str(caught.value).isprintable()
    assert 0 < len(str(caught.value)) < 120


def test_every_reader_stands_in_the_tables() -> None:
    named = {read for read, _, _ in READ}

    assert named == READERS | TEXT_READERS


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
numeric = st.text("0123456789.-+eE_:, kMGTB", max_size=70)


@given(st.sampled_from(sorted(READERS, key=lambda read: read.__name__)), anything | numeric)
def test_a_reader_gives_a_finite_number_or_a_fault(
    read: Callable[[Any], float | None], value: Any
) -> None:
    with suppress(FieldError):
        result = read(value)
        assert result is None or math.isfinite(result)


@given(st.sampled_from(sorted(TEXT_READERS, key=lambda read: read.__name__)), anything)
def test_a_text_reader_gives_valid_utf_8_or_a_fault(read: Callable[[Any], str], value: Any) -> None:
    with suppress(FieldError):
        result = read(value)
        assert result.encode().decode() == result
        assert "\n" not in result


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_what_json_wrote(value: float) -> None:
    assert number(value) == value
    assert number(repr(value)) == value


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - the zone is below
    st.integers(-12 * 60, 14 * 60),
)
def test_a_time_is_the_same_moment_in_any_zone(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    there = moment.astimezone(timezone(timedelta(minutes=minutes)))
    written = there.isoformat(timespec="milliseconds")

    assert iso_time(written) == moment.timestamp()
    assert iso_time(f"{written[:-3]}{written[-2:]}") == moment.timestamp()


@given(st.integers(0, 2**40))
def test_a_clock_text_reads_back(seconds: int) -> None:
    written = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    assert clock_text(written) == seconds


@given(st.integers(0, 2**60))
def test_a_pretty_size_is_within_its_rounding(size: int) -> None:
    """Written as the npm package prettysize does: 1024-based, one decimal, no trailing .0."""
    unit = min(size.bit_length() // 10 if size else 0, 6)
    assume(size >= 1024**unit)
    shown = f"{size / 1024**unit:.1f}".removesuffix(".0")
    name = ["Bytes", "kB", "MB", "GB", "TB", "PB", "EB"][unit]

    assert abs(size_text(f"{shown} {name}") - size) <= 0.051 * 1024**unit
