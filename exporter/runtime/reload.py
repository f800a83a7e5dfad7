"""A wish to reload goes in; the configuration is loaded anew, checked whole, and taken over at once.

A candidate with a fault changes nothing: what was loaded last goes on. Wishes that come while one
is being fulfilled are fulfilled together by the next, which sees all that was written before them.
"""

import asyncio
import gc
import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from exporter.clock import Clock
from exporter.errors import CRASHED, ConfigError
from exporter.runtime.daemon import in_daemon_thread
from exporter.runtime.discovery import Lists
from exporter.settings import LARGEST_FILE, Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.notify import NO_SUPERVISOR, Supervisor
from exporter.toolkit.read_file import read_file

_log = logging.getLogger(__name__)

# A log is no place for a file's thousand faults; `check` and the answer to the request have all.
_MOST_LOGGED = 20

Load = Callable[[], Settings]


class Reloader:
    """Takes over what `load` returns, on demand."""

    def __init__(
        self,
        load: Load,
        lists: Lists,
        telemetry: Telemetry,
        clock: Clock,
        supervisor: Supervisor = NO_SUPERVISOR,
    ) -> None:
        self._load = load
        self._lists = lists
        self._telemetry = telemetry
        self._clock = clock
        self._supervisor = supervisor
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[str] | None = None
        self.files: tuple[Path, ...] = ()
        """What the configuration was last read from."""

    async def reload(self, trigger: str) -> str:
        """Load the configuration anew, and say what has changed.

        Raises:
            ConfigError: Every fault of it; the old one goes on.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._reload(trigger))
        # Whoever asked may go away; others wait for the same.
        return await asyncio.shield(self._next)

    async def _reload(self, trigger: str) -> str:
        async with self._turn:
            self._next = None
            self._telemetry.reloads.inc()
            self._supervisor.reloading()
            try:
                return await self._attempt(trigger)
            finally:
                self._supervisor.ready(f"polling {len(self._lists)} targets")

    async def _attempt(self, trigger: str) -> str:
        try:
            return self._taken_over(trigger, await self._loaded())
        except ConfigError as error:
            self._fail(trigger, error.faults)
            raise
        except Exception:  # noqa: BLE001 - a mistake of ours must leave the old one serving
            _log.exception("reload crashed", extra={"facts": {"trigger": trigger}})
            faults = (CRASHED,)
            self._fail(trigger, faults)
            raise ConfigError(faults) from None

    def _taken_over(self, trigger: str, settings: Settings) -> str:
        change = self._lists.take_over(settings)
        self.files = settings.files
        self._telemetry.reload_successful.set(1)
        self._telemetry.reload_time.set(self._clock.wall())
        facts = {"trigger": trigger, "targets": len(self._lists), "change": str(change)}
        _log.info("configuration reloaded", extra={"facts": facts})
        return f"{len(self._lists)} targets: {change}"

    def _prepared(self) -> Settings:
        settings = self._load()
        return replace(settings, targets=tuple(self._lists.prepare(settings.targets)))

    async def _loaded(self) -> Settings:
        # Ten thousand targets take seconds, in which the old ones must be polled. A search for
        # cyclic garbage would walk the whole tree of the file and hold everything up.
        gc.disable()
        try:
            return await in_daemon_thread(self._prepared)
        finally:
            gc.enable()

    def _fail(self, trigger: str, faults: tuple[str, ...]) -> None:
        self._telemetry.reload_failures.inc()
        self._telemetry.reload_successful.set(0)
        for fault in faults[:_MOST_LOGGED]:
            _log.error("reload failed", extra={"facts": {"trigger": trigger, "fault": fault}})

    async def watch(self, files: tuple[Path, ...], interval: float) -> None:
        """Reload whenever the content of the files has changed, for as long as it is left running."""
        self.files = files
        seen = await _read_digest(files)
        while True:
            await asyncio.sleep(interval)
            now = await _read_digest(self.files)
            if now is None or now == seen:
                continue
            try:
                await self.reload("file change")
            except ConfigError:
                seen = now  # It was logged; the same faults are not logged again.
            else:
                seen = await _read_digest(self.files)


async def _read_digest(files: tuple[Path, ...]) -> bytes | None:
    """Return the digest of the files; None if the system allows no more threads now."""
    try:
        return await in_daemon_thread(partial(_digest, files))
    except RuntimeError:
        return None


def _digest(files: tuple[Path, ...]) -> bytes:
    """Return what tells one content of the files from another; one that is missing counts, too."""
    digest = hashlib.blake2b()
    for path in files:
        try:
            content = read_file(path, LARGEST_FILE)
        except (OSError, ValueError) as error:
            content = str(error).encode()
        digest.update(hashlib.blake2b(content).digest())
    return digest.digest()
