"""The command line: `python -m soak [--minutes M] [--targets N] [--interval SECONDS]`.

Standard output gets the table of figures. Exit codes: 0 all of them hold, 1 one does not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from gzip import decompress
from pathlib import Path
from typing import IO, Any

import yaml
from rich.console import Console
from rich.table import Table

from exporter.simulator.demo import config_text
from soak.figures import Figure, Page, judge, read_page

ROOT = Path(__file__).parent.parent
_OPENMETRICS = "application/openmetrics-text;version=1.0.0"
# In turn, as Prometheus and people ask.
_WAYS = (("text/plain", "identity"), (_OPENMETRICS, "identity"), (_OPENMETRICS, "gzip"))
_SHARE_WARMING = 0.2
_PAGES = 60
_LOOKS = 120


def main() -> int:
    """Run the command and return the exit code."""
    given = _parser().parse_args()
    figures = list(_soak(given.minutes * 60, given.targets, given.interval))
    table = Table("figure", "value", "")
    for figure in figures:
        table.add_row(figure.name, figure.told, "holds" if figure.holds else "FAILS")
    Console(soft_wrap=True, width=100).print(table)
    return 0 if all(figure.holds for figure in figures) else 1


def _soak(seconds: float, targets: int, interval: float) -> Iterator[Figure]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        simulator = stack.enter_context(
            _started(folder / "simulator.log", "exporter.simulator", "--listen", "127.0.0.1:0")
        )
        upstream = simulator.readline().strip().rpartition(":")[2]
        # A target's luck lasts for several of its polls.
        luck = str(4 * interval)
        front = stack.enter_context(
            _started(folder / "front.log", "soak.faulty", upstream, str(targets), luck)
        )
        config = folder / "config.yaml"
        config.write_text(_config(json.loads(front.readline()), interval), encoding="utf-8")
        log = folder / "exporter.log"
        looks = str(max(0.5, seconds / _LOOKS))
        exporter = stack.enter_context(_started(log, "soak.watched", str(config), looks))
        address = exporter.readline().strip()
        held: list[dict[str, int]] = []
        threading.Thread(target=_gather, args=(exporter, held), daemon=True).start()
        _wait_until_ready(address)
        time.sleep(seconds * _SHARE_WARMING)
        del held[:]
        pages = _scrape(address, seconds * (1 - _SHARE_WARMING))
        lines = log.read_text(encoding="utf-8").splitlines()
        yield from judge(pages, held, lines, targets, interval)


@contextmanager
def _started(log: Path, module: str, *arguments: str) -> Iterator[IO[str]]:
    """Start a module as a process and yield what it writes; it ends with the context."""
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
            if process.stdout is not None:
                yield process.stdout
        finally:
            process.kill()


def _config(ports: Sequence[int], interval: float) -> str:
    """Write the demo's configuration with its kinds of targets repeated, each at its own port."""
    data: dict[str, Any] = yaml.safe_load(config_text("http://127.0.0.1:1"))
    kinds = data["targets"]
    data["targets"] = [
        {
            **kinds[number % len(kinds)],
            "name": f"target-{number}",
            "url": kinds[number % len(kinds)]["url"].replace(":1", f":{port}", 1),
        }
        for number, port in enumerate(ports)
    ]
    milliseconds = int(interval * 1000)
    data["global"] = {"interval": f"{milliseconds}ms", "timeout": f"{milliseconds // 2}ms"}
    return yaml.safe_dump(data)


def _gather(lines: IO[str], held: list[dict[str, int]]) -> None:
    while line := lines.readline():
        held.append(json.loads(line))


def _wait_until_ready(address: str) -> None:
    while True:
        try:
            urllib.request.urlopen(f"http://{address}/-/ready").close()
        except urllib.error.HTTPError:
            time.sleep(0.2)
        else:
            return


def _scrape(address: str, seconds: float) -> list[Page]:
    pages: list[Page] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        accept, encoding = _WAYS[len(pages) % len(_WAYS)]
        asked = urllib.request.Request(
            f"http://{address}/metrics", headers={"Accept": accept, "Accept-Encoding": encoding}
        )
        with urllib.request.urlopen(asked) as answer:  # noqa: S310 - http, on loopback
            body = answer.read()
        text = (decompress(body) if encoding == "gzip" else body).decode()
        pages.append(read_page(text, began, openmetrics=accept == _OPENMETRICS))
        time.sleep(max(0.0, min(began + seconds / _PAGES, end) - time.monotonic()))
    return pages


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m soak", description="Soak the exporter.")
    parser.add_argument("--minutes", type=float, default=10.0, help="default: %(default)s")
    parser.add_argument("--targets", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds; default: %(default)s")
    return parser


if __name__ == "__main__":
    sys.exit(main())
