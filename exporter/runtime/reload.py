"""Reloads the configuration: loads it, checks all of it, and applies it in one step.

A configuration with a fault changes nothing. Requests that arrive during a reload share the next
one, which sees everything that was written before them.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from exporter.clock import Clock
from exporter.errors import UNEXPECTED, ConfigError
from exporter.runtime.daemon import in_daemon_thread
from exporter.runtime.discovery import Lists
from exporter.settings import LARGEST_FILE, Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.notify import NO_SUPERVISOR, Supervisor
from exporter.toolkit.read_file import content_digest, read_file

_log = logging.getLogger(__name__)

# `check` and the response to the request list all faults.
_MAX_LOGGED = 20

Load = Callable[[], Settings]


class Reloader:
    """Applies what `load` returns, on demand."""

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
        self._targets = lists.targets
        self._telemetry = telemetry
        self._clock = clock
        self._supervisor = supervisor
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[str] | None = None
        # The files of the configuration, with the digests of what was last loaded or rejected.
        self._seen: Mapping[Path, bytes] = {}

    async def reload(self, trigger: str) -> str:
        """Load the configuration, apply it, and return what has changed, in words.

        Raises:
            ConfigError: All of its faults; the old one stays.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._reload(trigger))
        # One caller may be cancelled; others share the task.
        return await asyncio.shield(self._next)

    async def _reload(self, trigger: str) -> str:
        async with self._lock:
            self._next = None
            self._telemetry.reloads.inc()
            self._supervisor.reloading()
            try:
                return await self._attempt(trigger)
            finally:
                self._supervisor.ready(f"polling {len(self._targets)} targets")

    async def _attempt(self, trigger: str) -> str:
        try:
            return self._apply(trigger, await self._load_in_thread())
        except ConfigError as error:
            self._fail(trigger, error.faults)
            raise
        except Exception:  # noqa: BLE001 - after a bug the old configuration stays
            _log.exception("reload crashed", extra={"facts": {"trigger": trigger}})
            faults = (UNEXPECTED,)
            self._fail(trigger, faults)
            raise ConfigError(faults) from None

    def _apply(self, trigger: str, settings: Settings) -> str:
        change = self._lists.apply(settings)
        self._seen = settings.files
        self._telemetry.reload_successful.set(1)
        self._telemetry.reload_time.set(self._clock.wall())
        facts = {"trigger": trigger, "targets": len(self._targets), "change": str(change)}
        _log.info("configuration reloaded", extra={"facts": facts})
        return f"{len(self._targets)} targets: {change}"

    def _load_and_prepare(self) -> Settings:
        settings = self._load()
        return replace(settings, targets=self._targets.prepare(settings.targets))

    async def _load_in_thread(self) -> Settings:
        # Ten thousand targets take seconds, during which the old ones are polled. The garbage
        # collector would stop all threads while it traverses the tree of the file.
        gc.disable()
        try:
            return await in_daemon_thread(self._load_and_prepare)
        finally:
            gc.enable()

    def _fail(self, trigger: str, faults: tuple[str, ...]) -> None:
        self._telemetry.reload_failures.inc()
        self._telemetry.reload_successful.set(0)
        for fault in faults[:_MAX_LOGGED]:
            _log.error("reload failed", extra={"facts": {"trigger": trigger, "fault": fault}})

    async def watch(self, loaded: Mapping[Path, bytes], interval: float) -> None:
        """Reload whenever the content of a file differs from what was loaded, until cancelled."""
        self._seen = loaded
        while True:
            await asyncio.sleep(interval)
            try:
                now = await in_daemon_thread(partial(_digests, self._seen.keys()))
            except RuntimeError:  # The system allows no more threads now.
                continue
            if now == self._seen:
                continue
            try:
                await self.reload("file change")
            except ConfigError:
                self._seen = now  # Do not log the same faults again.


def _digests(files: Collection[Path]) -> dict[Path, bytes]:
    """Return the digest of the content of each file; a missing file has one, too."""
    digests = {}
    for path in files:
        try:
            content = read_file(path, LARGEST_FILE)
        except (OSError, ValueError) as error:
            content = str(error).encode()
        digests[path] = content_digest(content)
    return digests
