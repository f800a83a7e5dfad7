"""The command line: `python -m soak [--minutes M] [--targets N] [--interval SECONDS]`.

Standard output has the table of figures. Exit codes: 0 all of them hold, 1 one does not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import trustme
import yaml
from rich.console import Console
from rich.table import Table

from bench.machine import free_port
from exporter.simulator.demo import config_text
from soak import hostile
from soak.faulty import HOST, is_secure, is_steady
from soak.scraped_pages import scrape
from soak.verdicts import MAX_ENDING_SECONDS, STEADY, Run, judge

ROOT = Path(__file__).parent.parent
_SHARE_WARMING = 0.2
_LOOKS = 120
_MAX_START_SECONDS = 120.0


def main() -> int:
    """Run the command and return the exit code."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        run = _soak(Path(folder), given.minutes * 60, given.targets, given.interval)
    figures = list(judge(run))
    table = Table("figure", "value", "")
    for figure in figures:
        table.add_row(figure.name, figure.value, "holds" if figure.holds else "FAILS")
    Console(soft_wrap=True, width=100).print(table)
    return 0 if all(figure.holds for figure in figures) else 1


def _soak(folder: Path, seconds: float, targets: int, interval: float) -> Run:
    with ExitStack() as stack:

        def start(module: str, *arguments: str) -> subprocess.Popen[str]:
            errors = folder / f"{module}.log"
            return stack.enter_context(_started(errors, module, *arguments))

        simulator = start("exporter.simulator", "--listen", f"{HOST}:0")
        upstream = _lines(simulator).readline().strip().rpartition(":")[2]
        # A fault lasts for several polls of a target.
        lasting = str(4 * interval)
        front = start("soak.faulty", upstream, str(targets), lasting, _certificate(folder))
        ports = json.loads(_lines(front).readline())
        hostile_port = int(_lines(start("soak.hostile")).readline())
        config = folder / "config.yaml"
        config.write_text(_config(ports, hostile_port, interval, folder), encoding="utf-8")
        address = f"{HOST}:{free_port()}"
        options = ("--web.listen-address", address, "--log.format", "json")
        looks = str(max(0.5, seconds / _LOOKS))
        exporter = start("soak.watched", looks, "serve", "--config.file", str(config), *options)
        held: list[dict[str, int]] = []
        threading.Thread(target=_gather, args=(_lines(exporter), held), daemon=True).start()
        log = folder / "soak.watched.log"
        _wait_until_ready(address, exporter, log)
        time.sleep(seconds * _SHARE_WARMING)
        del held[:]
        pages, unreadable = scrape(address, seconds * (1 - _SHARE_WARMING))
        ending = _terminate(exporter)
    return Run(
        targets=targets + len(hostile.TARGETS),
        interval=interval,
        pages=pages,
        unreadable=unreadable,
        held=held,
        log=log.read_text(encoding="utf-8").splitlines(),
        ending=ending,
    )


@contextmanager
def _started(log: Path, module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a module as a process, which is killed with the context."""
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _lines(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdout is None:
        raise ValueError("the process has no pipe")
    return process.stdout


def _certificate(folder: Path) -> str:
    """Write a certificate for the targets, and that of its authority; returns the former's path."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    path = folder / "server.pem"
    authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(path)
    return str(path)


def _config(ports: Sequence[int], hostile_port: int, interval: float, folder: Path) -> str:
    """Write the demo's configuration with its kinds of targets repeated, each at its own port."""
    data: dict[str, Any] = yaml.safe_load(config_text(f"http://{HOST}:1"))
    kinds = data["targets"]
    data["targets"] = [
        _target(number, kinds[number % len(kinds)], port) for number, port in enumerate(ports)
    ]
    for client in data["clients"].values():
        client["tls_config"] = {"ca_file": str(folder / "ca.pem")}
    data["systems"] = hostile.DECLARATION
    data["targets"] += hostile.targets(hostile_port)
    milliseconds = int(interval * 1000)
    data["global"] = {"interval": f"{milliseconds}ms", "timeout": f"{milliseconds // 2}ms"}
    return yaml.safe_dump(data)


def _target(number: int, kind: dict[str, Any], port: int) -> dict[str, Any]:
    scheme = "https" if is_secure(number) else "http"
    url = kind["url"].replace(f"http://{HOST}:1", f"{scheme}://{HOST}:{port}", 1)
    return {**kind, "name": f"{STEADY if is_steady(number) else 'target-'}{number}", "url": url}


def _gather(lines: IO[str], held: list[dict[str, int]]) -> None:
    while line := lines.readline():
        held.append(json.loads(line))


def _wait_until_ready(address: str, exporter: subprocess.Popen[str], log: Path) -> None:
    end = time.monotonic() + _MAX_START_SECONDS
    while exporter.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://{address}/-/ready").close()
        except urllib.error.URLError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"the exporter did not become ready: {log.read_text(encoding='utf-8')[-1000:]}")


def _terminate(exporter: subprocess.Popen[str]) -> float | None:
    """Send SIGTERM; returns the seconds until the process ended, or None."""
    began = time.monotonic()
    exporter.terminate()
    try:
        code = exporter.wait(2 * MAX_ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    return None if code else time.monotonic() - began


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m soak", description="Soak the exporter.")
    parser.add_argument("--minutes", type=float, default=10.0, help="default: %(default)s")
    parser.add_argument("--targets", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds; default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
