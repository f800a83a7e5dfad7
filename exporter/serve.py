"""The service put together: targets, the schedule that polls them, the site that shows them."""

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiohttp import web

from exporter.address import parse_address
from exporter.clock import Clock
from exporter.discovery.merge import Lists, discovering
from exporter.errors import ConfigError, ExporterError
from exporter.poll.fetch import Connections
from exporter.poll.schedule import Schedule
from exporter.reload import Load, Reloader
from exporter.settings import Settings
from exporter.shard import Shard
from exporter.targets import Targets
from exporter.telemetry import Telemetry
from exporter.web.routes import make_app

_log = logging.getLogger(__name__)

# What a scrape that is under way at the end may still take.
_GRACE_SECONDS = 3.0
# Scrapers, listeners, the log, libraries: what the process opens besides connections to vendors.
_SPARE_FILES = 200
_ENOUGH_FILES = 2**20
# How many hosts lists may bring is not known when connections are first made.
_DISCOVERED_HOSTS = 10_000


def _most_files() -> int:
    """Raise the soft limit of open files to the hard one, as far as can be, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH_FILES)
    with suppress(ValueError, OSError):  # Not every system allows what it names.
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _rest_collector() -> None:
    """Let Python look for cyclic garbage rarely: each search walks what ten thousand targets keep.

    Snapshots are freed without it. With the usual threshold of 700 objects it would run several
    times a tick, and take a third of the processor.
    """
    # What was built so far lives as long as the process, and need not be walked again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line alone says of the service."""

    addresses: Sequence[str]
    telemetry_path: str
    shard: Shard
    auto_reload_interval: float | None = None
    """Seconds between two looks at the configuration file, or None: it is not looked at."""


class ListenError(ExporterError):
    """An address that cannot be listened on."""


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncIterator[tuple[Targets, Telemetry]]:
    """Poll the targets for as long as the context is open."""
    telemetry = Telemetry()
    telemetry.reload_successful.set(1)
    telemetry.reload_time.set(clock.wall())
    targets = Targets(settings, telemetry, clock)
    files = _most_files()
    # Targets of one host take turns on its connections.
    hosts = len({(request.host, request.port) for one in targets for request in one.requests})
    hosts += _DISCOVERED_HOSTS if settings.discoveries else 0
    keep = hosts + _SPARE_FILES <= files
    if not keep:
        facts = {"hosts": hosts, "open_files": files}
        _log.warning("too few open files to keep connections", extra={"facts": facts})
    connections = Connections(clock, keep=keep)
    schedule = Schedule(targets, connections, telemetry, clock, files - _SPARE_FILES)
    polling = asyncio.create_task(schedule.run())
    # Were the schedule to end by a mistake of ours, everything ends: an exporter that polls
    # nothing and says it is healthy is worse than none.
    owner = asyncio.current_task()
    polling.add_done_callback(lambda done: done.cancelled() or (owner and owner.cancel()))
    _rest_collector()
    try:
        yield targets, telemetry
    finally:
        polling.cancel()
        await asyncio.wait([polling])
        await connections.close()
        if not polling.cancelled():
            await polling


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


async def serve(options: Options, settings: Settings, load: Load) -> None:
    """Poll and serve until SIGTERM or SIGINT; SIGHUP takes over what `load` returns then."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    clock = Clock()
    async with running(settings, clock) as (targets, telemetry):
        telemetry.shard.set(options.shard.number)
        telemetry.shards.set(options.shard.total)
        lists = Lists(settings, targets, telemetry, clock, owns=options.shard.owns)
        reloader = Reloader(load, lists, telemetry, clock)
        app = make_app(targets, telemetry, options.telemetry_path, reloader.reload)
        async with (
            discovering(lists),
            _reloading(reloader, settings, options),
            listening(app, options.addresses) as on,
        ):
            for address in on:
                _log.info("listening", extra={"facts": {"address": address}})
            await stop.wait()
            _log.info("stopping")


@asynccontextmanager
async def _reloading(
    reloader: Reloader, settings: Settings, options: Options
) -> AsyncIterator[None]:
    """Reload on SIGHUP, and when the file changes where that is wanted."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def start(work: Coroutine[None, None, None]) -> None:
        tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(tasks.discard)

    loop.add_signal_handler(signal.SIGHUP, lambda: start(_on_hangup(reloader)))
    if options.auto_reload_interval:
        start(reloader.watch(settings.files, options.auto_reload_interval))
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _on_hangup(reloader: Reloader) -> None:
    with suppress(ConfigError):  # It was logged and counted.
        await reloader.reload("SIGHUP")


def _written(name: tuple[str, int] | tuple[str, int, int, int] | str) -> str:
    if isinstance(name, str):
        return name
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
