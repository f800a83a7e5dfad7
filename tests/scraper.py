"""Runs a real Prometheus, of each version that is on this machine, and asks it."""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from program import fetch

HERE = Path(__file__).parent
# Debian's own, and a 3.x that was unpacked beside the project or is named in the environment.
CANDIDATES = (
    shutil.which("prometheus"),
    str(HERE.parent / ".tools" / "prometheus3" / "usr" / "bin" / "prometheus"),
    *os.environ.get("PROMETHEUS", "").split(os.pathsep),
)
SERVERS = [path for path in CANDIDATES if path and Path(path).is_file()]

LISTENING = re.compile(r'msg="Listening on" .*?address=(\S+:\d+)')
# What must happen does so long before; what does not fails.
PATIENCE = 60.0


def version_of(server: str) -> str:
    done = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).split()[2].partition("+")[0]


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
    """Ask Prometheus' API; None while it is not there yet."""
    try:
        body = fetch(f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(params)}")
    except (urllib.error.URLError, ConnectionError):
        return None
    return json.loads(body)["data"]


def until_scraped(address: str) -> Any:
    """Ask for the targets until the last scrape of each worked, or the wait is over."""
    deadline = time.monotonic() + PATIENCE
    while True:
        targets = ask(address, "targets")
        errors = {target["lastError"] for target in targets["activeTargets"]}
        if errors == {""} or time.monotonic() > deadline:
            return targets
        time.sleep(0.2)


def until_answered(address: str, query: str, expected: int) -> list[Any]:
    """Ask until as many series come back as are expected, or the wait is over."""
    deadline = time.monotonic() + PATIENCE
    result: list[Any] = []
    while time.monotonic() < deadline:
        data = ask(address, "query", query=query)
        result = data["result"] if data else []
        if len(result) == expected:
            break
        time.sleep(0.2)
    return result
