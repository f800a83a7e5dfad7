"""Runs the program as a process, as users do."""

import atexit
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from support.repository import ROOT

ONE_TARGET = "targets:\n- {name: a, system: genesys_ucs, url: 'http://127.0.0.1:1'}\n"
"""A configuration of one target that is always down."""


class _ForkServer:
    """One `support.fork_server`, and the socket to it."""

    def __init__(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders.settimeout(60)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "support.fork_server"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._orders.close()
        self._process.kill()
        self._process.wait()

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        order = {"arguments": arguments, "folder": str(folder), "environment": dict(os.environ)}
        with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            streams = [out.fileno(), err.fileno()]
            socket.send_fds(self._orders, [json.dumps(order).encode()], streams)
            code = json.loads(self._orders.recv(100))
            for one in (out, err):
                one.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


_idle = list[_ForkServer]()


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program in a process that is forked from one that has imported it."""
    server = _idle.pop() if _idle else _ForkServer()
    done = server.run(arguments, cwd or Path.cwd())
    _idle.append(server)
    return done


def said(stderr: str) -> list[str]:
    """Return the lines for people, without those of the log."""
    return [line for line in stderr.splitlines() if not line.startswith("time=")]


@contextmanager
def started(*arguments: str, first: str = "") -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start the program and yield it with the address that it logs.

    `first` is what a shell does first, such as `ulimit -n 64`.
    """
    command = [sys.executable, "-m", "exporter", *arguments]
    if first:
        command = ["sh", "-c", f'{first}; exec "$@"', "sh", *command]
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
    """Fetch the page until it contains the text, and return it."""
    deadline = time.monotonic() + 60
    while expected not in (page := fetch(url)):
        assert time.monotonic() < deadline, page
        time.sleep(0.02)
    return page


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
