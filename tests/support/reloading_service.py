"""A running service whose configuration a test replaces."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exporter.clock import Clock
from exporter.config import load_text
from exporter.runtime.discovery import Lists
from exporter.runtime.reload import Reloader
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Settings
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from support.vendor import Vendor


class Service:
    """A running service whose configuration is a text that a test may change."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.loads = 0
        self.targets: Targets
        self.telemetry: Telemetry
        self.reloader: Reloader
        self.hold = threading.Event()
        self.hold.set()

    def load(self) -> Settings:
        self.loads += 1
        text = self.text
        self.hold.wait(60)
        return load_text(text, "config.yaml", Path(), SYSTEMS)

    def tracked(self, name: str) -> TargetState:
        return next(one for one in self.targets if one.target.name == name)

    def value(self, metric: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"status_exporter_config_{metric}")

    async def polled(self, name: str, polls: int) -> None:
        async with asyncio.timeout(60):
            while self.tracked(name).counts.polls < polls:
                await asyncio.sleep(0.01)

    @staticmethod
    async def requests_arrived() -> None:
        """Let vendors read requests that were already sent; this takes some loop iterations."""
        for _ in range(10):
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(text: str) -> AsyncIterator[Service]:
    service = Service(text)
    clock = Clock()
    settings = service.load()
    async with running(settings, clock) as (targets, telemetry, _):
        service.targets, service.telemetry = targets, telemetry
        lists = Lists(settings, targets, telemetry, clock)
        service.reloader = Reloader(service.load, lists, telemetry, clock)
        yield service


def config(*targets: str, clients: str = "") -> str:
    head = "global: {interval: 200ms, timeout: 1m, max_age: 1h}\n" + clients
    return head + "targets:\n" + "".join(f"  - {{{target}}}\n" for target in targets)


def ucs(name: str, vendor: Vendor, more: str = "") -> str:
    return f'name: {name}, system: genesys_ucs, url: "{vendor.url}"{more}'
