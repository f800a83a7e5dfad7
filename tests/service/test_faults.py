"""A fault of a vendor affects only its own target, and only while it lasts."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
import uvloop

from support.fault_catalog import FAULTS, tried
from support.fault_run import GOOD_TARGETS, Evidence, besiege, table
from support.repository import ROOT

DOCUMENT = ROOT / "docs" / "faults.md"
START = "<!-- faults: written by `make docs` -->\n"
TRIED = tried()
GOOD = [f"good {number}" for number in range(GOOD_TARGETS)]
# A tick that is late is followed by one sooner, and one may fall between two moments compared.
SLACK = 3


@pytest.fixture(scope="module")
def evidence() -> Iterator[Evidence]:
    with (
        pytest.MonkeyPatch.context() as patch,
        # As the program runs.
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        yield runner.run(besiege(patch))


@pytest.mark.parametrize("name", TRIED)
def test_a_fault_has_its_reason_and_ends_with_it(name: str, evidence: Evidence) -> None:
    """A fault without a reason is an unusual but readable answer: its target stays up."""
    fault, polls = TRIED[name], evidence.while_broken(name)
    pages = {when: page[name] for when, page in evidence.pages.items()}
    first, after = pages["first"].failures, pages["after"].failures
    counted = {reason for reason in after if after[reason] > first.get(reason, 0)}

    reasons = {fault.reason, None} if fault.flaps else {fault.reason}
    assert {one.reason for one in polls} == reasons, "its polls have other reasons"
    assert counted == {fault.reason} - {None}, "failures are counted under other reasons"
    for one in polls:
        assert one.up is (one.reason is None), f"target_up does not show {one}"
        assert not one.was_raised, f"the result refers to the frames of the poll: {one}"
        if fault.reason:
            assert one.vendor is one.up, (
                f"the vendor's series do not appear and disappear with {one}"
            )
    for when, page in pages.items():
        if fault.reason:
            assert page.up is (page.vendor > 0), f"the page {when!r} shows {page}"
    if not fault.flaps:
        assert pages["after"].up is (fault.reason is None), "the page 'after' has another state"
    assert evidence.overdue(name) <= SLACK, "the schedule left it out though it was due"
    assert evidence.recovers_after(name) == 1, "the first poll after the fault failed"
    assert pages["repaired"].up, "it is down though the fault has ended"


@pytest.mark.parametrize("name", GOOD)
def test_good_targets_never_fail_and_are_polled_when_due(name: str, evidence: Evidence) -> None:
    seen = evidence.pages["repaired"][name]

    assert (seen.up, seen.failures) == (True, {})
    assert evidence.overdue(name) <= SLACK


def test_connections_tasks_and_memory_stay_flat(evidence: Evidence) -> None:
    held = evidence.held

    assert held["after"].files <= held["well"].files + len(TRIED) + len(GOOD)
    assert not held["after"].exceeds(held["before"])
    assert not held["repaired"].exceeds(replace(held["well"], memory=held["repaired"].memory))


def test_only_expected_messages_are_logged(evidence: Evidence) -> None:
    logged = {record.getMessage() for record in evidence.logged}
    traces = [record for record in evidence.logged if record.exc_info]

    assert logged <= {"target down", "field unreadable"}
    assert traces == []


def test_the_documentation_shows_the_observed_results(evidence: Evidence, renew: bool) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    expected = f"{text.partition(START)[0]}{START}\n{table(evidence)}"
    if renew:
        DOCUMENT.write_text(expected, encoding="utf-8")
        text = expected

    assert text == expected


def test_every_fault_is_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    assert [name for name in FAULTS if f"| {name} |" not in text] == []
