"""The options of the tests, and the fixtures that several folders share.

`unit/` mirrors `exporter/`, and has the tests of files that are only read: `deploy/`, `docs/`,
`grafana/`, `soak/`. `service/` runs the whole service or the program as a process. `external/`
needs other programs or much time. `support/` has shared helpers, and `data/` the data.
"""

import gc
import logging
import os
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from exporter.http.connections import Connections
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.poll_run import PollRun
from exporter.runtime.poll_run import poll as poll_once
from exporter.settings import Target
from support.polling import FIXED, NOW, Hand, Poller, Polls
from support.scripted_site import Site, open_site
from support.simulator_stage import Stage, staged
from support.tools import ToolPolicy
from support.vendor import Vendor, open_vendor

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
    parser.addoption(
        "--require-tools", action="store_true", help="fail, not skip, where a program is missing"
    )


def pytest_configure(config: pytest.Config) -> None:
    ToolPolicy.required = config.getoption("--require-tools")


@pytest.fixture(autouse=True)
def _same_process() -> Iterator[None]:
    """Undo the changes that a command made to this process, for later tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    # Hypothesis looks for references to what it has just made, and finds none of frozen objects.
    gc.unfreeze()


@pytest.fixture
def renew(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--renew"))


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    async with open_vendor() as one:
        yield one


@pytest.fixture
async def poll(vendor: Vendor) -> AsyncIterator[Polls]:
    """Poll a target once; one without a real URL is sent to the vendor."""
    connections = Connections(FIXED)

    async def one(target: Target) -> PollResult:
        if target.url == "http://127.0.0.1:1":
            target = replace(target, url=vendor.url)
        return await poll_once(PollRun(target, build(target), connections, FIXED))

    yield one
    await connections.close()


@pytest.fixture
def hand() -> Hand:
    return Hand(NOW)


@pytest.fixture
async def poller(hand: Hand) -> AsyncIterator[Poller]:
    """Poll on a clock that is moved by hand."""
    one = Poller(hand)
    yield one
    await one.connections.close()


@pytest.fixture
def own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve no name in .invalid, independently of the machine's name server."""
    find = socket.getaddrinfo

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        if re.fullmatch(r"[a-z]{1,63}\.invalid", host):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return find(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def any_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a configuration poll often, with a timeout that a busy machine does not exceed."""
    monkeypatch.setattr("exporter.config.target_models._check_timeout", lambda timeout, *_: timeout)


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
        one.settimeout(60)
        yield one, address


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as one:
        yield one
