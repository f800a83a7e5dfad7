"""How long Prometheus takes for each panel: `python -m bench.panel_queries [--targets N] [--write]`.

It fills a Prometheus 3 with cloned targets, evaluates the recording rules over the time shown, and
sends each query of each panel as Grafana does. `--write` writes bench/dashboards.md, which
`make dashboards` includes in docs/dashboards.md.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

import yaml
from rich.console import Console

from bench.dashboards_data import (
    EXPORTERS,
    INTERVAL,
    cloned,
    demo_lines,
    windows,
    write,
    write_recorded,
)
from bench.figures import BenchError
from bench.machine import ROOT, describe_machine, free_port
from grafana.source import BOARDS
from grafana.source.classic import build

RESULT = ROOT / "bench" / "dashboards.md"
RULES = ROOT / "deploy" / "prometheus" / "status-exporter.rules.yml"
_RUNS = 3
# A panel that takes as many seconds is measured once.
_TOO_SLOW = 20
_SCREEN = 1850
# Grafana's own steps between points in milliseconds: up to the first, the second.
_ROUNDED = (
    (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000), (45_000, 30_000),
    (90_000, 60_000), (210_000, 120_000), (450_000, 300_000), (750_000, 600_000),
)  # fmt: skip


@dataclass(frozen=True)
class Timing:
    """What the queries of a panel took together: medians of the runs, in seconds."""

    board: str
    panel: str
    elapsed: float
    cpu: float
    series: int


def main() -> int:
    """Run the command and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.panel_queries", description=__doc__)
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=6)
    parser.add_argument("--write", action="store_true", help="write bench/dashboards.md")
    parser.add_argument("--data", type=Path, help="a folder that keeps the samples for other runs")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(stderr=True)
    timings: list[Timing] = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
            Prometheus(given.data or Path(folder)) as server,
        ):
            server.fill(given.targets, int(given.hours * 3600))
            load = os.getloadavg()[0]
            for board in BOARDS:
                timings += timed(server, build(board), given.hours)
                console.print(f"{board.title}: measured", highlight=False)
    except KeyboardInterrupt:
        return 130
    except BenchError as error:
        console.print(str(error), highlight=False)
        return 1
    text = written(timings, server.facts, given.hours, load)
    sys.stdout.write(text)
    if given.write:
        RESULT.write_text(text, encoding="utf-8")
    return 0


class Prometheus:
    """A Prometheus with the cloned series, which a folder keeps."""

    def __init__(self, folder: Path) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.end = 0
        """The time of the last samples."""
        self.facts = ""
        folder.mkdir(exist_ok=True)
        self._filled = folder / "filled.json"
        config = folder / "prometheus.yml"
        config.write_text("{}")
        command: list[str | Path] = [
            ROOT / ".tools" / "prometheus3" / "usr" / "bin" / "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--web.enable-remote-write-receiver",
            "--query.timeout=10m",
        ]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def fill(self, targets: int, seconds: int) -> None:
        """Write the series, and what the recording rules make of them, if that was not yet done."""
        self._wait_until_ready()
        if self._filled.exists():
            self.end, self.facts = json.loads(self._filled.read_text(encoding="utf-8"))
            return
        series = cloned(demo_lines(), targets)
        self.end = int(time.time()) // 60 * 60
        rules = [
            rule
            for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
            for rule in group["rules"]
        ]
        count = 0
        for moments in windows(self.end - seconds, self.end + INTERVAL):
            count += write(self.address, series, moments, self.end)
            times = {"start": str(moments[0]), "end": str(moments[-1]), "step": "60"}
            for rule in rules:
                found = ask(self.address, "query_range", query=rule["expr"], **times)
                write_recorded(self.address, rule, found)
        self.facts = (
            f"{targets:,} targets of {EXPORTERS} exporters, {len(series):,} series and what the"
            f" recording rules make of them, {count:,} samples {INTERVAL} s apart, Prometheus"
            f" {self._version()}"
        )
        self._filled.write_text(json.dumps([self.end, self.facts]), encoding="utf-8")

    def cpu(self) -> float:
        """Return the CPU seconds of the server."""
        # The kernel's number for the CPU clock of a process: clock_getcpuclockid(3).
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def _wait_until_ready(self) -> None:
        for _ in range(3000):
            try:
                urllib.request.urlopen(f"http://{self.address}/-/ready").close()
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
            else:
                return
        raise BenchError("Prometheus did not start")

    def _version(self) -> str:
        url = f"http://{self.address}/api/v1/status/buildinfo"
        with urllib.request.urlopen(url) as answer:
            return str(json.load(answer)["data"]["version"])


def ask(address: str, path: str, **params: str) -> list[Any]:
    """Send a query and return its result.

    Raises:
        BenchError: Prometheus rejected it.
    """
    body = urllib.parse.urlencode(params).encode()
    try:
        with urllib.request.urlopen(f"http://{address}/api/v1/{path}", body) as answer:
            found: list[Any] = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        raise BenchError(f"{params['query']}: {error.read()[:300]!r}") from error
    return found


def timed(server: Prometheus, dashboard: dict[str, Any], hours: float) -> Iterator[Timing]:
    """Send the queries of each panel and each annotation, one after the other."""
    asked = [
        (panel["title"], step_of(panel, hours), panel["targets"])
        for panel in dashboard["panels"]
        if panel["type"] != "row"
    ]
    asked += [
        (f"{mark['name']} (annotation)", 60, [mark])
        for mark in dashboard["annotations"]["list"]
        if mark["enable"]
    ]
    for title, step, targets in asked:
        elapsed, cpu = [], []
        for _ in range(_RUNS):
            began, used = time.monotonic(), server.cpu()
            series = sum(len(sent(server, target, step, hours)) for target in targets)
            elapsed.append(time.monotonic() - began)
            cpu.append(server.cpu() - used)
            if elapsed[0] > _TOO_SLOW:
                break
        yield Timing(dashboard["title"], title, median(elapsed), median(cpu), series)


def step_of(panel: dict[str, Any], hours: float) -> int:
    """Return the seconds between the points that Grafana requests."""
    points = panel.get("maxDataPoints") or panel["gridPos"]["w"] * _SCREEN // 24
    wished = hours * 3_600_000 / points
    rounded = next((step for limit, step in _ROUNDED if wished < limit), 1_200_000)
    return max(rounded // 1000, INTERVAL)


def sent(server: Prometheus, target: dict[str, Any], step: int, hours: float) -> list[Any]:
    """Send one query as Grafana does, and return what it found."""
    query = filled(target["expr"], step, hours)
    if target.get("instant"):
        return ask(server.address, "query", query=query, time=str(server.end))
    last = server.end // step * step
    times = {"start": str(last - int(hours * 3600) // step * step), "end": str(last)}
    return ask(server.address, "query_range", query=query, step=str(step), **times)


def filled(query: str, step: int, hours: float) -> str:
    """Replace the variables, as for a choice of all."""
    values = {
        "$__rate_interval": f"{max(step + INTERVAL, 4 * INTERVAL)}s",
        "$__range": f"{int(hours * 3600)}s",
        "$__interval": f"{step}s",
        "$top": "10",
    }
    for name, value in values.items():
        query = query.replace(name, value)
    return (
        re.sub(r"\$(job|instance|target)", ".+", query)
        .replace("$profileid", ".*")
        .replace("$locationid", ".*")
    )


def written(timings: Sequence[Timing], facts: str, hours: float, load: float) -> str:
    """Write the section of the page."""
    lines = [
        "## How long the queries take",
        "",
        (
            f"Measured on {time.strftime('%Y-%m-%d')}, over {hours:g} hours of {facts}. Machine:"
            f" {describe_machine()}; its load average was {load:.1f} at the start. The queries of a panel were"
            " sent one after the other, as Grafana sends them from a screen of 1,920 pixels. CPU is"
            f" what Prometheus used; both are medians of {_RUNS} runs, in seconds."
            " `python -m bench.panel_queries --write` measures again."
        ),
        "",
        "| dashboard | panel | CPU | elapsed | series |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {one.board.rpartition(' / ')[2]} | {one.panel} | {one.cpu:.2f} | {one.elapsed:.2f}"
            f" | {one.series:,} |"
            for one in sorted(timings, key=lambda timing: -timing.cpu)
        ),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
