"""A service with targets to probe, and a vendor that answers on command."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType

import aiohttp

from exporter.clock import Clock
from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Settings, Target
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app
from support.polling import make_target
from support.vendor import HEALTHY

TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"
UP = 'status_exporter_target_up{target="t",system="genesys_ucs"} '
POLLS = 'status_exporter_polls_total{target="t"} '


class Gate:
    """A vendor that answers only while it is open, and counts requests."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.at_once = 0
        self.most = 0
        self.answer = HEALTHY
        self.open = asyncio.Event()
        self.open.set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            try:
                await self.open.wait()
            finally:
                self.at_once -= 1
            writer.write(self.answer)
            await writer.drain()


def target(gate: Gate, name: str = "t", *, interval: float = math.inf) -> Target:
    """Make a target that is polled on probe, unless it has an interval."""
    return replace(
        make_target(url=gate.url),
        name=name,
        interval=interval,
        timeout=30.0,
        max_age=3 * interval,
    )


class Site:
    """A service that polls and serves, with a client to ask it."""

    def __init__(
        self, base: str, targets: Targets, schedule: Schedule, session: aiohttp.ClientSession
    ) -> None:
        self.base = base
        self.targets = targets
        self.probed = 0
        """How many probes have come as far as to poll, or to wait for a poll."""
        self._session = session
        self._poll_now = schedule.poll_now
        schedule.poll_now = self._count  # type: ignore[method-assign]

    async def _count(self, tracked: TargetState, max_age: float, within: float) -> None:
        self.probed += 1
        await self._poll_now(tracked, max_age, within)

    async def get(
        self, path: str, method: str = "GET", headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, str]:
        async with self._session.request(method, f"{self.base}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def raw(self, path: str, **headers: str) -> tuple[Mapping[str, str], bytes]:
        async with self._session.get(
            f"{self.base}{path}", headers=headers, auto_decompress=False
        ) as answer:
            return answer.headers, await answer.read()


@asynccontextmanager
async def site_of(*targets: Target) -> AsyncIterator[Site]:
    async with running(Settings(targets=targets), Clock()) as (live, telemetry, schedule):
        app = make_app(live, telemetry, "/metrics", schedule=schedule)
        async with listening(app, ["127.0.0.1:0"]) as (address,), aiohttp.ClientSession() as one:
            yield Site(f"http://{address}", live, schedule, one)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.005)
