"""The simulator on loopback, with a clock and faults that a test controls."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestClient
from aiohttp.typedefs import Handler

from exporter.simulator.app import SimulatedServers, make_app
from support.process import run

MORNING = 1710752400.0
SWITCH_SECONDS = 60.0

CONFIG = """\
clients:
  monitor: {basic_auth: {username: monitor, password: monitor-demo}}
  operator: {basic_auth: {username: admin, password: admin-demo}}
  guest: {basic_auth: {username: guest, password: guest-demo}}
targets:
  - {name: ucs-ams, system: genesys_ucs, url: "URL/cv", client: monitor, operator_client: operator, labels: {site: ams}}
  - {name: mdw, system: mdworkbench, url: "URL", client: operator, labels: {site: lab}}
  - {name: ucs-lab, system: genesys_ucs, url: "URL/cv", client: operator, labels: {site: lab}}
  - {name: pbx, system: webitel, url: "URL", labels: {site: ams}}
"""


SimulatorClient = TestClient[web.Request, web.Application]


class HandClock:
    """A clock for the simulator that tests advance."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@dataclass
class Seen:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Hook = Callable[[web.Request], Awaitable[None]]


class Stage:
    """The simulator on loopback, with a clock that tests advance."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.url = ""
        self.clock = HandClock(MORNING)
        self.world = SimulatedServers(clock=self.clock, seed=1, switch_seconds=SWITCH_SECONDS)
        self.seen: list[Seen] = []
        self.answer: web.Response | None = None
        """The answer to each write, which is not applied; None to apply it."""
        self.loses_answer = False
        """Whether the connection breaks after a write was applied."""
        self.holds_answer = False
        """Whether a write is applied and not answered."""
        self.reads_until_over = 1
        """Number of reads after a write until the clock advances past a switch and every launch."""
        self._reads_after = 0

    @property
    def writes(self) -> list[Seen]:
        return [one for one in self.seen if one.method != "GET"]

    @property
    def reads(self) -> list[Seen]:
        return [one for one in self.seen if one.method == "GET"]

    def write_config(self, text: str = CONFIG) -> None:
        self.config.write_text(text.replace("URL", self.url), encoding="utf-8")

    @web.middleware
    async def play(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Record the request, and fail where the test says so."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.path_qs, headers, body))
        if request.method == "GET":
            if self.writes:
                self._reads_after += 1
                if self._reads_after > self.reads_until_over:
                    self.clock.now += 1000.0
            return await handler(request)
        self._reads_after = 0
        if self.answer is not None:
            return self.answer
        answer = await handler(request)
        if self.holds_answer:
            await asyncio.Event().wait()
        if self.loses_answer and request.transport is not None:
            request.transport.close()
        return answer


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """Serve the simulator within the context."""
    stage = Stage(folder / "config.yaml")
    app = make_app(stage.world)
    app.middlewares.insert(0, stage.play)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stage.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    stage.write_config()
    try:
        yield stage
    finally:
        await runner.cleanup()


async def setting(stage: Stage, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `set` with the stage's configuration."""
    return await asyncio.to_thread(run, "set", *words, "--config.file", str(stage.config))
