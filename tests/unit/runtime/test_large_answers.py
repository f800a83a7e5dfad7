"""Answers of many items or bytes: what is capped, and where they are read."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from exporter.declare import readings
from exporter.declare.extraction import Extraction
from exporter.errors import PollError, Reason
from exporter.http.connections import Connections
from exporter.pipeline.request import build
from exporter.runtime import poll_run as runtime_poll
from exporter.runtime.poll_run import PollRun
from support.declarations import as_body, declared
from support.polling import FIXED, Polls, make_target
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


async def test_a_large_answer_whose_poll_is_given_up_waits_no_longer(vendor: Vendor) -> None:
    vendor.answer = response(as_body({"more": "x" * 100_000}))
    connections, go_on = Connections(FIXED), threading.Event()
    blocking = runtime_poll._READER.submit(go_on.wait)
    try:
        target = make_target(url=vendor.url, timeout=0.2)
        run = PollRun(target, build(target), connections, FIXED)
        (reader,) = run._readers
        outcome = (await runtime_poll.poll(run)).outcome
        await asyncio.sleep(0)
        held = connections.pool.held.size
    finally:
        go_on.set()
        blocking.result()
        await connections.close()

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.TIMEOUT
    assert held == 0
    # The thread may still use it.
    assert run._readers != [reader]


async def test_a_large_answer_that_no_thread_can_read_is_a_failed_poll(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.answer = response(as_body({"more": "x" * 100_000}))
    connections, ended = Connections(FIXED), ThreadPoolExecutor(1)
    ended.shutdown()
    monkeypatch.setattr(runtime_poll, "_READER", ended)
    target = make_target(url=vendor.url)
    run = PollRun(target, build(target), connections, FIXED)
    outcome = (await runtime_poll.poll(run)).outcome
    held = connections.pool.held.size
    await connections.close()

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.INTERNAL
    assert held == 0


async def test_a_malformed_large_answer_is_a_failed_poll(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = response(b'{"more": "' + b"x" * 100_000)
    outcome = (await poll(make_target())).outcome

    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.BAD_JSON
