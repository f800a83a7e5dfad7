"""HTTP clients: one request, regular scrapes, and regular probes of all targets."""

import asyncio
import http.client
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

_TIMEOUT = 60.0
_TICK = 0.1
_CHUNK = 256 * 1024
# An exporter that probes is fastest on one core with some 16 probes at once; more only wait.
_MAX_PROBES = 100


@dataclass(frozen=True)
class Reply:
    """A whole answer; status 0 if there was none."""

    status: int
    body: bytes


def get(port: int, path: str, accept_encoding: str = "identity") -> Reply:
    """Send one request to 127.0.0.1."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": accept_encoding})
        answer = connection.getresponse()
        chunks = iter(lambda: answer.read(_CHUNK), b"")
        return Reply(answer.status, b"".join(chunks))
    except (OSError, http.client.HTTPException):
        return Reply(0, b"")
    finally:
        connection.close()


def scrape_every(port: int, interval: float, seconds: float) -> None:
    """Scrape with gzip, as Prometheus does, for some seconds."""
    began = time.monotonic()
    for number in range(max(1, round(seconds / interval))):
        time.sleep(max(0.0, began + number * interval - time.monotonic()))
        get(port, "/metrics", "gzip")
    time.sleep(max(0.0, began + seconds - time.monotonic()))


def probe_every(port: int, paths: Sequence[str], interval: float, seconds: float) -> int:
    """Request each path once an interval, for some seconds; returns the number of failed probes.

    Probes leave in groups every 0.1 s, which costs the exporter that probes less than one by one.
    """
    return asyncio.run(_probe_every(f"http://127.0.0.1:{port}", paths, interval, seconds))


async def _probe_every(base: str, paths: Sequence[str], interval: float, seconds: float) -> int:
    slots = max(1, round(interval / _TICK))
    connector = aiohttp.TCPConnector(limit=_MAX_PROBES)
    failed = 0

    async def probe(session: aiohttp.ClientSession, path: str) -> None:
        nonlocal failed
        try:
            async with session.get(base + path) as answer:
                text = await answer.text()
        except aiohttp.ClientError:
            failed += 1
        else:
            # json_exporter has no such line; its failures are HTTP errors.
            failed += answer.status != http.client.OK or "\nprobe_success 0" in text

    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        began = time.monotonic()
        for tick in range(round(seconds / _TICK)):
            await asyncio.sleep(began + tick * _TICK - time.monotonic())
            for path in paths[tick % slots :: slots]:
                group.create_task(probe(session, path))
    return failed
