"""Answers of many items or bytes: what is capped, and where they are read."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from exporter.declare import readings
from exporter.declare.extraction import Extraction
from exporter.errors import PollError, Reason
from support.declarations import as_body, declared
from support.polling import Polls, make_target
from support.vendor import Vendor, response


async def test_a_series_cap_holds_and_is_counted(vendor: Vendor, poll: Polls) -> None:
    servers = [{"serverid": at, "active": 1, "admin_locked": 0} for at in range(100)]
    vendor.answer = response(as_body({"servers": servers}))

    target = replace(make_target("clanforge_fleet"), max_series=50)
    outcome = (await poll(target)).outcome

    assert isinstance(outcome, Extraction)
    assert len(outcome.samples) == 50
    assert outcome.dropped_series == 100 * (1 + 4 + 1 + 1) - 50


async def test_a_large_answer_is_read_beside_the_event_loop(
    vendor: Vendor, poll: Polls, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = list[bool]()

    def note_thread(value: Any) -> float:
        threads.append(threading.current_thread() is threading.main_thread())
        return float(value)

    monkeypatch.setitem(readings._NUMBER_TABLE, "flag", (note_thread, ""))
    # A name of its own: a system that is declared alike is compiled once.
    name = f"s_{'_'.join(vendor.url.split(':')[-1])}"
    system = declared([{"gauge": name, "path": "/calls", "read": "flag"}])
    target = replace(make_target(), system=system)
    for padding in (0, 100_000):
        vendor.answer = response(as_body({"calls": 7, "more": "x" * padding}))
        outcome = (await poll(target)).outcome
        assert isinstance(outcome, Extraction), outcome

    assert threads == [True, False]


async def test_a_large_answer_that_is_wrong_is_a_failure_like_any_other(
    vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = response(b'{"more": "' + b"x" * 100_000)
    outcome = (await poll(make_target())).outcome

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.BAD_JSON
