"""Runs the program as a process, the way a user does."""

import os
import re
import socket
import subprocess
import sys
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
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - http, on loopback
        return str(answer.read().decode())


_RESERVED = list[socket.socket]()


def unused_port() -> int:
    """Reserve a port of loopback on which nothing listens, for as long as the tests run.

    The system gives it to no other process. A server that sets SO_REUSEADDR can listen on it.
    """
    one = socket.socket()
    _RESERVED.append(one)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("127.0.0.1", 0))
    return int(one.getsockname()[1])
