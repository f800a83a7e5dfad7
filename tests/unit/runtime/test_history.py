"""The values of the last hour: a bounded number of them, once a minute, of fleets that are not large."""

from dataclasses import replace

import pytest

from exporter.declare.extraction import Extraction, Sample
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import PollResult
from exporter.runtime import history
from exporter.runtime.history import INTERVAL, MAX_SAMPLES
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from support.polling import NOW, Hand, make_target

DOWN = PollError(Reason.TIMEOUT, "why")


@pytest.fixture
def hand() -> Hand:
    return Hand(NOW)


@pytest.fixture
def targets(hand: Hand) -> Targets:
    settings = Settings(targets=(make_target(), replace(make_target(), name="other")))
    return Targets(settings, Telemetry(), hand.clock)


def record(targets: Targets, outcome: Extraction | PollError, name: str = "t") -> None:
    tracked, clock = targets.find(name), targets.clock
    assert tracked is not None
    targets.record(tracked, PollResult(outcome, 0.1, clock.wall(), clock.monotonic()))


def values(targets: Targets, name: str = "t") -> list[list[float]]:
    tracked = targets.find(name)
    assert tracked is not None
    return [list(values) for _, values in tracked.history]


def good(value: float, count: int = 1) -> Extraction:
    return Extraction.of(
        [Sample("genesys_ucs_info", (("version", str(at)),), value) for at in range(count)]
    )


def test_values_are_sampled_once_a_minute(targets: Targets, hand: Hand) -> None:
    targets.age()
    for at in range(1, 241):
        hand.passed = at * INTERVAL / 4
        record(targets, good(at))
        targets.age()

    assert values(targets)[:2] == [[4.0], [8.0]]
    assert len(values(targets)) == MAX_SAMPLES
    assert values(targets, "other") == []


def test_the_oldest_sample_goes_first_and_a_failure_is_a_gap(targets: Targets, hand: Hand) -> None:
    for at in range(MAX_SAMPLES + 5):
        hand.passed = at * INTERVAL
        record(targets, DOWN if at == MAX_SAMPLES else good(at))
        targets.age()

    assert values(targets)[0] == [5.0]
    assert values(targets)[-6:] == [[59.0], [], [61.0], [62.0], [63.0], [64.0]]


def test_series_that_always_change_are_not_all_kept(targets: Targets, hand: Hand) -> None:
    for at in range(10):
        hand.passed = at * INTERVAL
        record(targets, good(at, count=at + 1))
        targets.age()

    assert [len(one) for one in values(targets)] == [7, 8, 9, 10]


def test_a_new_interval_keeps_the_history(targets: Targets) -> None:
    record(targets, good(1.0))
    targets.age()
    targets.replace([replace(make_target(), interval=30.0)])

    assert values(targets) == [[1.0]]


def test_large_fleets_and_large_targets_have_none(
    targets: Targets, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(targets, good(1.0, 501))
    record(targets, good(1.0, 500), "other")
    targets.age()

    assert [len(one) for one in values(targets)] == []
    assert [len(one) for one in values(targets, "other")] == [500]

    monkeypatch.setattr(history, "_MAX_NUMBERS", 1000)
    hand.passed = INTERVAL
    targets.age()
    assert values(targets, "other") == []
    for passed, kept in ((2, 0), (3, 1), (4, 2)):
        if kept:
            monkeypatch.setattr(history, "_MAX_NUMBERS", 10_000)
        hand.passed = passed * INTERVAL
        record(targets, good(1.0, 500), "t")
        record(targets, good(1.0, 500), "other")
        targets.age()
        assert [len(one) for one in values(targets, "other")] == [500] * kept
