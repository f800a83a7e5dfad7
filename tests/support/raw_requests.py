"""The site of the exporter with its limits, and requests to it byte by byte."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import web

from exporter.clock import Clock
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.connection_limits import ConnectionLimiter, Limits
from exporter.toolkit.listen import listening
from exporter.toolkit.protection import PROTECTION
from exporter.web import exposition
from exporter.web.routes import make_app

PIECE = b"x" * 100_000 + b"\n"
PIECES = 50
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"
HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = b"GET /-/healthy HTTP/1.0\r\n\r\n"
LAST_SCRAPE = SCRAPE.replace(b"1.1", b"1.0")


class Port:
    """A running server, its limiter and its counts."""

    def __init__(self, address: str, telemetry: Telemetry, limiter: ConnectionLimiter) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.limiter = limiter
        self._telemetry = telemetry
        self._open = list[asyncio.StreamWriter]()

    def rejected(self, reason: str) -> float:
        name, labels = "status_exporter_http_rejected_total", {"reason": reason}
        found = self._telemetry.registry.get_sample_value(name, labels)
        assert found is not None
        return found

    async def connect(
        self, sent: bytes = b"", path: Path | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection with a small receive buffer; a path names a Unix socket."""
        one = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.setblocking(False)
        await asyncio.get_running_loop().sock_connect(
            one, str(path) if path else (self.host, self.port)
        )
        reader, writer = await asyncio.open_connection(sock=one, limit=4096)
        self._open.append(writer)
        writer.write(sent)
        return reader, writer

    async def ask(self, sent: bytes, path: Path | None = None) -> bytes:
        """Return all bytes until the end of the connection."""
        async with asyncio.timeout(60):
            reader, writer = await self.connect(sent, path)
            parts = [b""]
            with suppress(ConnectionError):
                while part := await reader.read(1_000_000):
                    parts.append(part)
            writer.close()
            return b"".join(parts)

    async def is_well(self) -> bool:
        return b"200 OK" in await self.ask(LAST)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.01)

    def close(self) -> None:
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def opened(
    limits: Limits, grace: float = 0.2, path: Path | None = None, clock: Clock | None = None
) -> AsyncIterator[Port]:
    """Serve with these limits; shutdown must end in time."""
    telemetry = Telemetry()
    targets = Targets(Settings(targets=()), telemetry, Clock())
    app = make_app(targets, telemetry, "/metrics", limits=limits)
    limiter = app[PROTECTION].limiter
    if clock:
        limiter._monotonic = clock.monotonic
    async with AsyncExitStack() as stack:
        more = [f"unix:{path}"] if path else []
        address, *_ = await stack.enter_async_context(
            listening(app, ["127.0.0.1:0", *more], grace=grace)
        )
        port = Port(address, telemetry, limiter)
        yield port
        async with asyncio.timeout(60):
            await stack.aclose()
        port.close()


def enlarge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the page of metrics larger than the buffers between two processes."""
    monkeypatch.setattr(exposition, "expose", lambda *_: [PIECE] * PIECES)


MARK = "zqxj"
"""A part of requests that no answer may repeat."""


def is_safe(answer: bytes) -> bool:
    """Return whether the answer is short, has the safe headers and echoes nothing marked."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return (
        b"\r\nX-Content-Type-Options: nosniff" in head
        and b"\r\nContent-Security-Policy: default-src 'none'" in head
        and b"\r\nServer: status-exporter" in head
        and b"\r\nContent-Type: text/plain" in head
        and MARK.encode() not in answer
        and len(body) < 100
    )


def site() -> web.Application:
    """Make a site without targets."""
    return make_app(Targets(Settings(targets=()), Telemetry(), Clock()), Telemetry(), "/metrics")


async def ask(family: int, address: object, path: str = "/-/healthy") -> bytes:
    """Send a request and return the whole answer."""
    sent = f"GET {path} HTTP/1.0\r\n\r\n".encode()
    async with asyncio.timeout(60):
        return await _asked(asyncio.get_running_loop(), family, address, sent)


async def _asked(
    loop: asyncio.AbstractEventLoop, family: int, address: object, sent: bytes
) -> bytes:
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.setblocking(False)
        await loop.sock_connect(one, address)  # type: ignore[arg-type]
        await loop.sock_sendall(one, sent)
        parts = [b""]
        while part := await loop.sock_recv(one, 65536):
            parts.append(part)
        return b"".join(parts)


def listeners(tmp_path: Path) -> Iterator[socket.socket]:
    tcp = socket.socket()
    tcp.bind(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "passed.sock"))
    for one in (tcp, unix):
        one.listen()
        os.set_inheritable(one.fileno(), True)
        yield one
