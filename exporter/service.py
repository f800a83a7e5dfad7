"""The service put together: targets, the schedule that polls them, the site that shows them."""

import asyncio
import fcntl
import gc
import logging
import os
import resource
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from exporter import log
from exporter.clock import Clock
from exporter.errors import ConfigError
from exporter.http.connections import Connections
from exporter.http.pool import RESERVED_FILES, connection_files
from exporter.runtime.discovery import Lists, discovering
from exporter.runtime.reload import Load, Reloader
from exporter.runtime.schedule import Schedule
from exporter.runtime.shard import Shard
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.connection_limits import Limits
from exporter.toolkit.listen import listening
from exporter.toolkit.notify import supervisor_of
from exporter.toolkit.web_config import ReadWebConfig
from exporter.web.routes import make_app

_log = logging.getLogger(__name__)

_ENOUGH_FILES = 2**20
# A reload may double the targets.
_FILES_A_TARGET = 2


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
    # What was built so far lives as long as the process, and need not be walked again. The schedule
    # does the same as long as targets wait for their first poll.
    gc.collect()
    gc.freeze()
    # A search among ten thousand new objects takes a millisecond.
    gc.set_threshold(10_000, 50, 100)


def _make_room_for_files(count: int) -> None:
    """Have the system make its table of our open files as large as it will be.

    It doubles the table as files are opened, and with several threads each time takes 15 ms, which
    would hold the event loop.
    """
    with suppress(OSError), Path(os.devnull).open("rb") as lowest:
        os.close(fcntl.fcntl(lowest, fcntl.F_DUPFD_CLOEXEC, count))


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line alone says of the service."""

    addresses: Sequence[str]
    telemetry_path: str
    limits: Limits
    shard: Shard
    allowed_hosts: Sequence[str] = ()
    read_web: ReadWebConfig | None = None
    """What reads the web configuration, if there is one."""
    auto_reload_interval: float | None = None
    """Seconds between two looks at the configuration file, or None: it is not looked at."""


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock
) -> AsyncIterator[tuple[Targets, Telemetry, Schedule]]:
    """Poll the targets for as long as the context is open."""
    telemetry = Telemetry()
    log.count_dropped(telemetry.dropped_log_records.inc)
    telemetry.reload_successful.set(1)
    telemetry.reload_time.set(clock.wall())
    targets = Targets(settings, telemetry, clock)
    files = _most_files()
    _make_room_for_files(min(files - 1, _FILES_A_TARGET * len(targets) + RESERVED_FILES))
    needed = len(targets) + RESERVED_FILES
    if needed > files:
        facts = {"open_files": files, "needed": needed}
        _log.warning("too few open files to keep all connections", extra={"facts": facts})
    connections = Connections(clock, on_login=telemetry.count_login)
    schedule = Schedule(targets, connections, telemetry, clock, connection_files(files))
    polling = asyncio.create_task(schedule.run())
    # Were the schedule to end by a mistake of ours, everything ends: an exporter that polls
    # nothing and says it is healthy is worse than none.
    owner = asyncio.current_task()
    polling.add_done_callback(lambda done: done.cancelled() or (owner and owner.cancel()))
    _rest_collector()
    try:
        yield targets, telemetry, schedule
    finally:
        polling.cancel()
        await asyncio.wait([polling])
        await connections.close()
        if not polling.cancelled():
            await polling


async def serve(options: Options, settings: Settings, load: Load) -> None:
    """Poll and serve until SIGTERM or SIGINT; SIGHUP takes over what `load` returns then."""
    stop = until_signal()
    supervisor = supervisor_of(os.environ, os.getpid())
    clock = Clock()
    async with running(settings, clock) as (targets, telemetry, schedule):
        telemetry.shard.set(options.shard.number)
        telemetry.shards.set(options.shard.total)
        lists = Lists(settings, targets, telemetry, clock, owns=options.shard.owns)
        reloader = Reloader(load, lists, telemetry, clock, supervisor)
        app = make_app(
            targets,
            telemetry,
            options.telemetry_path,
            schedule=schedule,
            limits=options.limits,
            web_config=options.read_web,
            allowed_hosts=options.allowed_hosts,
            reload=reloader.reload,
        )
        async with (
            listening(app, options.addresses) as on,
            discovering(lists),
            _reloading(reloader, settings, options),
        ):
            for address in on:
                _log.info("listening", extra={"facts": {"address": address}})
            watching = asyncio.create_task(supervisor.watch(telemetry.ticks))
            supervisor.ready(f"polling {len(targets)} targets")
            await stop.wait()
            watching.cancel()
            supervisor.stopping()
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
        # What is left of the end must not be cut short by a wish that comes too late.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _on_hangup(reloader: Reloader) -> None:
    with suppress(ConfigError):  # It was logged and counted.
        await reloader.reload("SIGHUP")


def until_signal() -> asyncio.Event:
    """Return what SIGTERM or SIGINT sets; each is then left to the system, which ends us at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    return stop
