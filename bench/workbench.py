"""What every row is given: how thorough to be, the status server, a folder, and other programs."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from bench.load_profile import Load
from bench.machine import Process
from bench.peers import PEERS
from bench.programs import Exporter, Program, Server, Setting

OURS = "status-exporter"
BASELINE = "baseline"
_SETTLE_SECONDS = 2.0

Costs = dict[str, list[float]]
"""Microseconds of CPU a poll, by the name of the program, repetition by repetition."""


@dataclass(frozen=True)
class Workbench:
    """The surroundings of a measurement."""

    quick: bool
    server: Server
    folder: Path
    console: Console
    baseline: Path | None = None
    """An older checkout of the exporter to compare with, if any."""
    began: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """Report progress on standard error."""
        self.console.print(f"{time.monotonic() - self.began:5.0f} s  {what}", highlight=False)

    def setting(self, load: Load) -> Setting:
        """Return what a program with that load is started with."""
        return Setting(self.server, self.folder, load)

    def starter(self, name: str) -> Callable[[Setting], Program] | None:
        """Return what starts the exporter or another program; None where it is not installed."""
        if name == OURS:
            return Exporter
        if name == BASELINE:
            return partial(Exporter, checkout=self.baseline) if self.baseline else None
        path = PEERS[name].path()
        return partial(PEERS[name].start, path) if path else None

    def costs(
        self,
        load: Load,
        names: Iterable[str],
        *,
        scraped: bool,
        repetitions: int,
        seconds: float,
        what: str,
    ) -> Costs:
        """Measure each installed program alone, one after the other, several times."""
        starters = {name: start for name in names if (start := self.starter(name))}
        costs: Costs = defaultdict(list)
        for number in range(repetitions):
            for name, start in starters.items():
                self.say(f"{what}: {name}, {number + 1}/{repetitions}")
                with start(self.setting(load)) as program:
                    program.settle()
                    time.sleep(_SETTLE_SECONDS / 2 if self.quick else _SETTLE_SECONDS)
                    drive = program.poll_and_scrape if scraped else program.poll
                    costs[name].append(self.per_poll(program, partial(drive, seconds)))
        return costs

    def per_poll(self, process: Process, during: Callable[[], None]) -> float:
        """Return the microseconds of CPU that the process took for each poll the server counted."""
        cpu, polls = process.cpu(), self.server.count().polls
        during()
        spent, counted = process.cpu() - cpu, self.server.count().polls - polls
        return spent / max(counted, 1) * 1e6
