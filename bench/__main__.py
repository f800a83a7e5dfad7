"""The command line: `python -m bench [--quick] [--write] [--rows ROW...] [--baseline DIR]`.

Standard output has the table, standard error the progress. Exit codes: 0 all was measured, 1
something was not, 130 interrupted.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from bench import churn, report, scrape_cost, size, start
from bench.cost import COMPARISONS
from bench.figures import BenchError, Line
from bench.machine import describe_machine, prepare
from bench.peers import PEERS
from bench.programs import Server, python_of
from bench.workbench import BASELINE, Workbench

Measurement = tuple[frozenset[int], Callable[[Workbench], list[Line]]]

_MEASUREMENTS: tuple[Measurement, ...] = (
    *((frozenset({one.row}), one.lines) for one in COMPARISONS),
    (frozenset({3, 4}), scrape_cost.run),
    (frozenset({5, 6, 7}), size.run),
    (frozenset({5}), size.connection),
    (frozenset({7}), start.version),
    (frozenset({8}), size.growth),
    (frozenset({12}), start.cold),
    (frozenset({13}), churn.run),
)
_ROWS = sorted(frozenset().union(*(rows for rows, _ in _MEASUREMENTS)))
_QUICK_LEAVES_OUT = (
    "--quick leaves out row 1 at 100 polls a second and with UCS, row 8, and row 11 with a scrape.",
    "--quick has 4,000 targets in rows 3 and 4, and 30 seconds in row 6.",
)


def main() -> int:
    """Run the command and return the exit code."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    prepare()
    console = Console(stderr=True)
    facts = _facts(given.baseline)
    for name, value in facts.items():
        console.print(f"{name}: {value}", highlight=False)
    rows = frozenset(given.rows or _ROWS)
    try:
        lines, failed = _measure(given.quick, rows, given.baseline, console)
    except KeyboardInterrupt:
        return 130
    others = ", ".join(str(row) for row in _ROWS if row not in rows)
    left_out = [
        *(_QUICK_LEAVES_OUT if given.quick else ()),
        *([f"rows {others}: this run was without them."] if others else []),
        *failed,
    ]
    report.show(lines, left_out, facts)
    if given.write or not (given.quick or given.rows):
        console.print(f"written: {report.write(lines, left_out, facts)}")
    return 1 if failed else 0


def _measure(
    quick: bool, wanted: frozenset[int], baseline: Path | None, console: Console
) -> tuple[list[Line], list[str]]:
    """Return the lines of the wanted rows, and why some were not measured."""
    lines: list[Line] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Server(Path(folder)) as server:
        bench = Workbench(quick, server, Path(folder), console, baseline)
        for rows, measure in _MEASUREMENTS:
            if not rows & wanted:
                continue
            try:
                lines += measure(bench)
            except BenchError as error:
                failed.append(f"row {', '.join(map(str, sorted(rows)))}: {error}")
                bench.say(failed[-1])
        bench.say("done")
    return sorted(lines, key=lambda line: line.row), failed


def _facts(baseline: Path | None) -> dict[str, str]:
    return {
        "Machine": describe_machine(),
        **{name: peer.describe() for name, peer in PEERS.items()},
        BASELINE: _describe_checkout(baseline),
        **{name: version(name) for name in ("aiohttp", "uvloop", "prometheus-client", "isal")},
    }


def _describe_checkout(checkout: Path | None) -> str:
    if checkout is None:
        return "not given, so its rows are left out: --baseline DIR"
    command = ["git", "-C", str(checkout), "log", "-1", "--format=commit %h of %cs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "a checkout of no known commit"


def _checkout(text: str) -> Path:
    path = Path(text).resolve()
    if not python_of(path).exists():
        raise argparse.ArgumentTypeError(f"{text} has no .venv/bin/python")
    return path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the exporter.")
    parser.add_argument("--quick", action="store_true", help="less of everything, in five minutes")
    parser.add_argument(
        "--write", action="store_true", help="write bench/README.md; a whole run always does"
    )
    parser.add_argument("--rows", nargs="+", type=int, choices=_ROWS, help="only these rows")
    parser.add_argument(
        "--baseline",
        type=_checkout,
        metavar="DIR",
        help="compare with the exporter of an older checkout, which has a virtual environment",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
