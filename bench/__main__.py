"""The command line: `python -m bench [--quick] [--write] [--rows ROW...]`.

Standard output gets the table, standard error how far it is. Exit codes: 0 all was measured, 1
something was not, 130 interrupted.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from bench import page, peers, polls, report, size, start
from bench.figures import BenchError, Line
from bench.machine import described, prepare
from bench.subject import Server
from bench.workbench import Workbench

_GROUPS: tuple[tuple[str, Callable[[Workbench], list[Line]]], ...] = (
    ("12", polls.run),
    ("34", page.run),
    ("567", size.run),
    ("7", start.run),
    ("8", size.growth),
)
_QUICK_LEAVES_OUT = (
    "--quick leaves out row 1 at 100 polls a second and with UCS as each reads it, and row 8.",
    "--quick has 4,000 targets in rows 3 and 4, and 30 seconds in row 6.",
)


def main() -> int:
    """Run the command and return the exit code."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    prepare()
    console = Console(stderr=True)
    facts = {"Machine": described(), **peers.versions(), **_libraries()}
    for name, told in facts.items():
        console.print(f"{name}: {told}", highlight=False)
    left_out = list(_QUICK_LEAVES_OUT) if given.quick else []
    failed: list[str] = []
    try:
        lines = _measure(given.quick, given.rows, console, failed)
    except KeyboardInterrupt:
        return 130
    report.show(lines, left_out + failed, facts)
    if given.write or not (given.quick or given.rows):
        console.print(f"written: {report.write(lines, left_out + failed, facts)}")
    return 1 if failed else 0


def _measure(quick: bool, rows: Sequence[str], console: Console, failed: list[str]) -> list[Line]:
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Server(Path(folder)) as server:
        server.wait_until_listening()
        bench = Workbench(quick, server, Path(folder), console)
        for numbers, measure in _GROUPS:
            if rows and not set(rows) & set(numbers):
                continue
            try:
                lines += measure(bench)
            except BenchError as error:
                failed.append(f"rows {', '.join(numbers)}: {error}")
                bench.say(failed[-1])
        bench.say("done")
    return sorted(lines, key=lambda line: line.row)


def _libraries() -> dict[str, str]:
    return {name: version(name) for name in ("aiohttp", "uvloop", "prometheus-client", "isal")}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the exporter.")
    parser.add_argument("--quick", action="store_true", help="less of everything, in two minutes")
    parser.add_argument(
        "--write", action="store_true", help="write bench/README.md; a whole run always does"
    )
    parser.add_argument("--rows", nargs="+", choices=tuple("12345678"), help="only these rows")
    return parser


if __name__ == "__main__":
    sys.exit(main())
