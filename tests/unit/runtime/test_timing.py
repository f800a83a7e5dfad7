"""When a target is due, and how long a tick is."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.runtime.timing import next_due, phase, tick_seconds

names = st.text(min_size=1, max_size=20)
intervals = st.floats(0.1, 3600)


@given(names, intervals)
def test_a_phase_is_stable_and_within_the_interval(name: str, interval: float) -> None:
    assert 0 <= phase(name, interval) < interval
    assert phase(name, interval) == phase(name, interval)


@given(names, intervals, st.floats(0, 1e6), st.floats(0, 1e5))
def test_the_next_poll_is_within_an_interval(
    name: str, interval: float, start: float, later: float
) -> None:
    after = start + later
    again = next_due(name, interval, start, after)

    assert again >= after
    assert again <= max(after, start) + interval * 1.000001


def test_phases_spread_over_the_interval() -> None:
    tenths = Counter(int(phase(f"game-{number}", 10.0)) for number in range(10_000))

    assert set(tenths) == set(range(10))
    assert max(tenths.values()) < 1.2 * 1000


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([], 1.0),
        ([math.inf], 1.0),
        ([15.0], 1.0),
        ([0.2], 0.1),
        ([0.6], 0.2),
        ([2.5], 2.5 / 3),
        ([10.0] * 1000, 1.0),
        ([1.5] * 1000, 0.5),
        ([15.0] * 10_000, 0.6),
        ([15.0] * 20_000, 0.3),
        ([7.0] * 10_000 + [14.0] * 100, 7 / 26),
        ([15.0] * 100_000, 0.1),
    ],
)
def test_a_tick_is_long_enough_for_polls_to_leave_together(
    intervals: list[float], expected: float
) -> None:
    assert tick_seconds(Counter(intervals)) == pytest.approx(expected)
