"""The options of the tests, and the fixtures that several folders share.

`unit/` mirrors `exporter/`, and beside it what is tested by reading it: `deploy/`, `docs/`,
`grafana/`, `soak/`. `service/` runs the whole service or the program as a process. `external/` needs
other programs or much time. `support/` is what they share, and `data/` what they read.
"""

import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.poll.cycle import poll as poll_once
from exporter.poll.fetch import Connections
from exporter.poll.request import build
from exporter.poll.snapshot import Poll
from exporter.settings import Target
from support.polling import FIXED, NOW, Hand, Poller, Polls, Sessions
from support.scripted_site import Site, open_site
from support.tools import ToolPolicy
from support.vendor import Vendor, open_vendor


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew", action="store_true", help="write the golden files anew")
    parser.addoption(
        "--require-tools", action="store_true", help="fail, not skip, where a program is missing"
    )


def pytest_configure(config: pytest.Config) -> None:
    ToolPolicy.required = config.getoption("--require-tools")


@pytest.fixture
def renew(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--renew"))


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with open_vendor() as one:
        yield one


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
async def site() -> AsyncIterator[Site]:
    async with open_site() as one:
        yield one


@pytest.fixture(params=["path", "abstract"])
def inbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Listen as systemd does, and name the address."""
    name = f"@status-exporter-{os.getpid()}-{time.monotonic_ns()}"
    address = str(tmp_path / "notify") if request.param == "path" else name
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(address.replace("@", "\0"))
        one.settimeout(30)
        yield one, address
