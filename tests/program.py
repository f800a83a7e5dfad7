"""Runs the program as a process of its own, the way a user does."""

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ONE_TARGET = "targets:\n- {name: a, system: genesys_ucs, url: 'http://127.0.0.1:1'}\n"
"""A configuration of one target that is always down."""


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program as a process of its own."""
    command = [sys.executable, "-m", "exporter", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=60)


def said(stderr: str) -> list[str]:
    """Return the lines that are for a person, without those of the log."""
    return [line for line in stderr.splitlines() if not line.startswith("time=")]


@contextmanager
def started(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start the program and yield it with the address it says it listens on."""
    command = [sys.executable, "-m", "exporter", *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            found = re.search(r"(?:address=|metrics +http://)([\d.]+:\d+)", line)
            if found:
                yield process, found[1]
                break
        else:
            pytest.fail("the program ended")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - http, on loopback
        return str(answer.read().decode())


def fetch_until(url: str, expected: str) -> str:
    """Fetch the page until it holds the text, and return it."""
    deadline = time.monotonic() + 60
    while expected not in (page := fetch(url)):
        assert time.monotonic() < deadline, page
        time.sleep(0.02)
    return page
