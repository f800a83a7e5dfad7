"""Runs a real Prometheus and queries it."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.process import fetch

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


def until_scraped(address: str, error: str = "") -> Any:
    """Request the targets until the last scrape of each ended so, or the wait is over.

    Without an error, the last scrape of each has to work.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        targets = ask(address, "targets")
        errors = {target["lastError"] for target in targets["activeTargets"]}
        if errors == {error} or time.monotonic() > deadline:
            return targets
        time.sleep(0.2)


def until_answered(address: str, query: str, expected: int) -> list[Any]:
    """Query until the expected number of series is returned, or the wait is over."""
    deadline = time.monotonic() + PATIENCE
    result: list[Any] = []
    while time.monotonic() < deadline:
        data = ask(address, "query", query=query)
        result = data["result"] if data else []
        if len(result) == expected:
            break
        time.sleep(0.2)
    return result


def until_stored(address: str, names: set[str]) -> set[str]:
    """Request the stored metric names until these are among them, or the wait is over.

    Returns the names that Prometheus does not have.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        missing = names.difference(ask(address, "label/__name__/values") or ())
        if not missing or time.monotonic() > deadline:
            return missing
        time.sleep(0.2)
