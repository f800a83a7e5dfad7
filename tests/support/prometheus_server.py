"""Runs a real Prometheus and queries it."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.process import fetch, unused_port


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
    address = f"127.0.0.1:{unused_port()}"
    command = [
        server,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield address
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


def until_answered(address: str, query: str, expected: int) -> list[Any]:
    """Ask until as many series come back as are expected, or a minute has passed."""
    deadline = time.monotonic() + 60
    result: list[Any] = []
    while time.monotonic() < deadline:
        data = ask(address, "query", query=query)
        result = data["result"] if data else []
        if len(result) == expected:
            break
        time.sleep(0.2)
    return result
