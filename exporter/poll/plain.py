"""The client for the plain case: HTTP/1.1 without TLS or proxy, over connections kept alive.

It does what `session` does at about half of what a whole poll costs with that, and answers every
fault with the same reason; the same tests run over both. The limits are the same, too: one MiB of
body, decompressed.
"""

import asyncio
import zlib
from collections.abc import Callable
from typing import cast

from aiohappyeyeballs import start_connection
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.answer import (
    BROKEN,
    CUT_SHORT,
    MAX_BODY,
    NOT_HTTP,
    Answer,
    check_status,
    no_connection,
    too_large,
    unknown_host,
)
from exporter.poll.request import Headers, Request
from exporter.poll.resolve import AddrInfo, Resolver

# All headers of an answer together; the vendors' are a hundredth of it.
_MAX_HEAD = 64 * 1024
_MAX_HEADERS = 250
# Chunks may be a byte each, with five more around it. Nobody who means well sends that.
_MAX_RECEIVED = 2 * MAX_BODY
# Parts of a gzip body, which may be many and empty.
_MAX_MEMBERS = 100
_SWITCHING = 101
_HAPPY_EYEBALLS_SECONDS = 0.25

Origin = tuple[str, int]


class _StaleError(Exception):
    """A kept connection turned out to be closed before it took a request."""


class Plain:
    """The kept connections of one client."""

    def __init__(self, clock: Clock, resolver: Resolver, *, keep: bool) -> None:
        self._clock = clock
        self._resolver = resolver
        self._keep = keep
        self._idle: dict[Origin, list[_Line]] = {}
        self._open: set[_Line] = set()

    async def fetch(self, request: Request, credentials: Headers) -> Answer:
        """Send one GET and read the answer.

        Raises:
            PollError: There was no answer 2xx with a body of bearable size.
        """
        origin = (request.host, request.port)
        message = request.head + b"".join(
            f"{name}: {value}\r\n".encode() for name, value in credentials
        )
        idle = self._idle.get(origin)
        line = idle.pop() if idle else await self._connect(origin)
        sent = self._clock.wall()
        try:
            await line.ask(message + b"\r\n")
        except _StaleError:
            # The server closed the connection while nobody used it: that is no failure of a poll.
            line = await self._connect(origin)
            sent = self._clock.wall()
            try:
                await line.ask(message + b"\r\n")
            except _StaleError:
                raise PollError(Reason.CONNECT, BROKEN) from None
        received = self._clock.wall()
        try:
            content_type, body = line.take()
        finally:
            if line.reusable and self._keep:
                self._idle.setdefault(origin, []).append(line)
            else:
                line.close()
        return Answer(content_type, body, (sent + received) / 2)

    async def close(self) -> None:
        """Close every connection."""
        for line in tuple(self._open):
            line.close()

    async def _connect(self, origin: Origin) -> "_Line":
        loop = asyncio.get_running_loop()

        def line() -> _Line:
            return _Line(loop.create_future, lambda one: self._forget(origin, one))

        try:
            if _is_literal(origin[0]):
                _, made = await loop.create_connection(line, *origin)
            else:
                infos = await self._infos(origin)
                one = await start_connection(
                    infos, happy_eyeballs_delay=_HAPPY_EYEBALLS_SECONDS, interleave=1
                )
                try:
                    _, made = await loop.create_connection(line, sock=one)
                except BaseException:
                    one.close()
                    raise
        except OSError as error:
            raise no_connection(error) from None
        self._open.add(made)
        return made

    async def _infos(self, origin: Origin) -> list[AddrInfo]:
        try:
            return await self._resolver.infos(*origin)
        except (OSError, UnicodeError):
            raise unknown_host(origin[0]) from None

    def _forget(self, origin: Origin, line: "_Line") -> None:
        self._open.discard(line)
        idle = self._idle.get(origin)
        if idle and line in idle:
            idle.remove(line)
            if not idle:
                del self._idle[origin]


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


class _Line(asyncio.Protocol):
    """One connection: takes a request, and gathers the answer to it."""

    __slots__ = (
        "_body",
        "_done",
        "_encoding",
        "_forget",
        "_framed",
        "_head",
        "_head_done",
        "_headers",
        "_make_waiter",
        "_parser",
        "_received",
        "_retry_after",
        "_transport",
        "_type",
        "_waiter",
        "reusable",
    )

    def __init__(
        self,
        make_waiter: Callable[[], "asyncio.Future[None]"],
        forget: Callable[["_Line"], None],
    ) -> None:
        self._make_waiter = make_waiter
        self._forget = forget
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._parser: HttpResponseParser | None = None
        self.reusable = False
        self._reset()

    def _reset(self) -> None:
        # A bytearray grows in place: joining bytes would take time by the square of the chunks.
        self._body = bytearray()
        self._received = 0
        self._type = self._encoding = self._retry_after = b""
        self._head = self._headers = 0
        self._head_done = self._framed = self._done = False

    async def ask(self, message: bytes) -> None:
        """Send a request and wait for the whole answer to it.

        Raises:
            PollError: There is none.
            _StaleError: The connection was closed before anything came back.
        """
        if self._transport is None or self._transport.is_closing():
            raise _StaleError
        self._reset()
        self.reusable = False
        self._parser = HttpResponseParser(self)
        self._waiter = self._make_waiter()
        self._transport.write(message)
        try:
            await self._waiter
        except BaseException:
            self.close()
            raise
        finally:
            self._waiter = None
            # A parser of its own for each answer is cheaper than one kept for each connection.
            self._parser = None

    def take(self) -> tuple[str, bytes]:
        """Hand over the content type and the decompressed body."""
        body, self._body = bytes(self._body), bytearray()
        return self._type.decode("latin-1"), _decompressed(body, self._encoding)

    def close(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came; bytes that nobody asked for end the connection."""
        if self._parser is None or self._waiter is None or self._waiter.done():
            self.reusable = False
            self.close()
            return
        self._received += len(data)
        if self._received > _MAX_RECEIVED:
            self._fail(too_large())
            return
        self._head += not self._head_done and len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.reusable = False  # The head was a whole answer, and what it says was told.
        except HttpParserError:
            self._fail(PollError(Reason.BAD_HTTP, NOT_HTTP))
        if not self._head_done and self._head > _MAX_HEAD:
            self._fail(PollError(Reason.BAD_HTTP, NOT_HTTP))

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the one who waits, and be forgotten."""
        self._transport = None
        self.reusable = False
        self._forget(self)
        if not self._head_done:
            self._fail(PollError(Reason.CONNECT, BROKEN) if self._head else _StaleError())
        elif self._framed:
            self._fail(PollError(Reason.BAD_HTTP, CUT_SHORT))
        elif error:
            self._fail(PollError(Reason.CONNECT, BROKEN))
        else:
            self._finish()  # A body without a length ends with the connection.

    # What the parser tells. What follows a whole answer is no part of it.

    def on_message_begin(self) -> None:
        """Do not trust a connection on which more comes than was asked for."""
        if self._done:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note the few headers that matter."""
        self._headers += 1
        if self._done or self._headers > _MAX_HEADERS or len(value) > _MAX_HEAD:
            self._fail(PollError(Reason.BAD_HTTP, NOT_HTTP))
            return
        lower = name.lower()
        if lower == b"content-type":
            self._type = value
        elif lower == b"content-encoding":
            self._encoding = value.strip().lower()
        elif lower == b"retry-after":
            self._retry_after = value
        elif lower == b"transfer-encoding":
            self._framed = True
        elif lower == b"content-length":
            self._framed = True
            if value.isdigit() and int(value[:20]) > MAX_BODY:
                self._fail(too_large())

    def on_headers_complete(self) -> None:
        """Refuse a status that is a failure, before any of its body."""
        if self._parser is None or self._done:
            return
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING:  # noqa: PLR2004 - RFC 9110's classes
            self._head = self._headers = 0  # An interim answer; the real one follows.
            return
        self._head_done = True
        try:
            check_status(status, self._retry_after.decode("latin-1"))
        except PollError as error:
            self._fail(error)

    def on_body(self, data: bytes) -> None:
        """Gather the body up to the limit."""
        if self._done:
            return
        self._body += data
        if len(self._body) > MAX_BODY:
            self._fail(too_large())

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        if self._head_done and not self._done and self._parser is not None:
            self._done = True
            self.reusable = self._parser.should_keep_alive()
            self._finish()

    def _finish(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


def _decompressed(body: bytes, encoding: bytes) -> bytes:
    """Undo the compression, which was not asked for, up to the limit.

    Raises:
        PollError: It is damaged, of another kind, or goes beyond the limit.
    """
    if encoding in {b"", b"identity"}:
        return body
    if encoding in {b"gzip", b"x-gzip"}:
        window = 16 + zlib.MAX_WBITS
    elif encoding == b"deflate":
        # RFC 9110 means zlib's format; some servers send the bare one.
        window = zlib.MAX_WBITS if body[:1] and body[0] & 0xF == 8 else -zlib.MAX_WBITS  # noqa: PLR2004 - zlib's method
    else:
        raise PollError(Reason.BAD_HTTP, CUT_SHORT)
    unpacked = b""
    for _ in range(_MAX_MEMBERS):
        unpacker = zlib.decompressobj(window)
        try:
            unpacked += unpacker.decompress(body, MAX_BODY + 1 - len(unpacked))
        except zlib.error:
            break
        if len(unpacked) > MAX_BODY:
            raise too_large()
        if unpacker.eof and not unpacker.unused_data:
            return unpacked
        if not unpacker.eof:
            break
        body = unpacker.unused_data
    raise PollError(Reason.BAD_HTTP, CUT_SHORT)
