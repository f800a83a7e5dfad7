"""Opens a connection: look-up, TCP or Unix socket, tunnel of a proxy, TLS."""

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from exporter.errors import UNEXPECTED, PollError, Reason
from exporter.http.answer import (
    BROKEN,
    NOT_HTTP,
    no_connection,
    refused_by_proxy,
    tls_failure,
    unknown_host,
)
from exporter.http.deadlines import Deadline
from exporter.http.dial import Dial
from exporter.http.multiplexer import READABLE, WRITABLE, Multiplexer
from exporter.http.resolve import Address, LookUpResult, literal_address
from exporter.http.tls_socket import TlsSocket

if TYPE_CHECKING:
    from exporter.http.pool import ConnectionPool

# Concurrent handshakes. One that takes longer than a turn, as with a server that hangs, continues,
# but is no longer counted.
_MAX_HANDSHAKES = 64
_TURN_SECONDS = 0.25
# On a busy machine handshakes wait for this program, and more of them would only take longer each:
# while so many sockets are ready, at most one begins per turn.
_MAX_READY = 8
_LOOK_AGAIN_SECONDS = 0.01

# Requests have shorter deadlines, after which the next request waits for the same connection.
_MAX_SECONDS = 30.0

_MAX_PROXY_HEAD = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Where and how to connect."""

    host: str
    port: int
    context: ssl.SSLContext | None
    """None: without TLS."""
    server_name: str
    """For SNI, and to verify the certificate."""
    proxy: tuple[str, int] | None
    tunnel: bytes = field(repr=False)
    """The CONNECT request to the proxy, or empty."""
    unix_socket: str | None


class Handshakes:
    """Limits the TLS handshakes under way."""

    def __init__(self, multiplexer: Multiplexer) -> None:
        self._multiplexer = multiplexer
        self._waiting: deque[Opening] = deque()
        self._begun: dict[Opening, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        """When the last handshake began, by the monotonic clock."""

    def enter(self, opening: "Opening") -> None:
        """Call `opening.dial` when the handshake may begin, maybe at once."""
        self._waiting.append(opening)
        self._begin()

    def leave(self, opening: "Opening") -> None:
        """Remove an opening, whether it waits or has begun."""
        if self._begun.pop(opening, None) is not None:
            self._begin()
        elif self._waiting:
            self._waiting = deque(one for one in self._waiting if one is not opening)

    def close(self) -> None:
        """Begin no more handshakes."""
        self._waiting.clear()
        self._begun.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        now, is_busy = monotonic(), False
        while self._waiting:
            if len(self._begun) >= _MAX_HANDSHAKES:
                first = next(iter(self._begun))
                if self._begun[first] > now - _TURN_SECONDS:
                    break
                del self._begun[first]
            may_wait = self._begun and now < self._last + _TURN_SECONDS
            if may_wait and self._multiplexer.ready() >= _MAX_READY:
                is_busy = True
                break
            opening = self._waiting.popleft()
            self._begun[opening] = self._last = now
            opening.dial()
        if self._waiting and self._timer is None:
            seconds = _LOOK_AGAIN_SECONDS if is_busy else _TURN_SECONDS
            self._timer = asyncio.get_running_loop().call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._begin()


OnOpened = Callable[[socket.socket | TlsSocket | PollError], None]


class Opening:
    """Opens one connection, and calls `on_done` once, never before `start` returns."""

    def __init__(self, pool: "ConnectionPool", route: Route) -> None:
        self._pool = pool
        self.route = route
        self.on_done: OnOpened | None = None
        self._deadline: Deadline | None = None
        self._request: Deadline | None = None
        self._is_waiting = False
        self._dial: Dial | None = None
        # A plain socket is one to a proxy, which opens a tunnel.
        self._socket: socket.socket | TlsSocket | None = None
        self._addresses: tuple[Address, ...] = ()
        self._unsent = route.tunnel
        self._proxy_head = b""

    def serve(self, request: Deadline | None, on_done: OnOpened) -> None:
        """Open the connection for the request with this deadline.

        The deadline is suspended while the handshake waits: a server is not slow because this
        program has a thousand handshakes to do.
        """
        self._request, self.on_done = request, on_done
        if self._is_waiting and request is not None:
            request.suspend()

    def start(self) -> None:
        """Begin in the next turn of the event loop."""
        asyncio.get_running_loop().call_soon(self._look_up)

    def close(self) -> None:
        """Stop, without a call of `on_done`."""
        self.on_done = None
        if self._deadline is not None:
            self._deadline.end()
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None
        self._pool.handshakes.leave(self)
        if self._socket is not None:
            self._pool.multiplexer.forget(self._socket.fileno())
            self._socket.close()

    def on_ready(self, _mask: int) -> None:
        """Continue with the tunnel or the handshake."""
        if isinstance(self._socket, TlsSocket):
            self._handshake(self._socket)
        elif self._socket is not None:
            self._tunnel(self._socket)

    def on_crash(self) -> None:
        """Fail after an unexpected exception."""
        self._fail(PollError(Reason.INTERNAL, UNEXPECTED))

    def _fail(self, error: PollError) -> None:
        on_done = self.on_done
        self.close()
        if on_done is not None:
            on_done(error)

    def _expire(self) -> None:
        text = f"no connection within {_MAX_SECONDS:g}s"
        self._fail(PollError(Reason.TIMEOUT, text))

    def _look_up(self) -> None:
        if self.on_done is None:
            return
        route = self.route
        if route.unix_socket is not None:
            self._on_found(((socket.AF_UNIX, route.unix_socket),))
            return
        host, port = route.proxy or (route.host, route.port)
        try:
            known: LookUpResult = literal_address(host, port)
        except OSError as error:
            known = error
        if known:
            self._on_found(known)
        else:
            self._pool.resolver.look_up(host, port, self._on_found)

    def _on_found(self, found: LookUpResult) -> None:
        if self.on_done is None:
            return
        if not isinstance(found, tuple):
            self._fail(self._proxy_failure() or unknown_host(self.route.host))
            return
        self._addresses = found
        if self.route.context is None:
            self.dial()
        else:
            self._is_waiting = True
            if self._request is not None:
                self._request.suspend()
            self._pool.handshakes.enter(self)

    def dial(self) -> None:
        """Connect to the addresses that were found."""
        if self._is_waiting and self._request is not None and not self._request.is_over:
            self._pool.deadlines.restart(self._request)
        self._is_waiting = False
        self._deadline = self._pool.deadlines.start(_MAX_SECONDS, self._expire)
        self._pool.make_room()
        self._dial = Dial(self._pool.multiplexer, self._addresses, self._on_dialled)
        self._dial.try_next()

    def _on_dialled(self, made: socket.socket | OSError) -> None:
        self._dial = None
        if isinstance(made, OSError):
            self._fail(self._proxy_failure() or no_connection(made))
            return
        self._socket = made
        if self.route.tunnel:
            self._watch(made, WRITABLE | READABLE)
        else:
            self._start_tls(made)

    def _proxy_failure(self) -> PollError | None:
        if self.route.proxy is None:
            return None
        return PollError(Reason.CONNECT, "no connection to the proxy")

    def _watch(self, one: socket.socket | TlsSocket, mask: int) -> None:
        self._pool.multiplexer.watch(one.fileno(), self, mask)

    def _tunnel(self, one: socket.socket) -> None:
        try:
            if self._unsent:
                self._unsent = self._unsent[one.send(self._unsent) :]
                if not self._unsent:
                    self._watch(one, READABLE)
                return
            data = one.recv(_MAX_PROXY_HEAD)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._proxy_head += data
        head, end, rest = self._proxy_head.partition(b"\r\n\r\n")
        status = _STATUS.match(head + b"\r")
        if not data:
            self._fail(PollError(Reason.CONNECT, BROKEN))
        elif not end and len(head) < _MAX_PROXY_HEAD:
            return
        elif not end or status is None:
            self._fail(PollError(Reason.BAD_HTTP, NOT_HTTP))
        elif status[1].startswith(b"2") and not rest:
            self._start_tls(one)
        else:
            self._fail(refused_by_proxy(int(status[1])))

    def _start_tls(self, one: socket.socket) -> None:
        if self.route.context is None:
            self._succeed(one)
            return
        try:
            secure = TlsSocket(one, self.route.context, self.route.server_name)
        except (ValueError, OSError) as error:
            self._fail(tls_failure(error))
            return
        self._socket = secure
        self._handshake(secure)

    def _handshake(self, one: TlsSocket) -> None:
        try:
            one.do_handshake()
        except ssl.SSLWantReadError:
            self._watch(one, READABLE)
        except ssl.SSLWantWriteError:
            self._watch(one, WRITABLE)
        except OSError as error:
            self._fail(tls_failure(error))
        else:
            self._pool.handshakes.leave(self)
            self._succeed(one)

    def _succeed(self, one: socket.socket | TlsSocket) -> None:
        on_done = self.on_done
        self.on_done = self._socket = None
        self._pool.multiplexer.forget(one.fileno())
        if self._deadline is not None:
            self._deadline.end()
        if on_done is not None:
            on_done(one)
