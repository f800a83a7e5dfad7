"""Ten thousand targets in a file, some of which are swapped again and again: is each polled in time?

`python -m bench.churn` starts a fast server and the exporter, both on loopback, and tells what was
missed, what was polled twice, and what memory and event loop made of it.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count, pairwise
from pathlib import Path
from typing import cast

import uvloop

from bench.bodies import clanforge
from bench.figures import BenchError
from bench.machine import free_port

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_PATH = b"/cfp/v1/server/"
# What a target may come later than its interval before its poll counts as missed, and what a new
# one may take: a look at the file, the making of it, its place among the first polls.
_LATE_SECONDS = 1.5
_COMES_WITHIN_SECONDS = 10.0


class Server(asyncio.Protocol):
    """One connection to the made-up fleet; `seen` has the moments at which each was asked."""

    def __init__(self, seen: dict[bytes, list[float]]) -> None:
        self._seen = seen
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the answers need."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer each whole request; none has a body."""
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            start = self._pending.index(_PATH) + len(_PATH)
            serverid = self._pending[start : self._pending.index(b"/", start)]
            self._pending = self._pending[end + 4 :]
            moments = self._seen.setdefault(serverid, [])
            moments.append(time.monotonic())
            body = clanforge(len(moments))
            self._transport.write(_HEAD % (len(body), body))


class Fleet:
    """The list in the file, and when each server came into it and went."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._next = count(1_000_000)
        self.there = deque(str(next(self._next)) for _ in range(size))
        self.began = time.monotonic()
        self.came = dict.fromkeys(self.there, self.began)
        self.went: dict[str, float] = {}
        self._write()

    def swap(self, number: int) -> None:
        """Take the oldest out and put as many new ones in."""
        for _ in range(number):
            self.went[self.there.popleft()] = time.monotonic()
            serverid = str(next(self._next))
            self.there.append(serverid)
            self.came[serverid] = time.monotonic()
        self._write()

    def _write(self) -> None:
        new = self._path.with_suffix(".new")
        groups = [{"targets": list(self.there), "labels": {"fleet": "churn"}}]
        new.write_text(json.dumps(groups), encoding="utf-8")
        new.replace(self._path)


def judge(fleet: Fleet, seen: dict[bytes, list[float]], interval: float, end: float) -> list[str]:
    """Say what was missed and what came twice."""
    polls = missed = twice = never = 0
    longest, shortest, slowest = 0.0, float("inf"), 0.0
    for serverid, came in fleet.came.items():
        moments = seen.get(serverid.encode())
        went = fleet.went.get(serverid, end)
        if moments is None:
            never += went - came > _COMES_WITHIN_SECONDS + interval
            continue
        polls += len(moments)
        if came > fleet.began:
            slowest = max(slowest, moments[0] - came)
        pauses = [after - before for before, after in pairwise(moments)]
        # The first poll is early, then the target's own rhythm begins.
        regular = pauses[1:]
        missed += sum(pause > interval + _LATE_SECONDS for pause in regular)
        missed += sum(pause > 1.5 * interval + _LATE_SECONDS for pause in pauses[:1])
        missed += went - moments[-1] > 1.5 * interval + _LATE_SECONDS
        twice += sum(pause < 0.5 * interval - 0.1 for pause in pauses)
        longest, shortest = max(longest, *regular, 0), min([shortest, *regular])
    return [
        f"targets   {len(fleet.came)}, of which {len(fleet.went)} went; {polls} polls",
        f"missed    {missed} polls, {never} targets never polled",
        f"twice     {twice} polls in less than half an interval",
        f"pauses    {shortest:.2f} to {longest:.2f} s once in their rhythm",
        f"new ones  first asked {slowest:.1f} s after they were written at the latest",
    ]


def inside(port: int) -> list[str]:
    """Say what the exporter tells of itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        page = answer.read().decode()
    wanted = (
        "loop_lag_seconds_bucket",
        "late_polls_total",
        "discovery_",
        "status_exporter_targets",
    )
    return [
        line
        for line in page.splitlines()
        if any(word in line for word in wanted) and not line.startswith("#")
    ]


def resident(pid: int) -> float:
    """Return the process' resident memory in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Start everything, swap for so long, and tell."""
    loop = asyncio.get_running_loop()
    seen: dict[bytes, list[float]] = {}
    server = await loop.create_server(lambda: Server(seen), "127.0.0.1", 0, backlog=1024)
    api = server.sockets[0].getsockname()[1]
    fleet = Fleet(folder / "fleet.json", arguments.targets)
    (folder / "config.yaml").write_text(
        f"global: {{interval: {arguments.interval}s, timeout: {arguments.interval - 1}s}}\n"
        f'discovery: [{{system: clanforge, url: "http://127.0.0.1:{api}",'
        " file_sd: {files: [fleet.json]}}]\n",
        encoding="utf-8",
    )
    port = free_port()
    exporter = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "serve", "--config.file", folder / "config.yaml"),
        *("--web.listen-address", f"127.0.0.1:{port}", "--log.level", "error"),
    )
    try:
        end = time.monotonic() + 60 * arguments.minutes
        while time.monotonic() < end:
            await asyncio.sleep(arguments.every)
            if exporter.returncode is not None:
                raise BenchError("the exporter ended")
            fleet.swap(arguments.swap)
            polls = sum(map(len, seen.values()))
            sys.stdout.write(f"{resident(exporter.pid):6.1f} MiB, {polls} polls\n")
        told = [*judge(fleet, seen, arguments.interval, time.monotonic())]
        told += await asyncio.to_thread(inside, port)
    finally:
        with suppress(ProcessLookupError):
            exporter.terminate()
        await exporter.wait()
        server.close()
    sys.stdout.write("\n".join([*told, ""]))


def main(arguments: Sequence[str]) -> None:
    """Read the flags and run."""
    parser = argparse.ArgumentParser(prog="python -m bench.churn", description=__doc__)
    parser.add_argument("--targets", type=int, default=10_000)
    parser.add_argument("--interval", type=int, default=15, help="seconds between two polls")
    parser.add_argument("--swap", type=int, default=20, help="how many are swapped at a time")
    parser.add_argument("--every", type=float, default=12.0, help="seconds between two swaps")
    parser.add_argument("--minutes", type=float, default=5.0)
    with (
        tempfile.TemporaryDirectory(prefix="churn-") as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(run(parser.parse_args(arguments), Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
