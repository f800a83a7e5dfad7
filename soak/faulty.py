"""A proxy in front of the simulator: a port for each target, a share of which fails in turn.

`python -m soak.faulty UPSTREAM-PORT TARGETS SECONDS CERTIFICATE` writes the ports as JSON. Which
targets fail, and how, is drawn again every so many seconds. A third of the ports take HTTPS.
"""

import asyncio
import json
import re
import socket
import ssl
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

HOST = "127.0.0.1"
SHARE = 0.2
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


async def _hang(reader: Reader, _writer: Writer) -> None:
    await reader.read()


async def _reset(_reader: Reader, writer: Writer) -> None:
    # Closing with a linger time of 0 sends RST instead of FIN.
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def _drip(_reader: Reader, writer: Writer) -> None:
    writer.write(_HEAD)
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.5)


def _say(answer: bytes) -> Callable[[Reader, Writer], Awaitable[None]]:
    async def say(_reader: Reader, writer: Writer) -> None:
        writer.write(answer)
        await writer.drain()

    return say


FAULTS: dict[str, Callable[[Reader, Writer], Awaitable[None]]] = {
    "refuse": _reset,
    "hang": _hang,
    "reset": _reset,
    "drip": _drip,
    "garbage": _say(bytes(range(256))),
    "cut": _say(_HEAD + b'{"mode":'),
    "503": _say(b"HTTP/1.1 503 X\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"),
    "redirect": _say(
        b"HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    ),
    "login": _say(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"),
    "too large": _say(_HEAD.replace(b"500", b"9999999") + b" " * 100_000),
}


def is_secure(number: int) -> bool:
    """Return whether a target has HTTPS: every third ten of them."""
    return number // 10 % 3 == 0


def is_steady(number: int) -> bool:
    """Return whether a target never fails: every tenth."""
    return number % 10 == 0


class Port:
    """The port of one target."""

    def __init__(
        self, number: int, upstream: int, seconds: float, tls: ssl.SSLContext | None
    ) -> None:
        self._number = number
        self._upstream = upstream
        self._seconds = seconds
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[Writer] = set()
        # Reserves the port while nothing listens on it.
        self._reserved = _bound(0)
        self.port = int(self._reserved.getsockname()[1])

    async def turn(self) -> None:
        """Listen, or refuse connections if that is the fault."""
        refuses = self._fault() == "refuse"
        if refuses and self._server:
            self._server.close()
            self._server = None
            for writer in self._open:
                writer.transport.abort()
        elif not refuses and not self._server:
            self._server = await asyncio.start_server(
                self._connected, sock=_bound(self.port), ssl=self._tls
            )

    def _fault(self) -> str | None:
        if is_steady(self._number):
            return None
        luck = Random(f"{self._number} {time.monotonic() // self._seconds}")  # noqa: S311 - luck
        return luck.choice(list(FAULTS)) if luck.random() < SHARE else None

    async def _connected(self, reader: Reader, writer: Writer) -> None:
        self._open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        self._open.discard(writer)
        writer.close()

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        behind, onward = await asyncio.open_connection(HOST, self._upstream)
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                sent = _LENGTH.search(request)
                request += await reader.readexactly(int(sent[1])) if sent else b""
                fault = self._fault()
                if fault:
                    await FAULTS[fault](reader, writer)
                    return
                onward.write(request)
                head = await behind.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await behind.readexactly(int(length[1])) if length else b""
                writer.write(head + body)
                await writer.drain()
        finally:
            onward.close()


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((HOST, port))
    return one


async def main(upstream: int, targets: int, seconds: float, certificate: str) -> None:
    """Serve until the process is ended."""
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    ports = [
        Port(number, upstream, seconds, tls if is_secure(number) else None)
        for number in range(targets)
    ]
    for port in ports:
        await port.turn()
    sys.stdout.write(f"{json.dumps([port.port for port in ports])}\n")
    sys.stdout.flush()
    while True:
        await asyncio.sleep(1)
        for port in ports:
            await port.turn()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
