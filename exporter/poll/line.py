"""One kept connection: a request goes in, and the parsed answer to it comes out, within limits."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from exporter.errors import PollError, Reason
from exporter.poll.answer import (
    BROKEN,
    CUT_SHORT,
    MAX_BODY,
    MAX_REFUSAL,
    NOT_HTTP,
    StatusError,
    check_status,
    too_large,
)
from exporter.poll.inflate import inflate
from exporter.poll.request import Request

# All headers of an answer together; the vendors' are a hundredth of it.
_MAX_HEAD = 64 * 1024
_MAX_HEADERS = 250
# Chunks may be a byte each, with five more around it. Nobody who means well sends that.
_MAX_RECEIVED = 2 * MAX_BODY
_SWITCHING = 101


class StaleError(Exception):
    """A kept connection turned out to be closed before it took a request."""


class Line(asyncio.Protocol):
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
        "_location",
        "_make_waiter",
        "_most",
        "_parser",
        "_received",
        "_refused",
        "_request",
        "_retry_after",
        "_transport",
        "_type",
        "_waiter",
        "idle_since",
        "reusable",
    )

    def __init__(
        self,
        make_waiter: Callable[[], "asyncio.Future[None]"],
        forget: Callable[["Line"], None],
    ) -> None:
        self._make_waiter = make_waiter
        self._forget = forget
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._parser: HttpResponseParser | None = None
        self.reusable = False
        self.idle_since = 0.0
        """When it was last put by, by the loop's clock: its owner's note."""
        self._request: Request | None = None
        self._reset()

    def _reset(self) -> None:
        # A bytearray grows in place: joining bytes would take time by the square of the chunks.
        self._body = bytearray()
        self._received = 0
        self._type = self._encoding = self._retry_after = self._location = b""
        self._refused: StatusError | None = None
        self._most = MAX_BODY
        self._head = self._headers = 0
        self._head_done = self._framed = self._done = False

    async def ask(self, message: bytes, request: Request) -> None:
        """Send a message and wait for the whole answer to it.

        The body of a failure is read only if the request accepts or inspects its status.

        Raises:
            PollError: There is none.
            StaleError: The connection was closed before anything came back.
        """
        if self._transport is None or self._transport.is_closing():
            raise StaleError
        self._reset()
        self.reusable = False
        self._request = request
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
        return self._type.decode("latin-1"), inflate(body, self._encoding)

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
            self._fail(PollError(Reason.CONNECT, BROKEN) if self._received else StaleError())
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
            self._encoding = value
        elif lower == b"retry-after":
            self._retry_after = value
        elif lower == b"transfer-encoding":
            self._framed = True
        elif lower == b"content-length":
            self._framed = True
            if value.isdigit() and int(value[:20]) > MAX_BODY:
                self._fail(too_large())
        elif lower == b"location":
            self._location = self._location or value

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
            check_status(
                status,
                self._retry_after.decode("latin-1"),
                self._location.decode(errors="surrogateescape"),
            )
        except StatusError as error:
            if self._request and status in self._request.accept_status:
                return
            if self._request and status in self._request.inspected:
                self._refused, self._most = error, MAX_REFUSAL
            else:
                self._fail(error)

    def on_body(self, data: bytes) -> None:
        """Gather the body up to the limit."""
        if self._done:
            return
        self._body += data
        if len(self._body) > self._most:
            self._fail(too_large())

    def on_message_complete(self) -> None:
        """Hand the answer over."""
        if self._head_done and not self._done and self._parser is not None:
            self._done = True
            self.reusable = self._parser.should_keep_alive()
            self._finish()

    def _finish(self) -> None:
        if self._refused is not None:
            self._fail(self._refused)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if self._refused is not None:
            error = self._refused  # However its body ends: the status stands.
            with suppress(PollError):
                self._refused.body = inflate(bytes(self._body[:MAX_REFUSAL]), self._encoding)
        self._waiter.set_exception(error)
