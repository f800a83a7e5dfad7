"""The service in one process with what watches it from inside: a ticker, and prometheus_client.

`python -m bench.inside CONFIG PAGE PORT` polls what the configuration says and serves it, with
these paths beside the exporter's own:

/bench/holds        how long the event loop was held since the last time this was asked for, as JSON
/bench/quiet        stops the polls, and gives prometheus_client the samples of the file PAGE
/bench/peer/CODING  what prometheus_client makes of them: `text`, `gzip9` (as its own handlers
                    compress) or `gzip1`
"""

import asyncio
import gc
import gzip
import json
import sys
import time
from array import array
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.clock import Clock
from exporter.config import load_file
from exporter.serve import running
from exporter.systems import SYSTEMS
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app

_TICK = 0.002
_LEVELS = {"gzip9": 9, "gzip1": 1}


class Ticker:
    """Wakes up every 2 ms and keeps how much later than that it came round."""

    def __init__(self) -> None:
        self._holds = array("d")

    async def run(self) -> None:
        """Tick until cancelled."""
        last = time.perf_counter()
        while True:
            await asyncio.sleep(_TICK)
            now = time.perf_counter()
            self._holds.append(max(0.0, now - last - _TICK))
            last = now

    def taken(self) -> dict[str, float]:
        """Return the longest holds in milliseconds, and forget them."""
        holds, self._holds = sorted(self._holds), array("d")
        if not holds:
            return {"ticks": 0, "max": 0.0, "p999": 0.0, "p99": 0.0}
        return {
            "ticks": len(holds),
            "max": holds[-1] * 1000,
            "p999": holds[int(len(holds) * 0.999)] * 1000,
            "p99": holds[int(len(holds) * 0.99)] * 1000,
        }


def registry_of(page: str) -> CollectorRegistry:
    """Return what a program would hold that kept the samples about targets in prometheus_client."""
    registry = CollectorRegistry()
    for family in text_string_to_metric_families(page):
        samples = [one for one in family.samples if "target" in one.labels]
        if not samples:
            continue
        labels = tuple(samples[0].labels)
        if family.type == "counter":
            counter = Counter(family.name, family.documentation, labels, registry=registry)
            for one in samples:
                counter.labels(**one.labels).inc(one.value)
        else:
            gauge = Gauge(family.name, family.documentation, labels, registry=registry)
            for one in samples:
                gauge.labels(**one.labels).set(one.value)
    return registry


class Site:
    """The handlers."""

    def __init__(self, page: Path, polling: AsyncExitStack, ticker: Ticker) -> None:
        self._page = page
        self._polling = polling
        self._ticker = ticker
        self._registry = CollectorRegistry()

    async def holds(self, _request: web.Request) -> web.Response:
        """Tell how long the loop was held."""
        return web.Response(text=json.dumps(self._ticker.taken()))

    async def quiet(self, _request: web.Request) -> web.Response:
        """Stop polling and fill the registry."""
        await self._polling.aclose()
        self._registry = registry_of(self._page.read_text())
        # As the service does with what it holds: the collector need not walk it again.
        gc.collect()
        gc.freeze()
        return web.Response()

    async def peer(self, request: web.Request) -> web.Response:
        """Serve what prometheus_client makes of the samples."""
        body = generate_latest(self._registry)
        level = _LEVELS.get(request.match_info["coding"])
        if level is None:
            return web.Response(body=body)
        packed = gzip.compress(body, level)
        return web.Response(body=packed, headers={"Content-Encoding": "gzip"})


async def main(config: str, page: str, port: str) -> None:
    """Serve until the process is ended."""
    settings = load_file(Path(config), SYSTEMS)
    async with AsyncExitStack() as serving, AsyncExitStack() as polling:
        targets, telemetry = await polling.enter_async_context(running(settings, Clock()))
        ticker = Ticker()
        task = asyncio.create_task(ticker.run())
        polling.callback(task.cancel)
        site = Site(Path(page), polling, ticker)
        app = make_app(targets, telemetry, "/metrics")
        app.add_routes(
            [
                web.get("/bench/holds", site.holds),
                web.get("/bench/quiet", site.quiet),
                web.get("/bench/peer/{coding}", site.peer),
            ]
        )
        await serving.enter_async_context(listening(app, [f"127.0.0.1:{port}"]))
        with suppress(asyncio.CancelledError):
            await task
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:]))
