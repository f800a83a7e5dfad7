"""Hostile clients of the port cannot delay polls of good targets, or scrapes."""

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from support.siege import Hostile, besieged
from support.siege_catalog import siege

_SECONDS = 3.0


async def _loop(address: str, path: str) -> None:
    """Request the path again and again, and read all of each answer."""
    host, _, port = address.partition(":")
    request = f"GET {path} HTTP/1.0\r\nHost: h\r\n\r\n".encode()
    while True:
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            with suppress(ConnectionError):
                writer.write(request)
                while await reader.read(2**20):
                    pass
        finally:
            writer.close()


@siege("eight clients probe a target in a loop")
async def test_probes_in_a_loop_poll_no_target_more_than_twice_per_interval(
    tmp_path: Path,
) -> None:
    slow = {"name": "slow", "system": "genesys_ucs", "interval": "60s"}
    async with besieged(tmp_path, Hostile()) as siege, asyncio.TaskGroup() as group:
        targets = ({**slow, "url": f"{siege.good.url}/slow"},)
        await siege.reload(Hostile(targets=targets))
        await siege.until_polled("slow")
        loops = [group.create_task(_loop(siege.address, "/probe?target=slow")) for _ in range(8)]
        await siege.watch(_SECONDS)
        for loop in loops:
            loop.cancel()
        await siege.end()
        requests = sum(request.startswith("GET /slow") for request in siege.good.requests)

    assert requests <= 2


@siege("30 clients request `/sd` with 4,000 targets")
async def test_lists_in_a_loop_delay_no_poll(tmp_path: Path) -> None:
    idle = tuple(
        {
            "name": f"idle-{number}",
            "system": "genesys_ucs",
            "url": "http://127.0.0.1:1",
            "interval": "on_probe",
        }
        for number in range(2000)
    )
    async with besieged(tmp_path, Hostile(targets=idle)) as siege, asyncio.TaskGroup() as group:
        loops = [group.create_task(_loop(siege.address, "/sd")) for _ in range(10)]
        await siege.watch(_SECONDS)
        for loop in loops:
            loop.cancel()
        await siege.end()


@siege("100 idle connections, `ulimit -n 64`, 300 targets")
async def test_idle_clients_evict_no_scraper(tmp_path: Path) -> None:
    async with (
        besieged(tmp_path, Hostile(first="ulimit -n 64")) as siege,
        AsyncExitStack() as stack,
    ):
        host, _, port = siege.address.partition(":")
        for _ in range(100):
            _, writer = await asyncio.open_connection(host, int(port))
            stack.callback(writer.close)
        await siege.watch(_SECONDS)
        await siege.end()


@siege("a form on a page of another site posts to `/-/reload`")
async def test_a_page_of_another_site_cannot_reload(tmp_path: Path) -> None:
    async with besieged(tmp_path, Hostile()) as siege:
        status, _ = await siege.post("/-/reload", Origin="http://evil.test")
        await siege.watch(1.0)
        await siege.end()

    assert status == 403


@siege("standard error is a pipe that is not read")
async def test_a_log_that_is_not_read_stops_nothing(tmp_path: Path) -> None:
    """The test reads no line of the log until the end; each poll of these targets fails."""
    targets = tuple(
        {
            "name": f"flap-{number}",
            "system": "genesys_ucs",
            "url": "http://127.0.0.1:1",
            "labels": {"site": "x" * 1000},
            "interval": "100ms",
            "timeout": "90ms",
        }
        for number in range(300)
    )
    async with besieged(tmp_path, Hostile(targets=targets)) as siege:
        await siege.watch(_SECONDS)
        await siege.end()
