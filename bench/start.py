"""Row 7: how long starting takes: to tell the version; and what row 5's starts took to listen."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Line, ratios, spread
from bench.machine import MEASURED_CPU, ROOT, on_cpu
from bench.workbench import Workbench

_GOAL_VERSION = 3.0
_GOAL_LISTENING = 5.0


def run(bench: Workbench) -> list[Line]:
    """Measure what does not need targets."""
    bench.say("row 7: --version")
    script = Path(sys.executable).parent / "status-exporter"
    program = [str(script)] if script.exists() else [sys.executable, "-m", "exporter"]
    ours, theirs = [], []
    for _ in range(5 if bench.quick else 20):
        ours.append(_wall([*program, "--version"]))
        theirs.append(_wall([sys.executable, "-c", "pass"]))
    ratio = ratios(ours, theirs)
    line = Line(
        row="7",
        what="status-exporter --version, wall time",
        ours=spread(ours).told("ms"),
        peer=f"python -c pass {spread(theirs).told('ms')}",
        ratio=ratio.told("x"),
        goal=f"< {_GOAL_VERSION:g}x",
        met=ratio.middle < _GOAL_VERSION,
    )
    return [line]


def _wall(command: Sequence[str]) -> float:
    with on_cpu(MEASURED_CPU):
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        return (time.perf_counter() - began) * 1000


def listening(seconds: list[float], ready: list[float]) -> list[Line]:
    """Return the lines for the seconds until ten thousand targets were listened for, and polled."""
    first = spread(seconds)
    return [
        Line(
            row="7",
            what="10,000 targets from YAML: from exec until it listens",
            ours=first.told("s"),
            goal=f"< {_GOAL_LISTENING:g} s",
            met=first.middle < _GOAL_LISTENING,
        ),
        Line(
            row="7",
            what="the same: until every target was polled, spread over 15 s",
            ours=spread(ready).told("s"),
        ),
    ]
