"""A fast status server on loopback, which every measured program polls.

`python -m bench.server PORT TLS-PORT CERTIFICATE` listens on all loopback addresses, so that each
of many targets has a connection of its own. The port without TLS has two more paths:

/bench/count           the polls since the last /bench/watch, as JSON: `polls`, their number; `late`,
                       those that came later after the one before at the same address than allowed;
                       `longest`, the longest such pause in seconds; `addresses`, their number
/bench/watch?SECONDS   starts to count again; a pause longer than SECONDS is late
"""

import asyncio
import json
import socket
import ssl
import sys
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.answers import BODIES

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_BACKLOG = 16384


class Counter:
    """Counts polls, and the pauses between two polls of an address."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._number = 0
        self.watch(float("inf"))

    def watch(self, allowed: float) -> None:
        """Start to count again."""
        self._allowed = allowed
        self._polls = self._late = 0
        self._longest = 0.0
        self._last: dict[str, float] = {}

    def count(self, address: str) -> int:
        """Count a poll and return its number, which is never used again."""
        now = self._loop.time()
        pause = now - self._last.get(address, now)
        self._last[address] = now
        self._polls += 1
        self._number += 1
        self._longest = max(self._longest, pause)
        if pause > self._allowed:
            self._late += 1
        return self._number

    def as_json(self) -> bytes:
        """Return the counts."""
        return json.dumps(
            {
                "polls": self._polls,
                "late": self._late,
                "longest": self._longest,
                "addresses": len(self._last),
            }
        ).encode()


class Status(asyncio.Protocol):
    """One connection; it answers each request at once."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what the answers need."""
        self._transport = cast(asyncio.Transport, transport)
        self._address: str = transport.get_extra_info("sockname")[0]

    def data_received(self, data: bytes) -> None:
        """Answer all complete requests; none has a body."""
        self._pending += data
        while (end := self._pending.find(b"\r\n\r\n")) >= 0:
            target = self._pending[4 : self._pending.index(b" ", 4)]
            self._pending = self._pending[end + 4 :]
            path = target.partition(b"?")[0]
            make = BODIES.get(path)
            body = make(self._counter.count(self._address)) if make else self._control(target)
            self._transport.write(_HEAD % (len(body), body))

    def _control(self, target: bytes) -> bytes:
        parts = urlsplit(target.decode())
        if parts.path == "/bench/watch":
            self._counter.watch(float(parts.query))
        return self._counter.as_json()


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # All of 127.0.0.0/8, and no address that another machine can reach.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listener.bind(("0.0.0.0", port))  # noqa: S104 - bound to the loopback device above
    listener.listen(_BACKLOG)
    return listener


async def main(port: int, tls_port: int, certificate: str) -> None:
    """Serve until the process is ended."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    counter = Counter(loop)
    await loop.create_server(
        lambda: Status(counter), sock=_listener(tls_port), ssl=tls, backlog=_BACKLOG
    )
    server = await loop.create_server(
        lambda: Status(counter), sock=_listener(port), backlog=_BACKLOG
    )
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
