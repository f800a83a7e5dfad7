"""A running service with discoveries, whose configuration a test replaces."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.clock import Clock
from exporter.config import load_text
from exporter.runtime import file_lists
from exporter.runtime.discovery import Lists
from exporter.runtime.reload import Reloader
from exporter.runtime.shard import Shard
from exporter.runtime.target_state import TargetChanges, TargetState
from exporter.runtime.targets import Targets
from exporter.service import alongside, running
from exporter.settings import Settings
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from support.file_sd import replace_file


class Service:
    """A running service whose configuration is a text that a test may change."""

    def __init__(self, text: str, folder: Path) -> None:
        self.text = text
        self.folder = folder
        self.shard = Shard(0, 1)
        self.changes: list[TargetChanges] = []
        self.targets: Targets
        self.telemetry: Telemetry
        self.reloader: Reloader

    def load(self) -> Settings:
        return self.shard.part_of(load_text(self.text, "config.yaml", self.folder, SYSTEMS))

    async def reload(self, text: str) -> str:
        self.text = text
        return await self.reloader.reload("test")

    def names(self) -> list[str]:
        return [one.target.name for one in self.targets]

    def tracked(self, name: str) -> TargetState:
        return next(one for one in self.targets if one.target.name == name)

    def value(self, metric: str, name: str = "file_sd:*.json") -> float | None:
        labels = {"discovery": name}
        full = f"status_exporter_discovery_{metric}"
        return self.telemetry.registry.get_sample_value(full, labels)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(text: str, folder: Path, shard: Shard | None = None) -> AsyncIterator[Service]:
    service = Service(text, folder)
    service.shard = shard or service.shard
    clock, settings = Clock(), service.load()
    async with running(settings, clock) as (targets, telemetry, _):
        service.targets, service.telemetry = targets, telemetry
        targets.subscribe(service.changes.append)
        with pytest.MonkeyPatch.context() as quick:
            quick.setattr(file_lists, "_CHECK_SECONDS", 0.01)
            lists = Lists(settings, targets, telemetry, clock, owns=service.shard.owns)
            service.reloader = Reloader(service.load, lists, telemetry, clock)
            async with alongside(lists.run()):
                yield service


HEAD = "global: {interval: 200ms, timeout: 1m, max_age: 1h}\n"
FILES = '  - {system: genesys_ucs, file_sd: {files: ["*.json"]}}\n'


def config(*targets: str, discovery: str = FILES, clients: str = "") -> str:
    listed = "".join(f"  - {{{target}}}\n" for target in targets)
    return f"{HEAD}{clients}discovery:\n{discovery}" + ("targets:\n" + listed if listed else "")


def ucs(name: str, url: str) -> str:
    return f'name: {name}, system: genesys_ucs, url: "{url}"'


def put(path: Path, *items: str, text: str | None = None, **labels: str) -> None:
    """Replace the file by a list of these targets, or by the text."""
    replace_file(path, json.dumps([{"targets": items, "labels": labels}]) if text is None else text)
