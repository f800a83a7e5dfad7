"""The command line: `python -m fuzz [--seconds N] [HARNESS...]` runs each harness for N seconds.

Standard output gets a line for each: how many inputs, how much was reached, what failed. Exit
codes: 0 nothing failed, 1 something did.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.engine import HAS_ATHERIS, guided, unguided
from fuzz.harness import ROOT, Harness

NAMES = ("reader", "plain", "bodies", "shapes", "configs", "headers", "requests")
_GRACE = 120


def main() -> int:
    """Run the command and return the exit code."""
    given = _parser().parse_args()
    if given.only:
        _run_here(given.only, given.seconds, given.folder, given.seed)
        return 0
    failed = [name for name in given.harness or NAMES if not _run(name, given.seconds, given.seed)]
    return 1 if failed else 0


def _run(name: str, seconds: int, seed: int) -> bool:
    """Run one harness in a separate process, and print its result."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        for number, data in enumerate(_find(name).inputs):
            Path(folder, f"seed-{number}").write_bytes(data)
        command = [sys.executable, "-m", "fuzz", "--only", name, "--folder", folder]
        command += ["--seconds", str(seconds), "--seed", str(seed)]
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, check=False, timeout=seconds + _GRACE
        )
        took = time.monotonic() - began
    output = (done.stdout + done.stderr).decode("utf-8", "replace")
    inputs = re.findall(r"(?:number_of_executed_units:|inputs:) *(\d+)", output)
    covered = re.findall(r"cov: (\d+) ft: (\d+)", output)
    reached = f", {covered[-1][0]} edges, {covered[-1][1]} features" if covered else ""
    sys.stdout.write(f"{name}: {inputs[-1] if inputs else '?'} inputs in {took:.0f} s{reached}")
    sys.stdout.write(f"\n{output[-3000:]}\nFAILED\n" if done.returncode else ", nothing failed\n")
    sys.stdout.flush()
    return not done.returncode


def _run_here(name: str, seconds: int, folder: str, seed: int) -> None:
    if HAS_ATHERIS:
        guided(lambda: _find(name), seconds, folder, seed)
    else:
        sys.stdout.write(f"inputs: {unguided(_find(name), seconds, seed)}\n")


def _find(name: str) -> Harness:
    from fuzz.harnesses import HARNESSES  # noqa: PLC0415 - see `guided`

    return HARNESSES[name]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzz the exporter.")
    parser.add_argument("harness", nargs="*", choices=[*NAMES, []], help="only these")
    parser.add_argument(
        "--seconds", type=int, default=50, help="for each harness (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="the same makes the same inputs"
    )
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
