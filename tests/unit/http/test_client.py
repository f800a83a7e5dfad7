"""The HTTP client: callbacks, who owns a connection, and limits of bodies and connections."""

import asyncio
import gc
import resource
import tracemalloc
from dataclasses import replace

import pytest
import uvloop

from exporter.errors import PollError, Reason
from exporter.http import answer_reader
from exporter.http.answer import Answer
from exporter.http.client import PooledClient
from exporter.http.pool import ConnectionPool
from exporter.http.resolve import OnFound
from exporter.settings import Client
from support.polling import FIXED, OK, Polls, make_target, mode, result
from support.pooled_requests import Outcome, request_to, silent
from support.vendor import BODY, HEALTHY, Vendor, response, serving


async def test_the_callback_comes_after_start_returns(vendor: Vendor, client: PooledClient) -> None:
    vendor.answer = HEALTHY
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    for _ in range(3):
        client.start(request_to(vendor.url), (), None, outcomes.put_nowait)
        assert outcomes.empty()
        answer = await outcomes.get()
        assert isinstance(answer, Answer)
        assert answer.body == BODY

    assert vendor.connections == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nonexistent.invalid"])
async def test_a_failure_calls_back_after_start_returns(url: str, client: PooledClient) -> None:
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    client.start(request_to(url), (), None, outcomes.put_nowait)

    assert outcomes.empty()
    error = await outcomes.get()
    assert isinstance(error, PollError)
    assert error.reason is Reason.CONNECT


async def test_a_cancelled_request_calls_nothing_back(client: PooledClient) -> None:
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    async with serving(silent) as url:
        deadline = client.pool.deadlines.start(0.01)
        client.start(request_to(url), (), deadline, outcomes.put_nowait).cancel()
        await asyncio.sleep(0.05)

    assert outcomes.empty()


def test_the_client_works_with_uvloop() -> None:
    async def fetch() -> bytes:
        pool, vendor = ConnectionPool(FIXED), Vendor()
        vendor.answer = HEALTHY
        async with serving(vendor.handle) as url:
            client = PooledClient(Client(name=""), pool)
            answers = [await client.fetch(request_to(url), ()) for _ in range(2)]
        pool.close()
        assert vendor.connections == 1
        return answers[1].body

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(fetch()) == BODY


async def test_a_late_second_answer_is_not_read_as_that_of_another_target(poll: Polls) -> None:
    """Gateways that give up on a server too early send two answers."""
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            body = b'{"mode":"maintenance"}' if b"/a/" in head else BODY
            writer.write(response(body))
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(response(body))
            await writer.drain()

    async with serving(handle) as url:
        client = Client(name="c")
        a, b = (
            replace(make_target(url=f"{url}/{name}", client=client), name=name) for name in "ab"
        )
        seen = []
        for _ in range(5):
            seen.append((mode(await poll(a)), mode(await poll(b))))
            await asyncio.sleep(0.02)

    assert set(seen) == {("maintenance", "production")}
    assert connections > 2


async def test_headers_of_interim_answers_and_trailers_are_ignored(
    vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = (
        b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\nContent-Encoding: br\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"15\r\n" + BODY + b"\r\n0\r\nContent-Encoding: br\r\nContent-Type: text/html\r\n\r\n"
    )

    assert result(await poll(make_target())) == OK


async def test_all_incomplete_bodies_share_a_limit(
    monkeypatch: pytest.MonkeyPatch, pool: ConnectionPool, client: PooledClient
) -> None:
    monkeypatch.setattr(answer_reader, "_MAX_HELD", 1_000_000)
    large, small = response(b" " * 900_000), response(b" " * 5_000)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        stalls = b"stalls" in head
        writer.write(large[:-9] if stalls else small[:99])
        await writer.drain()
        if not stalls:
            await asyncio.sleep(0.05)
            writer.write(small[99:])
        await reader.read()

    async with serving(handle) as url:
        stalls = request_to(url, "a").at(f"{url}/stalls", "")
        deadline = pool.deadlines.start(3600.0)
        held = asyncio.create_task(client.fetch(stalls, (), deadline))
        async with asyncio.timeout(60):
            while pool.held.size < 800_000:
                await asyncio.sleep(0.01)
        with pytest.raises(PollError, match="too_large: all answers"):
            await client.fetch(replace(stalls, owner="b"), ())
        answer = await client.fetch(request_to(url, "c"), ())
        assert deadline.on_over is not None
        deadline.on_over()
        with pytest.raises(PollError, match="timeout: "):
            await held

    assert len(answer.body) == 5_000
    assert pool.held.size == 0


async def test_what_was_read_is_freed_at_once(client: PooledClient) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(50_000))
        await writer.drain()

    def readers() -> int:
        return sum(isinstance(one, answer_reader.AnswerReader) for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = readers()
        async with serving(handle) as url:
            for _ in range(5):
                with pytest.raises(PollError, match="too_large: "):
                    await client.fetch(request_to(url), ())
        after = readers()
    finally:
        gc.enable()

    assert after <= before + 1


def test_headers_that_are_not_read_take_no_memory() -> None:
    headers = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 1000) for number in range(50))
    reader = answer_reader.AnswerReader(request_to("http://h"), answer_reader.BodyBudget())
    tracemalloc.start()
    try:
        is_done = reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n%b\r\n" % headers)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert not is_done
    assert size < 10_000


async def test_the_longest_idle_connection_makes_room(
    monkeypatch: pytest.MonkeyPatch, vendor: Vendor, client: PooledClient
) -> None:
    vendor.answer = HEALTHY
    moments = iter(range(1, 100))
    monkeypatch.setattr(client.pool, "wall", lambda: next(moments))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (6, 6))  # Three, and three in reserve.
    for owner in "abcad":
        await client.fetch(request_to(vendor.url, owner), ())

    assert sorted(client.connections) == ["a", "c", "d"]
    assert vendor.connections == 4


async def test_connections_of_a_retired_client_close_at_once(
    vendor: Vendor, client: PooledClient
) -> None:
    vendor.answer = HEALTHY
    await client.fetch(request_to(vendor.url), ())
    client.retire()

    assert len(client.pool.multiplexer) == 0


async def test_a_connection_opened_too_late_serves_the_next_request(
    monkeypatch: pytest.MonkeyPatch, vendor: Vendor, client: PooledClient
) -> None:
    vendor.answer = HEALTHY
    url = vendor.url.replace("127.0.0.1", "localhost")
    held: list[tuple[str, int]] = []
    look_up = client.pool.resolver.look_up

    def delayed(host: str, port: int, on_found: OnFound) -> None:
        held.append((host, port))
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, look_up, host, port, on_found)

    monkeypatch.setattr(client.pool.resolver, "look_up", delayed)
    with pytest.raises(PollError, match="timeout: "):
        await client.fetch(request_to(url), (), client.pool.deadlines.start(0.01))
    answer = await client.fetch(request_to(url), ())

    assert answer.body == BODY
    assert (len(held), vendor.connections) == (1, 1)
