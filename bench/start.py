"""Rows 7 and 12: how long the start takes, and whether connections over HTTPS get their turn."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figures import Line, Peer, share_of, spread
from bench.load_profile import Load
from bench.machine import LOADER_CPU, MEASURED_CPU, ROOT, Process, on_cpu
from bench.programs import Exporter
from bench.workbench import Workbench

_GOAL_VERSION = 3.0
_GOAL_LISTENING = 5.0
_COLD = Load(1_000, 1.5, tls=True)
_FAILURES = "status_exporter_poll_failures_total"


def version(bench: Workbench) -> list[Line]:
    """Measure the part of row 7 that needs no targets."""
    bench.say("row 7: --version")
    script = Path(sys.executable).parent / "status-exporter"
    program = [str(script)] if script.exists() else [sys.executable, "-m", "exporter"]
    ours, theirs = [], []
    for _ in range(5 if bench.quick else 20):
        ours.append(_wall_milliseconds([*program, "--version"]))
        theirs.append(_wall_milliseconds([sys.executable, "-c", "pass"]))
    return [
        share_of(
            Peer("python -c pass", theirs),
            ours,
            row=7,
            what="status-exporter --version, wall time",
            unit="ms",
            goal=_GOAL_VERSION,
        )
    ]


def _wall_milliseconds(command: Sequence[str]) -> float:
    with on_cpu(MEASURED_CPU):
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        return (time.perf_counter() - began) * 1000


def listening(seconds: list[float], ready: list[float]) -> list[Line]:
    """Return the lines about the seconds until ten thousand targets were loaded, and polled."""
    first = spread(seconds)
    return [
        Line(
            row=7,
            what="10,000 targets from YAML: from exec until it listens",
            ours=first.text("s"),
            goal=f"<= {_GOAL_LISTENING:g} s",
            met=first.middle <= _GOAL_LISTENING,
        ),
        Line(
            row=7,
            what="the same: until every target was polled, spread over 15 s",
            ours=spread(ready).text("s"),
        ),
    ]


def cold(bench: Workbench) -> list[Line]:
    """Measure row 12: the first polls of a thousand HTTPS targets on a busy machine."""
    failed, ready = [], []
    for number in range(1 if bench.quick else 5):
        bench.say(f"row 12: cold start over HTTPS, {number + 1}")
        with _busy(bench), Exporter(bench.setting(_COLD)) as exporter:
            exporter.wait_until_ready()
            ready.append(exporter.age())
            failed.append(sum(exporter.values(_FAILURES)))
    return [
        Line(
            row=12,
            what=f"cold start of {_COLD.targets:,} HTTPS targets every {_COLD.interval:g} s, both"
            " CPUs busy: failed polls until all were polled",
            ours=f"{spread(failed).text()}, ready after {spread(ready).text('s')}",
            goal="none",
            met=max(failed) == 0,
        )
    ]


@contextmanager
def _busy(bench: Workbench) -> Iterator[None]:
    """Keep both CPUs busy with a process each, which leaves half of each."""
    command = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as stack:
        for cpu in {MEASURED_CPU, LOADER_CPU}:
            log = bench.folder / f"busy-{cpu}.log"
            stack.enter_context(Process(command, log, cpu))
        yield
