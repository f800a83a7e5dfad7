"""The running service: targets, the schedule that polls them, and the web server."""

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
from exporter.runtime.discovery import Lists
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

_MAX_FILES = 2**20
# A reload may double the targets.
_FILES_PER_TARGET = 2


def _raise_file_limit() -> int:
    """Raise the soft limit of open files as far as possible, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, _MAX_FILES)
    with suppress(ValueError, OSError):  # Some systems refuse their own hard limit.
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _limit_garbage_collection() -> None:
    """Make the cyclic garbage collector run rarely: it traverses the state of all targets.

    Snapshots are freed without it. With the default threshold of 700 objects it would run several
    times a tick and take a third of the CPU.
    """
    # What exists now lives as long as the process. The schedule freezes again while targets wait for
    # their first poll.
    gc.collect()
    gc.freeze()
    # Results of polls count only while their number grows. All that are new are traversed, though: of
    # ten thousand targets 35,000 objects, in 25 ms.
    gc.set_threshold(10_000, 50, 100)


def _preallocate_file_table(count: int) -> None:
    """Make the kernel allocate the table of open files at its final size.

    It doubles the table as files are opened, which takes 15 ms each time in a process with several
    threads, and would hold the event loop.
    """
    with suppress(OSError), Path(os.devnull).open("rb") as lowest:
        os.close(fcntl.fcntl(lowest, fcntl.F_DUPFD_CLOEXEC, count))


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the service that only the command line has."""

    addresses: Sequence[str]
    telemetry_path: str
    limits: Limits
    shard: Shard
    allowed_hosts: Sequence[str] = ()
    read_web: ReadWebConfig | None = None
    """Reads the web configuration; None: there is none."""
    auto_reload_interval: float | None = None
    """Seconds between two checks of the configuration files; None: they are not checked."""


@asynccontextmanager
async def alongside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do the work while the context is open.

    If it ends by an unexpected exception, the program ends: an exporter that polls nothing and
    reports that it is healthy is worse than none.
    """
    task = asyncio.create_task(work)
    owner = asyncio.current_task()
    task.add_done_callback(lambda done: done.cancelled() or (owner and owner.cancel()))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            await task


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock
) -> AsyncIterator[tuple[Targets, Telemetry, Schedule]]:
    """Poll the targets while the context is open."""
    telemetry = Telemetry()
    log.count_dropped(telemetry.dropped_log_records.inc)
    telemetry.reload_successful.set(1)
    telemetry.reload_time.set(clock.wall())
    targets = Targets(settings, telemetry, clock)
    files = _raise_file_limit()
    _preallocate_file_table(min(files - 1, _FILES_PER_TARGET * len(targets) + RESERVED_FILES))
    needed = len(targets) + RESERVED_FILES
    if needed > files:
        facts = {"open_files": files, "needed": needed}
        _log.warning("too few open files to keep all connections", extra={"facts": facts})
    connections = Connections(clock, on_login=telemetry.count_login)
    schedule = Schedule(targets, connections, telemetry, clock, connection_files(files))
    _limit_garbage_collection()
    try:
        async with alongside(schedule.run()):
            yield targets, telemetry, schedule
    finally:
        await connections.close()


async def serve(options: Options, settings: Settings, load: Load) -> None:
    """Poll and serve until SIGTERM or SIGINT; SIGHUP applies what `load` returns."""
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
            alongside(lists.run()),
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
    """Reload on SIGHUP, and when a file changes if that is enabled."""
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
        # A late SIGHUP must not kill the process during its shutdown.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _on_hangup(reloader: Reloader) -> None:
    with suppress(ConfigError):  # Already logged and counted.
        await reloader.reload("SIGHUP")


def until_signal() -> asyncio.Event:
    """Return an event that SIGTERM or SIGINT sets; a second signal ends the process at once."""
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
