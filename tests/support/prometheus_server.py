"""Runs a real Prometheus and queries it."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from support.process import fetch

_Seen = TypeVar("_Seen")

LISTENING = re.compile(r'msg="Listening on" .*?address=(\S+:\d+)')
# What must happen does so long before; what does not fails.
PATIENCE = 60.0


@contextmanager
def prometheus(server: str, job: str, folder: Path) -> Iterator[str]:
    """Run a Prometheus whose one job scrapes each second; yield its address."""
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n"
        "scrape_configs:\n"
        f"  - {{job_name: demo, {job}}}\n",
        encoding="utf-8",
    )
    command = [
        server,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with running(command, folder / "log") as address:
        yield address


@contextmanager
def running(command: list[str], log: Path) -> Iterator[str]:
    """Run a server of the Prometheus project on a port that the system chooses; yield its address.

    They log the address on which they listen.
    """
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := LISTENING.search(log.read_text(encoding="utf-8"))):
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield found[1]
    finally:
        process.kill()
        process.wait()


def ask(address: str, path: str, **params: str) -> Any:
    """Send a request to Prometheus' API; None if it is not up yet."""
    try:
        body = fetch(f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(params)}")
    except (urllib.error.URLError, ConnectionError):
        return None
    return json.loads(body)["data"]


def _until(observe: Callable[[], _Seen], is_enough: Callable[[_Seen], bool]) -> _Seen:
    """Observe until it is enough, or the wait is over, and return what was observed last."""
    deadline = time.monotonic() + PATIENCE
    while True:
        seen = observe()
        if is_enough(seen) or time.monotonic() > deadline:
            return seen
        time.sleep(0.2)


def until_scraped(address: str, error: str = "") -> Any:
    """Request the targets until the last scrape of each ended so, or the wait is over.

    Without an error, the last scrape of each has to work.
    """
    return _until(
        lambda: ask(address, "targets"),
        lambda targets: {target["lastError"] for target in targets["activeTargets"]} == {error},
    )


def until_answered(address: str, query: str, expected: int) -> list[Any]:
    """Query until the expected number of series is returned, or the wait is over."""

    def series() -> list[Any]:
        data = ask(address, "query", query=query)
        return data["result"] if data else []

    return _until(series, lambda found: len(found) == expected)


def until_stored(address: str, names: set[str]) -> set[str]:
    """Request the stored metric names until these are among them, or the wait is over.

    Returns the names that Prometheus does not have.
    """
    return _until(
        lambda: names.difference(ask(address, "label/__name__/values") or ()),
        lambda missing: not missing,
    )
