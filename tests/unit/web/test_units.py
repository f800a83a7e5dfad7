"""Numbers as text with units."""

import math

import pytest

from exporter.web.units import (
    Quantity,
    ago_text,
    due_text,
    duration_text,
    quantity,
    share_text,
    size_text,
)


@pytest.mark.parametrize(
    ("metric", "value", "text", "raw"),
    [
        ("a_bytes", 91017216.0, "86.8 MiB", "91017216"),
        ("a_bytes_total", 2048.0, "2 KiB", "2048"),
        ("a_uptime_seconds", 309600.0, "3 d 14 h", "309600"),
        ("a_seconds_total", 90.0, "1 min 30 s", "90"),
        ("a_skew_seconds", -0.25, "-250 ms", "-0.25"),
        ("a_ratio", 0.868, "86.8%", "0.868"),
        ("a_requests_total", 1234567.0, "1\u202f234\u202f567", "1234567"),
        ("a_requests_total", 1234.0, "1234", ""),
        ("a_load", 1.25, "1.25", ""),
        ("a_bytes", math.inf, "inf", ""),
    ],
)
def test_a_value_has_the_unit_of_its_metric(metric: str, value: float, text: str, raw: str) -> None:
    assert quantity(metric, value) == Quantity(text, raw)


def test_large_seconds_are_a_time() -> None:
    found = quantity("a_start_time_seconds", 1710000000.0)

    assert found == Quantity("2024-03-09 16:00:00 UTC", "1710000000", 1710000000.0)
    # Beyond the last year of a date it is a long duration.
    assert quantity("a_start_time_seconds", 1e15).moment is None


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (-1536, "-1.5 KiB"),
        (1024 * 1024 - 1, "1 MiB"),
        (2.0**60, "1024 PiB"),
    ],
)
def test_a_size_is_below_1024_of_its_unit(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.0284, "28 ms"),
        (0.00996, "10 ms"),
        (0.00123, "1.2 ms"),
        (0.00099, "1 ms"),
        (1.5, "1.5 s"),
        (59.4, "59.4 s"),
        (59.6, "1 min"),
        (3599.6, "1 h"),
        (7260, "2 h 1 min"),
        (86399.9, "1 d"),
        (86400 * 400 + 3600, "400 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_ages_and_due_times_are_short() -> None:
    assert [ago_text(one) for one in (-1, 0.5, 59, 60, 7200)] == [
        "now",
        "now",
        "59 s ago",
        "1 min ago",
        "2 h ago",
    ]
    assert [due_text(one) for one in (None, 0.5, 90.2)] == ["", "now", "in 1 min 30 s"]


def test_only_a_target_that_was_never_down_has_100_percent() -> None:
    assert [share_text(one) for one in (None, 1.0, 0.999999, 0.25)] == ["", "100%", "99.99%", "25%"]
