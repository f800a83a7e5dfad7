"""Deadlines of requests, and which time does not count."""

import asyncio
import socket
import ssl
import threading
import time
from dataclasses import replace
from functools import partial

import pytest
import trustme

from exporter.errors import PollError, Reason
from exporter.http import opening
from exporter.http.answer import Answer
from exporter.http.client import PooledClient
from exporter.http.pool import ConnectionPool
from exporter.settings import Client, Tls
from support.pooled_requests import Outcome, request_to, silent
from support.vendor import BODY, HEALTHY, Vendor, serving


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


async def test_deadlines_pass_in_order_unless_they_are_done(pool: ConnectionPool) -> None:
    over: list[float] = []
    moments = {
        seconds: pool.deadlines.start(seconds, partial(over.append, seconds)).at
        for seconds in (0.03, 0.01, 0.05, 0.02)
    }
    pool.deadlines.start(0.001, lambda: over.append(0.001)).end()
    async with asyncio.timeout(60):
        while len(over) < 4:
            await asyncio.sleep(0.01)

    assert over == sorted(moments, key=moments.__getitem__)


async def test_deadlines_that_pass_together_are_called_in_order(pool: ConnectionPool) -> None:
    over: list[float] = []
    moments = {
        seconds: pool.deadlines.start(seconds, partial(over.append, seconds)).at
        for seconds in (0.003, 0.001, 0.005, 0.002)
    }
    time.sleep(0.05)  # noqa: ASYNC251 - the loop is held
    async with asyncio.timeout(60):
        while len(over) < 4:
            await asyncio.sleep(0.001)

    assert over == sorted(moments, key=moments.__getitem__)


async def test_a_suspended_deadline_does_not_pass(pool: ConnectionPool) -> None:
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


async def test_a_deadline_that_is_used_again_passes_once_and_at_its_last_time(
    pool: ConnectionPool,
) -> None:
    over: list[str] = []
    again = pool.deadlines.start(0.01, partial(over.append, "again"))
    for _ in range(3):
        again.end()
        again.on_over = partial(over.append, "again")
        pool.deadlines.restart(again)
    last = again.at
    async with asyncio.timeout(60):
        while not over:
            await asyncio.sleep(0.001)
    passed = asyncio.get_running_loop().time()
    await asyncio.sleep(0.05)

    assert over == ["again"]
    assert passed >= last


async def test_the_deadline_is_suspended_while_a_handshake_waits(
    client: PooledClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_MAX_HANDSHAKES", 1)
    monkeypatch.setattr(opening, "_TURN_SECONDS", 3600.0)
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    async with serving(silent) as url:
        secure = url.replace("http:", "https:")
        first, second = request_to(secure, "a"), request_to(secure, "b")
        exchange = client.start(first, (), client.pool.deadlines.start(3600.0), outcomes.put_nowait)
        client.start(second, (), client.pool.deadlines.start(0.01), outcomes.put_nowait)
        await asyncio.sleep(0.1)
        before = outcomes.qsize()
        # The handshake of the first goes on without its request.
        exchange.cancel()
        await asyncio.sleep(0.1)
        before += outcomes.qsize()
        exchange.close()
        async with asyncio.timeout(60):
            outcome = await outcomes.get()
        client.retire()

    assert before == 0
    assert isinstance(outcome, PollError)
    assert outcome.reason is Reason.TIMEOUT


async def test_no_handshake_begins_while_this_program_is_behind(
    client: PooledClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = 99
    monkeypatch.setattr(opening, "_TURN_SECONDS", 3600.0)
    monkeypatch.setattr(client.pool.multiplexer, "ready", lambda: ready)
    guests = 0

    async def count(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        nonlocal guests
        guests += 1
        await reader.read()

    async with serving(count) as url:
        secure = url.replace("http:", "https:")
        for owner in "abc":
            client.start(request_to(secure, owner), (), None, lambda _: None)
        async with asyncio.timeout(60):
            while not guests:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        first = guests
        ready = 0
        async with asyncio.timeout(60):
            while guests < 3:
                await asyncio.sleep(0.01)
        client.retire()
        client.pool.close()

    assert first == 1


async def test_an_answer_that_arrived_in_time_counts_though_it_is_read_late(
    client: PooledClient,
) -> None:
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    deadline = client.pool.deadlines.start(3600.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client.start(request_to(url), (), deadline, outcomes.put_nowait)
        peer, _ = await asyncio.to_thread(listener.accept)
        with peer:
            await asyncio.to_thread(peer.recv, 65536)
            peer.sendall(HEALTHY)
            assert deadline.on_over is not None
            deadline.on_over()

    answer = outcomes.get_nowait()
    assert isinstance(answer, Answer)
    assert answer.body == BODY


async def test_a_redirect_that_is_read_too_late_opens_no_connection(client: PooledClient) -> None:
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    deadline = client.pool.deadlines.start(3600.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        request = replace(request_to(url), redirects=5)
        client.start(request, (), deadline, outcomes.put_nowait)
        peer, _ = await asyncio.to_thread(listener.accept)
        with peer:
            await asyncio.to_thread(peer.recv, 65536)
            peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n")
            assert deadline.on_over is not None
            deadline.is_over = True
            deadline.on_over()
        await asyncio.sleep(0)  # A connection is opened in the next turn.

    assert str(outcomes.get_nowait()) == "timeout: no complete answer within 3600s"
    assert len(client.pool.multiplexer) == 0


async def test_a_handshake_that_is_read_late_leaves_the_request_its_time(
    pool: ConnectionPool,
) -> None:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    begin = threading.Event()

    def serve(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer:
            begin.wait(60)
            with context.wrap_socket(peer, server_side=True) as secure:
                secure.recv(65536)
                secure.sendall(HEALTHY)

    client = PooledClient(Client(name="", tls=Tls(ca=authority.cert_pem.bytes().decode())), pool)
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    deadline = pool.deadlines.start(3600.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = asyncio.create_task(asyncio.to_thread(serve, listener))
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        client.start(request_to(url), (), deadline, outcomes.put_nowait)
        async with asyncio.timeout(60):
            while not any(isinstance(one, opening.Opening) for one in pool.multiplexer.owners()):
                await asyncio.sleep(0)
        begin.set()
        while not pool.multiplexer.ready():
            time.sleep(0.001)  # noqa: ASYNC251 - the loop is held
        assert deadline.on_over is not None
        deadline.is_over = True
        deadline.on_over()
        is_over = deadline.is_over
        async with asyncio.timeout(60):
            answer = await outcomes.get()
        await served

    assert isinstance(answer, Answer)
    assert not is_over
