"""Where a client connects and which Host it sends: Unix sockets, server names, zones."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.pipeline.request import build
from exporter.secret import Secret
from exporter.settings import Client, Tls
from support.polling import OK, Polls, make_target, result
from support.vendor import HEALTHY, Vendor


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


async def test_a_missing_unix_socket_fails_to_connect(poll: Polls, tmp_path: Path) -> None:
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
def test_the_tls_server_name_is_sent_as_host(url: str, expected: str) -> None:
    assert host_of(url, Client(name="c", tls=Tls(server_name="ucs.example.com"))) == expected


@pytest.mark.parametrize("zone", ["%25lo", "%lo"])
async def test_the_zone_of_an_address_is_not_sent(zone: str, vendor: Vendor, poll: Polls) -> None:
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


async def test_a_header_of_the_client_replaces_host(vendor: Vendor, poll: Polls) -> None:
    vendor.answer = HEALTHY
    client = Client(name="c", http_headers=(("Host", (Secret("my.example.org", is_plain=True),)),))

    assert result(await poll(make_target(client=client))) == OK
    assert vendor.requests[0].count("Host: ") == 1
    assert "\r\nHost: my.example.org\r\n" in vendor.requests[0]
