"""The status page and the API of four targets, and what a test records of them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp

from exporter.declare.extraction import Extraction, Sample
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app
from support.polling import NOW, Hand, make_target

SCRIPT = '<script>"&\u202e'


class Site:
    """A running site with its targets."""

    def __init__(
        self, base: str, targets: Targets, session: aiohttp.ClientSession, hand: Hand
    ) -> None:
        self._base = base
        self.targets = targets
        self._session = session
        self.hand = hand

    async def get(self, path: str, method: str = "GET", *, accept: str = "*/*") -> tuple[int, str]:
        headers = {"Accept": accept}
        async with self._session.request(method, f"{self._base}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def api(self, query: str = "") -> Any:
        status, text = await self.get(f"/api/v1/targets{query}")
        assert status == 200, text
        return json.loads(text)

    def record(self, name: str, outcome: Extraction | PollError, seconds: float = 0.1) -> None:
        tracked = self.targets.find(name)
        assert tracked is not None
        clock = self.hand.clock
        self.targets.record(tracked, PollResult(outcome, seconds, clock.wall(), clock.monotonic()))


MODE = (
    Sample("genesys_ucs_mode", (("mode", "production"),), 0.0),
    Sample("genesys_ucs_mode", (("mode", "maintenance"),), 1.0),
    Sample("genesys_ucs_requests_total", (), 7.0),
)
DOWN = PollError(Reason.HTTP_503, "HTTP <b>503</b>")


@asynccontextmanager
async def serving_pages() -> AsyncIterator[Site]:
    """Serve them on a free port."""
    base = make_target()
    targets = (
        replace(base, name="ams", labels={"site": "Amsterdam"}),
        replace(base, name=SCRIPT, labels={"site": "<img src=x>"}),
        replace(base, name="waiting"),
        replace(make_target("webitel"), name="pbx"),
    )
    telemetry, hand = Telemetry(), Hand(NOW)
    live = Targets(Settings(targets=targets), telemetry, hand.clock)
    async with (
        listening(make_app(live, telemetry, "/metrics"), ["127.0.0.1:0"]) as (address,),
        aiohttp.ClientSession() as session,
    ):
        yield Site(f"http://{address}", live, session, hand)
