"""The live set: what is counted, shown and logged, and when it is stale."""

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from exporter.clock import Clock
from exporter.declare.extraction import Extraction, Fault, Sample
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from support.polling import NOW, lines_of, make_target, snapshots_of


class Moment:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.clock = Clock(wall=lambda: NOW, monotonic=lambda: self.now)


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


def make(moment: Moment, telemetry: Telemetry, *names: str) -> Targets:
    targets = tuple(replace(make_target(), name=name) for name in names)
    return Targets(Settings(targets=targets), telemetry, moment.clock)


def good(moment: Moment, *faults: Fault) -> PollResult:
    samples = (Sample("genesys_ucs_requests_total", (), 1.0),)
    return PollResult(Extraction.of(samples, faults), duration=0.1, ended=NOW, taken=moment.now)


def bad(moment: Moment, reason: Reason = Reason.TIMEOUT) -> PollResult:
    return PollResult(PollError(reason, "why"), duration=5.0, ended=NOW, taken=moment.now)


def lines(targets: Targets) -> str:
    return "".join(lines_of(target, snapshot) for target, snapshot in snapshots_of(targets))


def first(targets: Targets) -> TargetState:
    return next(iter(targets))


def test_a_target_has_no_series_before_its_first_poll(moment: Moment, telemetry: Telemetry) -> None:
    targets = make(moment, telemetry, "a", "b")

    assert (lines(targets), targets.waiting, len(targets)) == ("", 2, 2)


def test_polls_and_failures_add_up(moment: Moment, telemetry: Telemetry) -> None:
    targets = make(moment, telemetry, "a")
    for poll in (good(moment), bad(moment), bad(moment), bad(moment, Reason.TLS), good(moment)):
        targets.record(first(targets), poll)
    text = lines(targets)

    assert 'status_exporter_polls_total{target="a"} 5\n' in text
    assert 'status_exporter_poll_failures_total{target="a",reason="timeout"} 2\n' in text
    assert 'status_exporter_poll_failures_total{target="a",reason="tls"} 1\n' in text
    assert 'status_exporter_target_up{target="a",system="genesys_ucs"} 1\n' in text


def test_a_failed_poll_drops_the_vendors_series_until_the_next_success(
    moment: Moment, telemetry: Telemetry
) -> None:
    targets = make(moment, telemetry, "a")
    shown = []
    for poll in (good(moment), bad(moment), good(moment)):
        targets.record(first(targets), poll)
        shown.append("genesys_ucs_requests_total" in lines(targets))

    assert shown == [True, False, True]


def test_a_snapshot_that_is_too_old_counts_as_failed_once(
    moment: Moment, telemetry: Telemetry
) -> None:
    targets = make(moment, telemetry, "a")
    targets.record(first(targets), good(moment))
    moment.now += 45
    fresh = lines(targets)
    moment.now += 0.1
    lines(targets)
    stale = lines(targets)

    assert "genesys_ucs_requests_total" in fresh
    assert "genesys_ucs_requests_total" not in stale
    assert 'status_exporter_target_up{target="a",system="genesys_ucs"} 0\n' in stale
    assert 'status_exporter_poll_failures_total{target="a",reason="stale"} 1\n' in stale
    assert 'status_exporter_polls_total{target="a"} 1\n' in stale


def test_one_target_never_shows_anothers_series(moment: Moment, telemetry: Telemetry) -> None:
    targets = make(moment, telemetry, *(f"t{number}" for number in range(50)))
    for number, tracked in enumerate(targets):
        samples = (Sample("genesys_ucs_requests_total", (), float(number)),)
        targets.record(tracked, structs.replace(good(moment), outcome=Extraction.of(samples, ())))

    for number in range(50):
        assert f'genesys_ucs_requests_total{{target="t{number}"}} {number}\n' in lines(targets)


def test_faults_and_duplicates_are_counted(moment: Moment, telemetry: Telemetry) -> None:
    targets = make(moment, telemetry, "a")
    twice = (Sample("genesys_ucs_requests_total", (), 1.0),) * 2
    reading = Extraction.of(twice, (Fault("genesys_ucs_mode", "x"),))
    targets.record(first(targets), structs.replace(good(moment), outcome=reading))
    targets.record(first(targets), structs.replace(good(moment), outcome=reading))
    value = telemetry.registry.get_sample_value

    labels = {"system": "genesys_ucs", "metric": "genesys_ucs_mode"}
    assert value("status_exporter_unreadable_fields_total", labels) == 2
    assert value("status_exporter_duplicate_series_total", {"system": "genesys_ucs"}) == 2
    assert value("status_exporter_targets", {"system": "genesys_ucs"}) == 1


def test_the_log_reports_changes_and_not_each_poll(
    moment: Moment, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    targets = make(moment, telemetry, "a")
    fault = Fault("genesys_ucs_mode", "a list is not a text")
    for poll in (
        good(moment),
        good(moment),
        bad(moment),
        bad(moment),
        bad(moment, Reason.CONNECT),
        good(moment),
        good(moment, fault),
        good(moment, fault),
        good(moment),
        good(moment, fault),
    ):
        targets.record(first(targets), poll)

    assert [record.getMessage() for record in caplog.records] == [
        "target down",
        "target down",
        "target up again",
        "field unreadable",
        "field unreadable",
    ]


SETS = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.booleans()), max_size=8)


@given(SETS, st.data())
def test_any_sequence_of_changes_keeps_only_unchanged_targets(
    sets: list[dict[str, bool]], data: st.DataObject
) -> None:
    """A target is changed if its flag differs, else the same."""
    moment, telemetry = Moment(), Telemetry()
    targets = make(moment, telemetry)
    known: dict[tuple[str, bool], TargetState] = {}
    for wanted in sets:
        listed = [
            replace(make_target(url=f"http://h/{flag}"), name=name) for name, flag in wanted.items()
        ]
        change = targets.replace(listed)
        now = {(one.target.name, one.target.url.endswith("True")): one for one in targets}

        assert [*now] == [*wanted.items()]
        assert all(now[key] is one for key, one in known.items() if key in now)
        assert {*change.added} == {*now.values()} - {*known.values()}
        assert {*change.removed} == {*known.values()} - {*now.values()}
        for one in data.draw(st.lists(st.sampled_from([*now.values()]))) if now else ():
            moment.now += 1
            targets.record(one, good(moment))
        polled = [one for one in targets if one.snapshot]
        assert snapshots_of(targets) == [(one.target, one.snapshot) for one in polled]
        assert targets.waiting == len(now) - len(polled)
        count = telemetry.registry.get_sample_value(
            "status_exporter_targets", {"system": "genesys_ucs"}
        )
        assert count == (len(now) or None)
        known = now


def test_staleness_follows_a_target_to_its_new_position(
    moment: Moment, telemetry: Telemetry
) -> None:
    targets = make(moment, telemetry, "a", "b")
    a, b = targets
    targets.record(a, good(moment))
    moment.now += 40
    targets.record(b, good(moment))
    targets.replace([replace(make_target(), name="c"), b.target, a.target])
    moment.now += 10

    assert [snapshot.up for _, snapshot in snapshots_of(targets)] == [True, False]


def test_a_target_is_down_since_its_first_failure_whatever_changes(
    moment: Moment, telemetry: Telemetry
) -> None:
    targets = make(moment, telemetry, "a")
    targets.record(first(targets), good(moment))
    up = first(targets).availability.down_since
    moment.now += 100
    targets.age()  # What is too old is down.
    targets.replace([replace(make_target(), name="a", interval=30.0)])
    changed = first(targets).availability.down_since
    targets.record(first(targets), bad(moment))
    targets.record(first(targets), good(moment))

    assert (up, changed, first(targets).availability.down_since) == (None, NOW, None)


def test_a_system_is_known_as_long_as_it_has_targets(moment: Moment, telemetry: Telemetry) -> None:
    targets = make(moment, telemetry, "a")
    system = make_target().system.model_copy().set_name("own")
    targets.replace([replace(make_target(), name="b", system=system)])

    assert "own" in targets.systems

    targets.replace([])
    assert "own" not in targets.systems


def test_lines_beyond_the_bytes_of_a_target_are_counted_and_logged(
    moment: Moment, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    targets = make(moment, telemetry, "a")
    long = [
        Sample("genesys_ucs_mode", (("mode", f"{at}{'x' * 500}"),), 1.0) for at in range(20_000)
    ]
    targets.record(first(targets), PollResult(Extraction.of(long), 0.1, NOW, moment.now))
    metric = "status_exporter_dropped_series_total"
    dropped = telemetry.registry.get_sample_value(metric, {"system": "genesys_ucs"})

    assert dropped is not None
    assert 0 < dropped < 20_000
    assert first(targets).snapshot is not None
    assert "answer too large, the rest dropped" in caplog.text


def test_readiness_waits_for_all_targets_that_are_added_before_it(
    moment: Moment, telemetry: Telemetry
) -> None:
    targets = make(moment, telemetry, "a")
    targets.expect_lists(1)
    targets.record(first(targets), good(moment))
    steps = [targets.is_ready]
    old = first(targets).target
    targets.replace((old, replace(old, name="b")))
    targets.expect_lists(0)
    steps.append(targets.is_ready)
    missing = targets.missing
    targets.record([*targets][1], bad(moment))
    targets.replace((old, replace(old, name="b"), replace(old, name="c")))
    steps.append(targets.is_ready)

    assert steps == [False, False, True]
    assert missing == "1 of 2 targets not polled yet"
