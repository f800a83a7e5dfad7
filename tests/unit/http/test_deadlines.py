"""Deadlines of requests, and what does not count against them."""

import asyncio
import time
from functools import partial

import pytest

from exporter.errors import PollError, Reason
from exporter.http import opening
from exporter.http.answer import Answer
from exporter.http.client import PooledClient
from exporter.http.pool import ConnectionPool
from support.pooled_requests import Outcome, request_to, silent
from support.vendor import HEALTHY, Vendor, serving


async def test_a_deadline_ends_requests_one_after_the_other(
    vendor: Vendor, client: PooledClient
) -> None:
    vendor.answer = HEALTHY
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    deadline = client.pool.deadlines.start(0.2)
    client.start(request_to(vendor.url), (), deadline, outcomes.put_nowait)
    assert isinstance(await outcomes.get(), Answer)
    async with serving(silent) as url:
        for _ in range(2):  # The second one begins when the time is over.
            client.start(request_to(url), (), deadline, outcomes.put_nowait)
            error = await outcomes.get()
            assert str(error) == "timeout: no complete answer within 0.2s"


async def test_deadlines_end_in_their_order_and_ended_ones_never(pool: ConnectionPool) -> None:
    over: list[float] = []
    for seconds in (0.03, 0.01, 0.05, 0.02):
        pool.deadlines.start(seconds, partial(over.append, seconds))
    pool.deadlines.start(0.001, lambda: over.append(0.001)).end()
    async with asyncio.timeout(60):
        while len(over) < 4:
            await asyncio.sleep(0.01)

    assert over == [0.01, 0.02, 0.03, 0.05]


async def test_deadlines_that_pass_together_end_in_their_order(pool: ConnectionPool) -> None:
    over: list[float] = []
    for seconds in (0.003, 0.001, 0.005, 0.002):
        pool.deadlines.start(seconds, partial(over.append, seconds))
    time.sleep(0.05)  # noqa: ASYNC251 - the loop is held
    async with asyncio.timeout(60):
        while len(over) < 4:
            await asyncio.sleep(0.001)

    assert over == [0.001, 0.002, 0.003, 0.005]


async def test_a_deadline_passes_no_time_while_it_is_suspended(pool: ConnectionPool) -> None:
    over: list[str] = []
    suspended = pool.deadlines.start(0.001, partial(over.append, "suspended"))
    suspended.suspend()
    pool.deadlines.start(0.01, partial(over.append, "other"))
    async with asyncio.timeout(60):
        while not over:
            await asyncio.sleep(0.001)
        pool.deadlines.restart(suspended)
        while len(over) < 2:
            await asyncio.sleep(0.001)

    assert over == ["other", "suspended"]


async def test_waiting_for_a_handshakes_turn_is_not_the_servers_fault(
    client: PooledClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_MAX_HANDSHAKES", 1)
    monkeypatch.setattr(opening, "_HANDSHAKE_TURN_SECONDS", 3600.0)
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    async with serving(silent) as url:
        secure = url.replace("http:", "https:")
        first, second = request_to(secure, "a"), request_to(secure, "b")
        exchange = client.start(first, (), client.pool.deadlines.start(3600.0), outcomes.put_nowait)
        client.start(second, (), client.pool.deadlines.start(0.01), outcomes.put_nowait)
        await asyncio.sleep(0.1)
        before = outcomes.qsize()
        # The connection of the first goes on without it until the client is retired.
        exchange.cancel()
        client.pool.handshakes.leave(client.left["a"])
        async with asyncio.timeout(60):
            outcome = await outcomes.get()
        client.retire()

    assert before == 0
    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.TIMEOUT
