"""A token bucket lets a burst through, and then one after each interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.toolkit.token_bucket import TokenBucket


def test_a_limit_lets_a_burst_through_and_then_one_at_a_time() -> None:
    bucket = TokenBucket(interval=0.5, burst=2)
    moments = (10.0, 10.0, 10.0, 10.4, 10.5, 10.5, 11.0, 99.0, 99.0, 99.0)
    found = [bucket.take(moment) for moment in moments]

    assert found == [True, True, False, False, True, False, True, True, True, False]


@pytest.mark.parametrize("burst", [0, -1])
def test_a_limit_without_a_burst_lets_nothing_through(burst: int) -> None:
    bucket = TokenBucket(interval=1e-9, burst=burst)

    assert [bucket.take(moment) for moment in (0.0, 1.0)] == [False, False]


def test_reserved_tokens_are_there_one_after_the_other() -> None:
    bucket = TokenBucket(interval=0.5, burst=2)

    assert [bucket.reserve(10.0) for _ in range(4)] == [10.0, 10.0, 10.5, 11.0]
    assert bucket.reserve(10.0, tokens=4) == 11.5
    assert bucket.reserve(10.0) == 13.5


@given(st.lists(st.integers(0, 100), max_size=40).map(sorted), st.integers(1, 5))
def test_no_more_tokens_are_taken_than_the_limit_allows(moments: list[int], burst: int) -> None:
    bucket = TokenBucket(interval=4.0, burst=burst)
    taken = [moment for moment in moments if bucket.take(float(moment))]

    for at, first in enumerate(taken):
        for count, last in enumerate(taken[at:], 1):
            assert count <= burst + (last - first) / 4


def test_buckets_of_one_limit_are_equal_however_full_they_are() -> None:
    used = TokenBucket(interval=0.5, burst=2)
    used.take(1.0)

    assert used == TokenBucket(interval=0.5, burst=2)
    assert used != TokenBucket(interval=0.5, burst=3)
