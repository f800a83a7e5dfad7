"""The HTTP client: callbacks and deadlines, who owns a connection, Unix sockets, names of hosts."""

import asyncio
import gc
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import uvloop

from exporter.errors import PollError, Reason
from exporter.http import answer_reader, opening
from exporter.http.answer import Answer
from exporter.http.client import PooledClient
from exporter.http.message import HttpRequest, make_request
from exporter.http.pool import ConnectionPool
from exporter.http.resolve import OnFound
from exporter.pipeline.request import build
from exporter.secret import Secret
from exporter.settings import Client, Tls
from support.polling import FIXED, OK, Polls, make_target, mode, result
from support.vendor import BODY, HEALTHY, Vendor, response, serving

Outcome = Answer | PollError


def request_to(url: str, owner: str = "t") -> HttpRequest:
    return replace(make_request(Client(name=""), "GET", f"{url}/", {}), owner=owner)


@pytest.fixture
async def pool() -> AsyncIterator[ConnectionPool]:
    one = ConnectionPool(FIXED)
    yield one
    one.close()
    assert len(one.multiplexer) == 0


@pytest.fixture
def client(pool: ConnectionPool) -> PooledClient:
    return PooledClient(Client(name=""), pool)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_an_outcome_is_called_back_after_start_returns(
    vendor: Vendor, client: PooledClient
) -> None:
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
async def test_a_failure_is_called_back_too(url: str, client: PooledClient) -> None:
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    client.start(request_to(url), (), None, outcomes.put_nowait)

    assert outcomes.empty()
    error = await outcomes.get()
    assert isinstance(error, PollError)
    assert error.reason is Reason.CONNECT


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
            assert str(error) == "timeout: no whole answer within 0.2s"


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


async def test_a_cancelled_request_is_never_called_back(client: PooledClient) -> None:
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    async with serving(silent) as url:
        deadline = client.pool.deadlines.start(0.01)
        client.start(request_to(url), (), deadline, outcomes.put_nowait).cancel()
        await asyncio.sleep(0.05)

    assert outcomes.empty()


def test_uvloop_will_do() -> None:
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


async def test_a_second_answer_that_comes_late_is_no_other_targets(poll: Polls) -> None:
    """As a gateway sends it that gave up on a server too early."""
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


async def test_headers_of_an_interim_answer_and_trailers_are_not_the_answers(
    vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = (
        b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\nContent-Encoding: br\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"15\r\n" + BODY + b"\r\n0\r\nContent-Encoding: br\r\nContent-Type: text/html\r\n\r\n"
    )

    assert result(await poll(make_target())) == OK


async def test_bodies_have_a_limit_together(
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
        deadline = pool.deadlines.start(0.5)
        held = asyncio.create_task(client.fetch(stalls, (), deadline))
        async with asyncio.timeout(60):
            while pool.held.size < 800_000:
                await asyncio.sleep(0.01)
        with pytest.raises(PollError, match="too_large: all answers"):
            await client.fetch(replace(stalls, owner="b"), ())
        answer = await client.fetch(request_to(url, "c"), ())
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


async def test_the_longest_idle_connection_makes_room(
    monkeypatch: pytest.MonkeyPatch, vendor: Vendor, client: PooledClient
) -> None:
    vendor.answer = HEALTHY
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4, 4))  # Three, and one in reserve.
    for owner in "abcad":
        await client.fetch(request_to(vendor.url, owner), ())

    assert sorted(client.idle) == ["a", "c", "d"]
    assert vendor.connections == 4


async def test_connections_of_a_retired_client_close_at_once(
    vendor: Vendor, client: PooledClient
) -> None:
    vendor.answer = HEALTHY
    await client.fetch(request_to(vendor.url), ())
    client.retire()

    assert len(client.pool.multiplexer) == 0


async def test_a_connection_that_comes_too_late_serves_the_next_request(
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


@asynccontextmanager
async def unix_serving(vendor: Vendor, path: Path) -> AsyncIterator[None]:
    server = await asyncio.start_unix_server(vendor.handle, str(path))
    try:
        yield
    finally:
        server.close()


async def test_a_unix_socket_is_polled(vendor: Vendor, poll: Polls, tmp_path: Path) -> None:
    vendor.answer = HEALTHY
    path = tmp_path / "vendor.sock"
    target = make_target(
        url="http://vendor.example", client=Client(name="c", unix_socket=str(path))
    )
    async with unix_serving(vendor, path):
        outcomes = [result(await poll(target)) for _ in range(2)]

    assert outcomes == [OK, OK]
    assert vendor.connections == 1
    assert "\r\nHost: vendor.example\r\n" in vendor.requests[0]


async def test_a_unix_socket_that_is_not_there_is_no_connection(
    poll: Polls, tmp_path: Path
) -> None:
    client = Client(name="c", unix_socket=str(tmp_path / "vendor.sock"))

    assert result(await poll(make_target(url="http://v", client=client))) == (
        "connect: no connection: No such file or directory"
    )


def host_of(url: str, client: Client) -> str:
    (request,) = build(make_target(url=url, client=client))
    lines = [line for line in request.head.decode().split("\r\n") if line.startswith("Host:")]
    assert len(lines) == 1
    return lines[0].removeprefix("Host: ")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://10.0.0.1:8443", "ucs.example.com:8443"),
        ("https://10.0.0.1", "ucs.example.com"),
        ("http://10.0.0.1", "10.0.0.1"),
    ],
)
def test_the_server_name_of_tls_is_the_host_as_well(url: str, expected: str) -> None:
    assert host_of(url, Client(name="c", tls=Tls(server_name="ucs.example.com"))) == expected


@pytest.mark.parametrize("zone", ["%25lo", "%lo"])
async def test_the_zone_of_an_address_does_not_leave_the_machine(
    zone: str, vendor: Vendor, poll: Polls
) -> None:
    assert host_of(f"http://[::1{zone}]:18081", Client(name="c")) == "[::1]:18081"
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        server = await asyncio.start_server(vendor.handle, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    vendor.answer = HEALTHY
    port = server.sockets[0].getsockname()[1]

    assert result(await poll(make_target(url=f"http://[::1{zone}]:{port}"))) == OK
    assert f"\r\nHost: [::1]:{port}\r\n" in vendor.requests[0]
    server.close()


async def test_a_client_may_name_the_host(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    client = Client(name="c", http_headers=(("Host", (Secret("my.example.org", is_plain=True),)),))

    assert result(await poll(make_target(client=client))) == OK
    assert vendor.requests[0].count("Host: ") == 1
    assert "\r\nHost: my.example.org\r\n" in vendor.requests[0]
