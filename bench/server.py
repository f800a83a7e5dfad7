"""A fast status server on loopback: what everything that is measured polls.

`python -m bench.server PORT` listens on every loopback address, so that a crowd of targets can
each have a connection of its own. Two paths are the benchmark's own:

/bench/count           what was asked since the last /bench/watch, as JSON: `polls`, how many; `late`,
                       how many came later after the one before at the same address than allowed;
                       `longest`, the longest such pause in seconds; `addresses`, of how many
/bench/watch?SECONDS   starts to count anew; a longer pause than SECONDS is late
"""

import asyncio
import json
import socket
import sys
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.bodies import BY_PATH, clanforge

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_BACKLOG = 16384


class Count:
    """What was asked so far."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._number = 0
        self.watch(float("inf"))

    def watch(self, allowed: float) -> None:
        """Count anew."""
        self._allowed = allowed
        self._polls = self._late = 0
        self._longest = 0.0
        self._last: dict[str, float] = {}

    def poll(self, address: str) -> int:
        """Count a poll and return its number, which never repeats."""
        now = self._loop.time()
        pause = now - self._last.get(address, now)
        self._last[address] = now
        self._polls += 1
        self._number += 1
        self._longest = max(self._longest, pause)
        if pause > self._allowed:
            self._late += 1
        return self._number

    def told(self) -> bytes:
        """Return the count as JSON."""
        return json.dumps(
            {
                "polls": self._polls,
                "late": self._late,
                "longest": self._longest,
                "addresses": len(self._last),
            }
        ).encode()


class Status(asyncio.Protocol):
    """One connection: answers each request at once."""

    def __init__(self, count: Count) -> None:
        self._count = count
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the answers need."""
        self._transport = cast(asyncio.Transport, transport)
        self._address: str = transport.get_extra_info("sockname")[0]

    def data_received(self, data: bytes) -> None:
        """Answer each whole request; none has a body."""
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            path = self._pending[4 : self._pending.index(b" ", 4)]
            self._pending = self._pending[end + 4 :]
            body = self._own(path) if path.startswith(b"/bench/") else self._answer(path)
            self._transport.write(_HEAD % (len(body), body))

    def _answer(self, path: bytes) -> bytes:
        return BY_PATH.get(path, clanforge)(self._count.poll(self._address))

    def _own(self, path: bytes) -> bytes:
        parts = urlsplit(path.decode())
        if parts.path == "/bench/watch":
            self._count.watch(float(parts.query))
        return self._count.told()


async def main(port: int) -> None:
    """Serve until the process is ended."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Every address of 127.0.0.0/8, and none that another machine could reach.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listener.bind(("0.0.0.0", port))  # noqa: S104 - bound to the loopback device above
    listener.listen(_BACKLOG)
    loop = asyncio.get_running_loop()
    count = Count(loop)
    server = await loop.create_server(lambda: Status(count), sock=listener, backlog=_BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1])))
