"""Vendor servers on loopback: one that replays bytes, one with a handler."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(
    handler: Handler, port: int = 0, *, context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve connections with the handler, over TLS with a context; clients may disconnect any time.

    No connection and no handler outlives it: their warnings would fail another test.
    """
    handlers: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        handlers[task] = writer
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            del handlers[task]

    server = await asyncio.start_server(handle, "127.0.0.1", port, ssl=context)
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await _transports_end()  # What was just accepted has no handler yet.
        tasks = [task for task in handlers if task]
        for task in tasks:
            handlers[task].transport.abort()
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _transports_end()


async def _transports_end() -> None:
    """Let closed transports close their sockets, which takes two iterations of the loop."""
    for _ in range(3):
        await asyncio.sleep(0)


def response(
    body: bytes, content_type: str = "application/json", *, status: str = "200 OK", more: str = ""
) -> bytes:
    """Write a whole HTTP answer."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}"
    if content_type:
        head += f"Content-Type: {content_type}\r\n"
    return head.encode() + b"\r\n" + body


BODY = b'{"mode":"production"}'
HEALTHY = response(BODY)


def recorded(path: Path) -> bytes | None:
    """Return the HTTP answer of a recording, or None if the vendor never answers."""
    raw = path.read_bytes()
    if path.suffix == ".http":
        head, _, body = raw.partition(b"\n\n")
        lines = [
            line for line in head.split(b"\n") if not line.lower().startswith(b"content-length")
        ]
        lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body
    if raw.startswith(b"(no bytes"):
        return None
    content_type = "application/xml" if path.suffix == ".xml" else "application/json"
    return response(raw, content_type)


class Vendor:
    """A server on loopback that answers each request with the same bytes, and records requests."""

    def __init__(self) -> None:
        self.url = ""
        self.answer: bytes | None = b""
        self.requests: list[str] = []
        self.connections = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def close(self) -> None:
        """Close every connection."""
        await _transports_end()  # A connection that was just accepted is not among them yet.
        for writer in self._open:
            writer.transport.abort()
        await _transports_end()
        while self._open:
            await asyncio.sleep(0.001)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                if self.answer is None:
                    await reader.read()  # Until the client gives up.
                    return
                writer.write(self.answer)
                await writer.drain()
                if b"connection: close" in self.answer.lower():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._open.discard(writer)


@asynccontextmanager
async def open_vendor() -> AsyncIterator[Vendor]:
    """Serve a vendor within the context."""
    vendor = Vendor()
    server = await asyncio.start_server(vendor.handle, "127.0.0.1", 0)
    vendor.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield vendor
    finally:
        server.close()
        await vendor.close()
