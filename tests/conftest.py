"""What many tests need: a vendor that replays bytes, a target that polls it, a fixed clock."""

import asyncio
import os
import re
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from logins import Hand, Poller, Site, open_site
from pytest_aiohttp import AiohttpClient

from exporter.clock import Clock
from exporter.poll.cycle import poll as poll_once
from exporter.poll.fetch import Connections, Kept
from exporter.poll.request import build
from exporter.poll.snapshot import Poll
from exporter.settings import Client, Target
from exporter.simulator.app import World, make_app
from exporter.systems import SYSTEMS

NOW = 1710753164.25
"""2024-03-18T09:12:44.25Z, shortly after the recordings were made."""

FIXED = Clock(wall=lambda: NOW, monotonic=lambda: 1000.0)

PARAMS = {
    "clanforge": {"serverid": "1200345", "query_info": "true", "match_info": "false"},
    "clanforge_fleet": {"accountserviceid": "42", "query_info": "1", "match_info": "false"},
}


# Help texts and progress bars are wrapped at the width of the terminal, here and in programs that
# tests start.
os.environ["COLUMNS"] = "80"

# Without a deadline, and without the health check that times the making of examples: both measure
# how busy the machine is. The examples are the same in each run, so that a commit that passed today
# passes tomorrow and anywhere. New ones are what `make fuzz` is for, and
# `pytest --hypothesis-profile=explore`.
hypothesis.settings.register_profile(
    "explore", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "suite", hypothesis.settings.get_profile("explore"), derandomize=True
)
hypothesis.settings.load_profile("suite")


LONGEST_TEST = 900
"""Seconds. A busy machine comes nowhere near; without it, a test that hangs would not fail."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    def fail(*_: object) -> None:
        pytest.fail(f"{item.nodeid} did not end within {LONGEST_TEST} s")

    signal.signal(signal.SIGALRM, fail)
    signal.alarm(LONGEST_TEST)
    try:
        return (yield)
    finally:
        signal.alarm(0)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew", action="store_true", help="write the golden files anew")


@pytest.fixture
def renew(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--renew"))


def make_target(
    system: str = "genesys_ucs",
    url: str = "http://127.0.0.1:1",
    *,
    client: Client | None = None,
    params: Mapping[str, str] | None = None,
    timeout: float = 5.0,
) -> Target:
    """Make a target with nothing special about it."""
    return Target(
        name="t",
        system=SYSTEMS[system],
        url=url,
        client=client or Client(name=""),
        params=params if params is not None else PARAMS.get(system, {}),
        interval=15.0,
        timeout=timeout,
        max_age=45.0,
    )


def response(
    body: bytes, content_type: str = "application/json", *, status: str = "200 OK", more: str = ""
) -> bytes:
    """Write a whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}"
    if content_type:
        head += f"Content-Type: {content_type}\r\n"
    return head.encode() + b"\r\n" + body


def recorded(path: Path) -> bytes | None:
    """Return the HTTP answer a recording stands for, or None where the vendor never answers."""
    raw = path.read_bytes()
    if path.suffix == ".http":
        head, _, body = raw.partition(b"\n\n")
        lines = [
            line for line in head.split(b"\n") if not line.lower().startswith(b"content-length")
        ]
        lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body
    if raw.startswith(b"(no bytes"):
        return None
    content_type = "application/xml" if path.suffix == ".xml" else "application/json"
    return response(raw, content_type)


class Vendor:
    """A server on loopback that gives every request the same bytes and keeps what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.answer: bytes | None = b""
        self.requests: list[str] = []
        self.connections = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                if self.answer is None:
                    await reader.read()  # Until the client gives up.
                    return
                writer.write(self.answer)
                await writer.drain()
                if b"connection: close" in self.answer.lower():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def open_vendor() -> AsyncIterator[Vendor]:
    """Start a vendor and stop it."""
    vendor = Vendor()
    server = await asyncio.start_server(vendor.handle, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with open_vendor() as one:
        yield one


Polls = Callable[[Target], Awaitable[Poll]]


class Sessions(Connections):
    """Sends everything through the client that can do everything."""

    def _make(self, client: Client, *, plain: bool) -> Kept:
        del plain
        return super()._make(client, plain=False)


@pytest.fixture(params=[Connections, Sessions], ids=["plain", "session"])
async def poll(vendor: Vendor, request: pytest.FixtureRequest) -> AsyncIterator[Polls]:
    """Poll a target once, by either client; one without a real URL is sent to the vendor."""
    connections: Connections = request.param(FIXED)

    async def one(target: Target) -> Poll:
        if target.url == "http://127.0.0.1:1":
            target = replace(target, url=vendor.url)
        return await poll_once(target, build(target), connections, FIXED)

    yield one
    await connections.close()


@pytest.fixture
def hand() -> Hand:
    return Hand(NOW)


@pytest.fixture(params=[Connections, Sessions], ids=["plain", "session"])
async def poller(request: pytest.FixtureRequest, hand: Hand) -> AsyncIterator[Poller]:
    """Poll by either client, on a clock that is moved by hand."""
    one = Poller(request.param, hand)
    yield one
    await one.connections.close()


@pytest.fixture
def own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know that names in .invalid do not exist, whatever the machine's name server says or takes."""
    find = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if re.fullmatch(r"[a-z]{1,63}\.invalid", host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def any_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a configuration poll often with a timeout that a busy machine does not reach."""
    monkeypatch.setattr("exporter.config.targets._checked_timeout", lambda timeout, *_: timeout)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as one:
        yield one


class HandClock:
    """A clock for the simulator that stands still until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


SimulatorClient = TestClient[web.Request, web.Application]


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> HandClock:
    """Stand at the moment the test's module names as MORNING."""
    return HandClock(request.module.MORNING)


@pytest.fixture
def world(clock: HandClock) -> World:
    return World(clock=clock, seed=1)


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, world: World) -> SimulatorClient:
    return await aiohttp_client(make_app(world))
