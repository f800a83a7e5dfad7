"""What every row is given: how thorough to be, the status server, a folder, where to say things."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from bench.machine import Process
from bench.subject import Server


@dataclass(frozen=True)
class Workbench:
    """The surroundings of a measurement."""

    quick: bool
    server: Server
    folder: Path
    console: Console
    began: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """Tell on standard error how far it is."""
        self.console.print(f"{time.monotonic() - self.began:5.0f} s  {what}", highlight=False)

    def per_poll(self, process: Process, during: Callable[[], object]) -> float:
        """Return the CPU of the process in microseconds for each poll the server counts."""
        cpu, polls = process.cpu(), self.server.count().polls
        during()
        spent, counted = process.cpu() - cpu, self.server.count().polls - polls
        return spent / max(counted, 1) * 1e6


def wait(seconds: float) -> Callable[[], None]:
    """Return something that takes that long and costs nothing."""
    return lambda: time.sleep(seconds)
