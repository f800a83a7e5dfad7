"""One open connection: sends a request, reads the answer to it, and waits for the next request."""

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

from exporter.errors import UNEXPECTED, PollError, Reason
from exporter.http.answer import BROKEN, Answer, tls_failure
from exporter.http.answer_reader import AnswerReader, plain_answer
from exporter.http.message import HttpRequest
from exporter.http.multiplexer import READABLE, WRITABLE
from exporter.http.opening import WOULD_BLOCK
from exporter.http.tls_socket import TlsSocket

if TYPE_CHECKING:
    from exporter.http.client import Exchange, PooledClient

_READ_BYTES = 64 * 1024


class StaleError(PollError):
    """The server had closed the kept connection before the request reached it."""

    def __init__(self) -> None:
        super().__init__(Reason.CONNECT, BROKEN)


class HttpConnection:
    """An open connection, which has at most one exchange at a time."""

    __slots__ = (
        "_exchange",
        "_fd",
        "_is_used",
        "_pool",
        "_reader",
        "_recv",
        "_send",
        "_socket",
        "_unsent",
        "client",
        "idle_since",
        "is_open",
        "may_be_kept",
        "origin",
        "owner",
    )

    def __init__(
        self, client: "PooledClient", request: HttpRequest, one: socket.socket | TlsSocket
    ) -> None:
        self.client = client
        pool = self._pool = client.pool
        self._socket = one
        self._fd = one.fileno()
        self._recv, self._send = one.recv, one.send
        self._exchange: Exchange | None = None
        self._reader: AnswerReader | None = None
        self._unsent = b""
        self._is_used = False
        self.origin = request.origin
        self.owner = request.owner
        self.is_open = True
        self.may_be_kept = True
        self.idle_since = 0.0
        pool.add(self)
        pool.multiplexer.watch(self._fd, self, READABLE)

    def send(self, exchange: "Exchange") -> None:
        """Send a request; the exchange ends later, never before this returns."""
        self._exchange = exchange
        exchange.is_written = True
        exchange.sent_at = self._pool.wall()
        message = exchange.message
        try:
            count = self._send(message)
        except WOULD_BLOCK:
            count = 0
        except OSError as error:
            asyncio.get_running_loop().call_soon(self._on_lost, error, exchange)
            return
        if count < len(message):
            self._unsent = message[count:]
            self._pool.multiplexer.watch(self._fd, self, READABLE | WRITABLE)

    def close(self) -> None:
        """Close it at once; its exchange hears nothing."""
        if not self.is_open:
            return
        self.is_open = False
        self._exchange = None
        self._drop_reader()
        self._pool.multiplexer.forget(self._fd)
        self._pool.discard(self)
        self._socket.close()

    def on_ready(self, mask: int) -> None:
        """Send what is left and read what came."""
        if mask & WRITABLE and self._unsent:
            self._send_rest()
        if mask & ~WRITABLE and self.is_open:
            self._read()

    def on_crash(self) -> None:
        """End the exchange after an unexpected exception."""
        self._fail(PollError(Reason.INTERNAL, UNEXPECTED))

    def _send_rest(self) -> None:
        try:
            self._unsent = self._unsent[self._send(self._unsent) :]
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._on_lost(error, self._exchange)
            return
        if not self._unsent:
            self._pool.multiplexer.watch(self._fd, self, READABLE)

    def _read(self) -> None:  # noqa: PLR0911 - one return for each way in which a read ends
        while True:
            try:
                data = self._recv(_READ_BYTES)
            except WOULD_BLOCK:
                return
            except OSError as error:
                self._on_lost(error, self._exchange)
                return
            exchange = self._exchange
            if exchange is None or not data:
                # Bytes that no request is waiting for: the connection cannot be trusted.
                self._on_lost(None, exchange)
                return
            reader = self._reader
            if reader is None:
                plain = None if exchange.request.any_status else plain_answer(data)
                if plain is not None:
                    self._is_used = True
                    middle = (exchange.sent_at + self._pool.wall()) / 2
                    self._finish(exchange, Answer(plain[0], plain[1], middle), is_reusable=True)
                    return
                reader = self._reader = AnswerReader(exchange.request, self._pool.held)
            try:
                is_complete = reader.feed(data)
            except PollError as error:
                self._fail(error)
                return
            if is_complete:
                self._complete(exchange, reader)
                return
            if not isinstance(self._socket, TlsSocket):
                return
            # More of a TLS record may be decrypted already, which no event would report.

    def _complete(self, exchange: "Exchange", reader: AnswerReader) -> None:
        try:
            answer = reader.answer((exchange.sent_at + self._pool.wall()) / 2)
        except PollError as error:
            self._fail(error)
            return
        self._drop_reader()
        self._finish(exchange, answer, is_reusable=reader.is_reusable)

    def _finish(self, exchange: "Exchange", answer: Answer, *, is_reusable: bool) -> None:
        self._exchange = None
        self._is_used = True
        one = self._socket
        if (
            not is_reusable
            or self._unsent
            or (isinstance(one, TlsSocket) and one.pending())
            or not self._pool.keep(self)
        ):
            self.close()
        exchange.succeed(answer)

    def _on_lost(self, error: OSError | None, exchange: "Exchange | None") -> None:
        """End the exchange as the connection ended, or with bytes that were not requested."""
        if exchange is None or exchange is not self._exchange:
            if self._exchange is None:
                self.close()
            return
        reader = self._reader
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            self._fail(tls_failure(error))
        elif reader is None:
            self._fail(StaleError() if self._is_used else PollError(Reason.CONNECT, BROKEN))
        else:
            try:
                reader.end(error)
            except PollError as failure:
                self._fail(failure)
            else:
                self._complete(exchange, reader)

    def _fail(self, error: PollError) -> None:
        exchange = self._exchange
        self.close()
        if exchange is not None:
            exchange.fail(error)

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
