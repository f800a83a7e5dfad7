"""Whatever a vendor does costs its own target alone, and no longer than it does it."""

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from support.fault_catalog import FAULTS, Fault, tried
from support.fault_run import GOOD_TARGETS, INTERVAL, Evidence, besiege, table
from support.paths import ROOT

# One run of the service serves all tests, in one worker.
pytestmark = pytest.mark.xdist_group("faults")

DOCUMENT = ROOT / "docs" / "faults.md"
START = "<!-- faults: written by `make docs` -->\n"
TRIED = tried()
FAILING = {name: fault for name, fault in TRIED.items() if fault.reason}
BORNE = {name: fault for name, fault in TRIED.items() if not fault.reason}
# What a moment may hold more than another: connections that are just being made, evidence.
MORE_FILES = 10
MORE_BYTES = 4 * 2**20
MOST_STARVED = 0.25


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    with (
        pytest.MonkeyPatch.context() as patch,
        # As the program runs.
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        yield runner.run(besiege(patch))


@pytest.mark.parametrize(("name", "fault"), FAILING.items(), ids=FAILING)
def test_a_fault_has_its_reason_and_no_other(name: str, fault: Fault, evidence: Evidence) -> None:
    reasons = [told.reason for told in evidence.while_broken(name)]

    assert set(reasons) == ({fault.reason, None} if fault.flaps else {fault.reason})
    first, after = (evidence.pages[page].targets[name].failures for page in ("first", "after"))
    assert {reason for reason in after if after[reason] > first.get(reason, 0)} == {fault.reason}


@pytest.mark.parametrize("name", FAILING)
def test_a_failed_poll_takes_the_vendors_series_with_it(name: str, evidence: Evidence) -> None:
    for told in evidence.while_broken(name):
        assert told.up is told.vendor is (told.reason is None)


@pytest.mark.parametrize("name", FAILING)
def test_pages_show_a_target_that_fails_as_down_and_empty(name: str, evidence: Evidence) -> None:
    for page in evidence.pages.values():
        seen = page.targets[name]

        assert seen.up is (seen.vendor > 0)
    if not FAILING[name].flaps:
        assert not evidence.pages["after"].targets[name].up


@pytest.mark.parametrize("name", BORNE)
def test_what_is_odd_but_readable_is_borne(name: str, evidence: Evidence) -> None:
    polls = evidence.while_broken(name)

    assert polls
    assert {told.reason for told in polls} == {None}


@pytest.mark.parametrize("name", FAILING)
def test_the_first_poll_after_mending_works(name: str, evidence: Evidence) -> None:
    assert evidence.recovers_after(name) == 1
    assert evidence.pages["mended"].targets[name].up


@pytest.mark.parametrize("number", range(GOOD_TARGETS))
def test_good_targets_never_fail(number: int, evidence: Evidence) -> None:
    seen = evidence.pages["mended"].targets[f"good {number}"]

    assert (seen.up, seen.failures) == (True, {})


def skip_where_starved(evidence: Evidence) -> None:
    if evidence.starved > MOST_STARVED:
        pytest.skip("others had the processor: nothing can be said of what is owed")


@pytest.mark.parametrize("number", range(GOOD_TARGETS))
def test_good_targets_are_polled_as_owed(number: int, evidence: Evidence) -> None:
    skip_where_starved(evidence)
    before, after = evidence.pages["first"], evidence.pages["after"]
    was, now = (page.targets[f"good {number}"] for page in (before, after))
    # What the machine itself held up, all of it, is not the schedule's.
    lag = "status_exporter_loop_lag_seconds_sum"
    held_up = after.own[lag] - before.own[lag]
    owed = (after.taken - before.taken - held_up) / INTERVAL

    assert now.polls - was.polls >= 0.8 * owed - 2


def test_few_polls_are_late(evidence: Evidence) -> None:
    skip_where_starved(evidence)
    before, after = evidence.pages["first"], evidence.pages["after"]
    polls = sum(after.targets[name].polls - seen.polls for name, seen in before.targets.items())
    late = "status_exporter_late_polls_total"

    # Were one fault to hold up the loop, most would be; a busy machine makes some.
    assert after.own[late] - before.own[late] < polls / 4


def test_connections_tasks_and_memory_stay_flat(evidence: Evidence) -> None:
    held = evidence.held
    places = len(TRIED) + GOOD_TARGETS

    assert held["after"].files <= held["well"].files + places
    assert held["mended"].files <= held["well"].files + MORE_FILES
    assert held["mended"].tasks <= held["well"].tasks + 2
    assert held["after"].memory - held["before"].memory < MORE_BYTES


def test_nothing_is_logged_but_what_the_log_is_for(evidence: Evidence) -> None:
    told = {record.getMessage() for record in evidence.logged}
    traces = [record for record in evidence.logged if record.exc_info]

    assert told <= {"target down", "field unreadable"}
    assert traces == []


def test_the_document_shows_what_was_seen(evidence: Evidence, renew: bool) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    expected = f"{text.partition(START)[0]}{START}\n{table(evidence)}"
    if renew:
        DOCUMENT.write_text(expected, encoding="utf-8")
        text = expected

    assert text == expected


def test_every_fault_is_in_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert [name for name in FAULTS if f"| {name} |" not in text] == []
