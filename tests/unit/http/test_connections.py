"""Connections: kept for a target, retried when refused, sent through a proxy."""

import asyncio
import socket
from base64 import b64encode
from dataclasses import replace

import pytest

from exporter.errors import PollError
from exporter.http.client import PooledClient
from exporter.http.connections import Connections
from exporter.http.multiplexer import READABLE
from exporter.pipeline.request import build
from exporter.runtime.poll_run import PollRun
from exporter.runtime.poll_run import poll as poll_once
from exporter.secret import Secret
from exporter.settings import Client
from support.polling import FIXED, OK, Polls, make_target, result
from support.pooled_requests import request_to
from support.process import unused_port
from support.vendor import BODY, HEALTHY, Vendor, open_vendor, response, serving


async def test_a_refused_connection_is_tried_again_at_the_next_poll(poll: Polls) -> None:
    port = unused_port()
    target = make_target(url=f"http://127.0.0.1:{port}")
    actual = result(await poll(target))
    vendor = Vendor()
    vendor.answer = HEALTHY

    assert actual.startswith("connect: no connection: ")
    async with serving(vendor.handle, port):
        assert result(await poll(target)) == OK


@pytest.mark.usefixtures("own_names")
async def test_an_unknown_host_name_is_reported(poll: Polls) -> None:
    actual = result(await poll(make_target(url="http://nonexistent.invalid")))

    assert actual == "connect: the host name nonexistent.invalid cannot be resolved"


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".invalid"])
async def test_an_invalid_host_name_fails_to_connect(host: str, poll: Polls) -> None:
    actual = result(await poll(make_target(url=f"http://{host}")))

    assert actual.startswith("connect: ")


async def test_polls_of_a_target_use_one_connection(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    client = Client(name="shared")
    for name in ("a", "b", "a"):
        assert result(await poll(replace(make_target(client=client), name=name))) == OK

    assert vendor.connections == 2
    assert {one.partition("\r\n")[0] for one in vendor.requests} == {"GET /server/status HTTP/1.1"}


async def test_an_answer_in_the_turn_of_a_cancellation_is_no_crash(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connections = Connections(FIXED)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = make_target(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
        task = asyncio.create_task(poll_once(PollRun(target, build(target), connections, FIXED)))
        peer, _ = await asyncio.to_thread(listener.accept)
        with peer:
            await asyncio.to_thread(peer.recv, 65536)
            peer.sendall(HEALTHY)
            task.cancel()
            for one in connections.pool.multiplexer.owners():
                connections.pool.multiplexer.handle(one, READABLE)
            with pytest.raises(asyncio.CancelledError):
                await task
    await connections.close()

    assert caplog.messages == []


class Guests(Vendor):
    """A vendor that knows how many of its connections are open."""

    open = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            await super().handle(reader, writer)
        finally:
            self.open -= 1

    async def left(self) -> None:
        async with asyncio.timeout(60):
            while self.open:
                await asyncio.sleep(0.01)


async def test_an_unused_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.http.pool._KEEP_ALIVE_SECONDS", 0.0)
    monkeypatch.setattr("exporter.http.pool._SWEEP_SECONDS", 0.01)
    guests, connections = Guests(), Connections(FIXED)
    guests.answer = HEALTHY
    async with serving(guests.handle) as url:
        target = make_target(url=url)
        first = result(await poll_once(PollRun(target, build(target), connections, FIXED)))
        await guests.left()
        second = result(await poll_once(PollRun(target, build(target), connections, FIXED)))
        await connections.close()

    assert (first, second, guests.connections) == (OK, OK, 2)


async def test_connections_of_a_removed_or_changed_client_are_closed() -> None:
    guests, connections = Guests(), Connections(FIXED)
    guests.answer = HEALTHY
    async with serving(guests.handle) as url:
        target = make_target(url=url, client=Client(name="c"))
        changed = replace(target, client=Client(name="c", http_headers=(("X-A", ()),)))
        for one in (target, replace(target, client=Client(name="c")), changed):
            assert result(await poll_once(PollRun(one, build(one), connections, FIXED))) == OK
        at_work = guests.connections
        connections.prune({changed.client})
        assert result(await poll_once(PollRun(changed, build(changed), connections, FIXED))) == OK
        connections.prune({Client(name="other")})
        await guests.left()
        await connections.close()

    assert at_work == guests.connections == 2


async def test_concurrent_requests_of_a_target_keep_one_connection(client: PooledClient) -> None:
    guests = Guests()
    guests.answer = HEALTHY
    async with serving(guests.handle) as url:
        await asyncio.gather(*(client.fetch(request_to(url), ()) for _ in range(3)))
        async with asyncio.timeout(60):
            while guests.open > 1:
                await asyncio.sleep(0.01)
        await client.fetch(request_to(url), ())
        client.retire()

    assert guests.connections == 3


async def test_only_so_many_connections_to_a_server_are_kept(
    client: PooledClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.http.pool._MAX_KEPT_PER_HOST", 2)
    guests = Guests()
    guests.answer = HEALTHY
    async with serving(guests.handle) as url:
        requests = [request_to(url, owner) for owner in "abc"]
        for _ in range(2):
            for request in requests:
                assert (await client.fetch(request, ())).body == BODY
        async with asyncio.timeout(60):
            while guests.open > 2:
                await asyncio.sleep(0.01)
        client.retire()

    assert guests.connections == 4


async def test_a_connection_that_opens_after_its_client_is_retired_is_not_kept(
    client: PooledClient,
) -> None:
    guests = Guests()
    guests.answer = HEALTHY
    async with serving(guests.handle) as url:
        answer = asyncio.create_task(client.fetch(request_to(url), ()))
        await asyncio.sleep(0)
        client.retire()
        assert (await answer).body == BODY
        await guests.left()

    assert guests.connections == 1


async def test_clients_do_not_share_connections(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    for name in ("a", "b"):
        assert result(await poll(make_target(client=Client(name=name)))) == OK

    assert vendor.connections == 2


@pytest.mark.parametrize("when", ["after the answer", "at the next request"])
async def test_a_kept_connection_that_was_closed_fails_no_poll(when: str, poll: Polls) -> None:
    connections = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEALTHY)
        await writer.drain()
        if when == "at the next request":
            await reader.readuntil(b"\r\n\r\n")

    async with serving(handle) as url:
        actual = [result(await poll(make_target(url=url))) for _ in range(3)]

    assert actual == [OK] * 3
    assert connections == 3


async def test_cookies_are_not_kept(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = response(BODY, more="Set-Cookie: session=1; Path=/\r\n")
    for _ in range(2):
        assert result(await poll(make_target())) == OK

    assert "cookie" not in "".join(vendor.requests).lower()


async def test_proxies_of_the_environment_are_ignored(
    vendor: Vendor, poll: Polls, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.answer = HEALTHY
    async with open_vendor() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)

        assert result(await poll(make_target())) == OK
        assert proxy.requests == []


def proxied(vendor: Vendor, scheme: str = "http") -> tuple[str, Client]:
    """Return a URL that only a proxy could reach, and a client with the vendor as its proxy."""
    url = vendor.url.replace("://", "://monitor:canary-8271%40@")
    return f"{scheme}://nonexistent.invalid", Client(name="", proxy_url=Secret(url))


async def test_a_proxy_gets_its_user_and_password(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    url, client = proxied(vendor)

    assert result(await poll(make_target(url=url, client=client))) == OK
    token = b64encode(b"monitor:canary-8271@").decode()
    assert vendor.requests[0].startswith("GET http://nonexistent.invalid/server/status HTTP/1.1")
    assert f"\r\nProxy-Authorization: Basic {token}\r\n" in vendor.requests[0]


@pytest.mark.parametrize(
    "scheme",
    [
        "https",
        "http",
    ],
)
async def test_a_refusal_of_the_proxy_is_reported(scheme: str, vendor: Vendor, poll: Polls) -> None:
    vendor.answer = response(b"", status="407 Proxy Authentication Required")
    url, client = proxied(vendor, scheme)

    actual = result(await poll(make_target(url=url, client=client)))

    assert actual == "connect: the proxy answered HTTP 407"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_down_is_reported(scheme: str, poll: Polls) -> None:
    vendor = Vendor()
    vendor.url = f"http://127.0.0.1:{unused_port()}"
    url, client = proxied(vendor, scheme)

    actual = result(await poll(make_target(url=url, client=client)))

    assert actual == "connect: no connection to the proxy"


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("value", "between"),
    [
        ("7", (7, 7)),
        ("0", (0, 0)),
        ("99999999999999999999", (999_999_999, 999_999_999)),
        ("soon", (0, 0)),
        ("-5", (0, 0)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", (0, 0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", (1e9, 1e12)),
    ],
)
async def test_retry_after_is_read(
    status: str, value: str, between: tuple[float, float], vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = response(b"", status=status, more=f"Retry-After: {value}\r\n")
    outcome = (await poll(make_target())).outcome

    assert isinstance(outcome, PollError)
    assert between[0] <= outcome.retry_after <= between[1]


async def test_retry_after_is_ignored_with_other_statuses(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = response(b"", status="404 Not Found", more="Retry-After: 7\r\n")
    outcome = (await poll(make_target())).outcome

    assert isinstance(outcome, PollError)
    assert outcome.retry_after == 0


async def test_a_host_may_be_a_name(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    url = vendor.url.replace("127.0.0.1", "localhost")
    first, second = (
        result(await poll(make_target(url=url))),
        result(await poll(make_target(url=url))),
    )

    assert (first, second) == (OK, OK)
    assert vendor.connections == 1
    assert "\r\nHost: localhost:" in vendor.requests[0]
