"""The connection of one target: opened for a request, kept for the next one."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from exporter.errors import UNEXPECTED, PollError, Reason
from exporter.http.answer import (
    BROKEN,
    PROXY_DENIES,
    Answer,
    StatusError,
    refused_by_proxy,
    tls_failure,
)
from exporter.http.answer_reader import AnswerReader, plain_answer
from exporter.http.deadlines import Deadline
from exporter.http.message import Headers, HttpRequest
from exporter.http.multiplexer import READABLE, WRITABLE
from exporter.http.opening import WOULD_BLOCK, Opening
from exporter.http.redirect import redirected
from exporter.http.tls_socket import TlsSocket

if TYPE_CHECKING:
    from exporter.http.client import PooledClient

# More than a TLS record: else decrypted bytes could remain, which no event reports.
_READ_BYTES = 64 * 1024

OnDone = Callable[[Answer | PollError], None]


class HttpConnection:
    """A connection with at most one request under way.

    It is opened for a request, also again if the server has closed it after the last one.
    """

    __slots__ = (
        "_deadline",
        "_headers",
        "_is_used",
        "_opening",
        "_reader",
        "_socket",
        "_unsent",
        "client",
        "on_done",
        "request",
        "sent_at",
    )

    def __init__(self, client: "PooledClient", request: HttpRequest) -> None:
        self.client = client
        self.request = request
        """The request under way, or the last one."""
        self.sent_at = 0.0
        """When it was sent, Unix time; 0: no request was sent."""
        self.on_done: OnDone | None = None
        """What is called with the outcome of the request; None: no request is under way."""
        self._headers: Headers = ()
        self._deadline: Deadline | None = None
        self._opening: Opening | None = None
        self._socket: socket.socket | TlsSocket | None = None
        self._reader: AnswerReader | None = None
        self._unsent = b""
        self._is_used = False

    def start(
        self, request: HttpRequest, headers: Headers, deadline: Deadline | None, on_done: OnDone
    ) -> None:
        """Send a request, as PooledClient.start does."""
        self._headers, self._deadline, self.on_done = headers, deadline, on_done
        if request is not self.request:
            if request.origin != self.request.origin:
                self._disconnect()  # The target has another URL now.
            self.request = request
        if deadline is not None:
            if deadline.is_over:
                is_open = self._socket is not None
                self._soon(partial(self._end, deadline.error(), is_reusable=is_open))
                return
            deadline.on_over = self._expire
        if self._socket is None:
            self._open()
        else:
            self._write(self._socket)

    def cancel(self) -> None:
        """Cancel the request, without a call of `on_done`.

        A connection that is being opened is kept for the next request of the target: otherwise a
        server with slow handshakes would never complete one.
        """
        opening = self._opening
        if opening is None or not self.client.keeps(self):
            self.close()
        else:
            self._release()
            opening.serve(None, self._opened)

    def close(self) -> None:
        """Close the connection, without a call of `on_done`."""
        self._release()
        if self._opening is not None:
            self._opening.close()
            self._opening = None
        self._disconnect()
        self.client.forget(self)

    def on_ready(self, mask: int) -> None:
        """Send the rest of the request and read what has arrived."""
        one = self._socket
        if one is None or (self._unsent and mask & WRITABLE and not self._write_rest(one)):
            return
        try:
            data = one.recv(_READ_BYTES)
        except WOULD_BLOCK:
            return
        except OSError as error:
            self._on_lost(error)
            return
        if not data or self.on_done is None:
            # Unsolicited bytes: do not reuse this connection.
            self._on_lost(None)
            return
        if self._reader is None:
            plain = None if self.request.any_status else plain_answer(data)
            if plain is not None:
                middle = (self.sent_at + self.client.pool.wall()) / 2
                self._end(Answer(plain[0], plain[1], middle), is_reusable=True)
                return
            self._reader = AnswerReader(self.request, self.client.pool.held)
        self._read(self._reader, data)

    def on_crash(self) -> None:
        """End the request after an unexpected exception."""
        self._fail(PollError(Reason.INTERNAL, UNEXPECTED))

    def _write(self, one: socket.socket | TlsSocket) -> None:
        client, request = self.client, self.request
        self.sent_at = client.pool.wall()
        message = request.head
        if self._headers or request.body or request.is_absolute or not request.owner:
            message = client.message(request, self._headers)
        try:
            count = one.send(message)
        except WOULD_BLOCK:
            count = 0
        except OSError as error:
            self._soon(partial(self._on_lost, error))
            return
        if count < len(message):
            self._unsent = message[count:]
            self._watch(READABLE | WRITABLE)

    def _write_rest(self, one: socket.socket | TlsSocket) -> bool:
        """Send more of the request, and return whether the connection is still open."""
        try:
            self._unsent = self._unsent[one.send(self._unsent) :]
        except WOULD_BLOCK:
            return True
        except OSError as error:
            self._on_lost(error)
            return False
        if not self._unsent:
            self._watch(READABLE)
        return True

    def _watch(self, mask: int) -> None:
        if self._socket is not None:
            self.client.pool.multiplexer.watch(self._socket.fileno(), self, mask)

    def _read(self, reader: AnswerReader, data: bytes, error: OSError | None = None) -> None:
        """Read the next bytes of an answer, or the end of the connection if there are none."""
        try:
            if not data:
                reader.end(error)
            elif not reader.feed(data):
                if isinstance(self._socket, TlsSocket) and self._socket.is_over:
                    self._on_lost(None)  # No event reports this.
                return
            answer = reader.answer((self.sent_at + self.client.pool.wall()) / 2)
        except PollError as failure:
            self._fail(failure)
        else:
            self._end(answer, is_reusable=reader.is_reusable)

    def _on_lost(self, error: OSError | None) -> None:
        """Handle the end of the connection, or bytes that were not requested."""
        if self.on_done is None:
            self.close()
        elif isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            self._fail(tls_failure(error))
        elif self._reader is not None:
            self._read(self._reader, b"", error)
        elif self._is_used:
            # The server closed the kept connection before the request arrived.
            self._disconnect()
            self._open()
        else:
            self._fail(PollError(Reason.CONNECT, BROKEN))

    def _expire(self) -> None:
        on_done, deadline = self.on_done, self._deadline
        owner = self if self._opening is None else self._opening
        # On a busy machine the server may have sent in time what was not read yet.
        self.client.pool.multiplexer.handle(owner, READABLE)
        if self.on_done is not on_done:
            return
        if owner is not self and self._socket is not None and deadline is not None:
            self.client.pool.deadlines.restart(deadline)  # The request was only sent now.
            return
        self.cancel()
        if on_done is not None and deadline is not None:
            on_done(deadline.error())

    def _fail(self, error: PollError) -> None:
        # Its frames refer to the bytes that were read, in a cycle.
        error.__traceback__ = None
        if isinstance(error, StatusError):
            if error.status == PROXY_DENIES and self.request.is_absolute:
                error = refused_by_proxy(error.status)
            else:
                self._follow(error)
                return
        self._end(error)

    def _follow(self, error: StatusError) -> None:
        """Send the request of a redirect that is followed, or end with the failure."""
        try:
            following = redirected(self.request, error)
        except PollError as failure:
            self._end(failure)
            return
        if following is None:
            self._end(error)
            return
        if self._deadline is not None and self._deadline.is_over:
            self._end(self._deadline.error())
            return
        # The rest of the answer is not read: the connection cannot be used again.
        self._drop_reader()
        self._disconnect()
        self.request = following
        self._open()

    def _end(self, outcome: Answer | PollError, *, is_reusable: bool = False) -> None:
        """Call `on_done`, and close the connection unless it can serve another request."""
        on_done = self.on_done
        self._release()
        if not is_reusable or self._unsent or not self.client.keeps(self):
            self.close()
        else:
            self._is_used = True
        if on_done is not None:
            on_done(outcome)

    def _release(self) -> None:
        """Forget the request under way."""
        self.on_done = None
        self._headers = ()
        if self._deadline is not None:
            self._deadline.on_over = None
            self._deadline = None
        self._drop_reader()

    def _drop_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _soon(self, act: Callable[[], None]) -> None:
        """Call `act` in the next turn of the event loop if the same request is still under way."""
        on_done, request = self.on_done, self.request

        def act_if_same() -> None:
            # After a redirect, the request is another one.
            if self.on_done is on_done and self.request is request:
                act()

        asyncio.get_running_loop().call_soon(act_if_same)

    def _open(self) -> None:
        pool = self.client.pool
        try:
            route = self.client.route(self.request)
        except PollError as error:
            self._soon(partial(self._fail, error))
            return
        opening = self._opening
        if opening is not None and opening.route != route:
            opening.close()
            opening = None
        if opening is None:
            opening = self._opening = Opening(pool, route)
            opening.start()
        opening.serve(self._deadline, self._opened)

    def _opened(self, made: socket.socket | TlsSocket | PollError) -> None:
        self._opening = None
        if isinstance(made, PollError):
            self._fail(made)
            return
        self._socket = made
        self._is_used = False
        if not self.client.pool.add(self):
            self.client.forget(self)
        self._watch(READABLE)
        if self.on_done is not None:
            self._write(made)
        elif self.client.keeps(self):
            self.sent_at = self.client.pool.wall()  # From now on it is idle.
        else:
            self.close()

    def _disconnect(self) -> None:
        self._unsent = b""
        one, self._socket = self._socket, None
        if one is not None:
            self.client.pool.multiplexer.forget(one.fileno())
            self.client.pool.discard(self)
            one.close()
