"""The service put together: targets, the schedule that polls them, the site that shows them."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from exporter.clock import Clock
from exporter.errors import ExporterError
from exporter.poll.fetch import Connections
from exporter.poll.schedule import Schedule
from exporter.settings import Settings
from exporter.targets import Targets
from exporter.telemetry import Telemetry
from exporter.web.routes import make_app

_log = logging.getLogger(__name__)

# What a scrape that is under way at the end may still take.
_GRACE_SECONDS = 3.0


class ListenError(ExporterError):
    """An address that cannot be listened on."""


def parse_address(address: str) -> tuple[str | None, int]:
    """Split `:10125`, `127.0.0.1:10125` or `[::1]:10125` into host and port.

    Raises:
        ListenError: It is none of these.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or not port.isascii() or int(port) > 65535:  # noqa: PLR2004
        raise ListenError(f"{address}: not an address such as :10125 or 127.0.0.1:10125")
    return host.removeprefix("[").removesuffix("]") or None, int(port)


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncIterator[tuple[Targets, Telemetry]]:
    """Poll the targets for as long as the context is open."""
    telemetry = Telemetry()
    telemetry.reload_successful.set(1)
    telemetry.reload_time.set(clock.wall())
    targets = Targets(settings, telemetry, clock)
    connections = Connections(clock)
    schedule = asyncio.create_task(Schedule(targets, connections, telemetry, clock).run())
    # What was built so far lives as long as the process; the collector need not walk it again.
    gc.freeze()
    try:
        yield targets, telemetry
    finally:
        schedule.cancel()
        await asyncio.gather(schedule, return_exceptions=True)
        await connections.close()


@asynccontextmanager
async def listening(app: web.Application, addresses: Sequence[str]) -> AsyncIterator[list[str]]:
    """Serve the application for as long as the context is open; yields the addresses as they are.

    Raises:
        ListenError: An address is wrong or in use.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE_SECONDS)
    await runner.setup()
    try:
        for address in addresses:
            host, port = parse_address(address)
            try:
                await web.TCPSite(runner, host, port).start()
            except (OSError, UnicodeError) as error:
                why = getattr(error, "strerror", None) or str(error)
                raise ListenError(f"cannot listen on {address}: {why}") from None
        yield [_written(name) for name in runner.addresses]
    finally:
        await runner.cleanup()


async def serve(settings: Settings, addresses: Sequence[str], telemetry_path: str) -> None:
    """Poll and serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings, Clock()) as (targets, telemetry):
        app = make_app(targets, telemetry, telemetry_path)
        async with listening(app, addresses) as bound:
            for address in bound:
                _log.info("listening", extra={"facts": {"address": address}})
            await stop.wait()
            _log.info("stopping")


def _written(name: tuple[str, int] | tuple[str, int, int, int] | str) -> str:
    if isinstance(name, str):
        return name
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
