"""Opens a connection: name, TCP or Unix socket, the proxy's tunnel, TLS; each step may fail."""

import asyncio
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol, cast

from exporter.errors import UNEXPECTED, PollError, Reason
from exporter.http.answer import BROKEN, NOT_HTTP, no_connection, tls_failure, unknown_host
from exporter.http.deadlines import Deadline, Deadlines
from exporter.http.dial import Dial
from exporter.http.multiplexer import READABLE, WRITABLE, Multiplexer
from exporter.http.resolve import Address, Resolver, Sketch, literal
from exporter.http.tls_socket import TlsSocket

# Handshakes at a time: with a thousand at once each is as slow as all of them. One that takes
# longer than this, as a server that hangs does, gives its turn to the next one and goes on.
_MAX_HANDSHAKES = 64
_HANDSHAKE_TURN_SECONDS = 0.25
# On a busy machine all handshakes take long. If each gave its turn away, more and more would be under
# way, and none would end in time: so a turn is also so many times as long as the last ones took.
_TIMES_THE_LAST = 4
_WEIGHT_OF_ONE = 0.1

# Requests wait no longer than their own deadlines; the next one waits for the same connection.
_MAX_SECONDS = 30.0

_MAX_PROXY_HEAD = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[ \r]")

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """How a connection is made."""

    host: str
    port: int
    context: ssl.SSLContext | None
    """None: without TLS."""
    server_name: str
    """The name that the certificate must have, and SNI."""
    proxy: tuple[str, int] | None
    tunnel: bytes = field(repr=False)
    """The CONNECT request to the proxy; empty: none."""
    unix_socket: str | None


class Handshakes:
    """Whose turn it is for a connection with TLS."""

    def __init__(self) -> None:
        self._waiting: deque[Opening] = deque()
        self._begun: dict[Opening, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        """How many seconds the last handshakes took, the latest weighted most."""

    def enter(self, opening: "Opening") -> None:
        """Call `opening.dial` when it is its turn, maybe at once."""
        self._waiting.append(opening)
        opening.wait()
        self._go_on()

    def leave(self, opening: "Opening") -> None:
        """Give its turn, or its place among those that wait, to others."""
        if self._begun.pop(opening, None) is not None:
            self._go_on()
        elif self._waiting:
            self._waiting = deque(one for one in self._waiting if one is not opening)

    def succeed(self, opening: "Opening") -> None:
        """Note how long a handshake took, and give its turn to others."""
        self._last += (monotonic() - opening.began - self._last) * _WEIGHT_OF_ONE
        self.leave(opening)

    def close(self) -> None:
        """Let nothing go on."""
        self._waiting.clear()
        self._begun.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _go_on(self) -> None:
        now = monotonic()
        turn = max(_HANDSHAKE_TURN_SECONDS, _TIMES_THE_LAST * self._last)
        while self._waiting and (
            len(self._begun) < _MAX_HANDSHAKES or next(iter(self._begun.values())) <= now - turn
        ):
            if len(self._begun) >= _MAX_HANDSHAKES:
                del self._begun[next(iter(self._begun))]
            opening = self._waiting.popleft()
            self._begun[opening] = opening.began = now
            opening.dial()
        if self._waiting and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_HANDSHAKE_TURN_SECONDS, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._go_on()


class PoolAccess(Protocol):
    """What an opening uses of the pool."""

    multiplexer: Multiplexer
    resolver: Resolver
    handshakes: Handshakes
    deadlines: Deadlines

    def make_room(self) -> None:
        """Close an idle connection where the limit of open files is near."""
        ...


OnOpened = Callable[[socket.socket | TlsSocket | PollError], None]


class Opening:
    """One connection on its way; ends with a call of `on_done`, never before `start` returns."""

    def __init__(self, pool: PoolAccess, way: Route) -> None:
        self._pool = pool
        self.way = way
        self.on_done: OnOpened | None = None
        self._deadline: Deadline | None = None
        self._request: Deadline | None = None
        self._is_waiting = False
        self.began = 0.0
        """When its turn for a handshake came, by the monotonic clock."""
        self._dial: Dial | None = None
        self._socket: socket.socket | TlsSocket | None = None
        self._fd = -1
        self._is_in_tunnel = False
        self._addresses: tuple[Address, ...] = ()
        self._unsent = way.tunnel
        self._proxy_head = b""

    def serve(self, request: Deadline | None, on_done: OnOpened) -> None:
        """Be for the request with this deadline, which does not pass while we wait for our turn.

        A server is not slow because this program has a thousand handshakes to make.
        """
        self._request, self.on_done = request, on_done
        if self._is_waiting and request is not None:
            request.suspend()

    def wait(self) -> None:
        """Note that it is not our turn for a handshake yet."""
        self._is_waiting = True
        if self._request is not None:
            self._request.suspend()

    def start(self) -> None:
        """Begin."""
        asyncio.get_running_loop().call_soon(self._find)

    def close(self) -> None:
        """Give up, without a call of `on_done`."""
        self.on_done = None
        if self._deadline is not None:
            self._deadline.end()
        if self._dial is not None:
            self._dial.cancel()
            self._dial = None
        self._pool.handshakes.leave(self)
        if self._socket is not None:
            self._pool.multiplexer.forget(self._fd)
            self._socket.close()

    def on_ready(self, _mask: int) -> None:
        """Go on with the tunnel or the handshake."""
        if self._is_in_tunnel:
            self._tunnel()
        else:
            self._shake()

    def on_crash(self) -> None:
        """End after an unexpected exception."""
        self._fail(PollError(Reason.INTERNAL, UNEXPECTED))

    def _fail(self, error: PollError) -> None:
        on_done = self.on_done
        self.close()
        if on_done is not None:
            on_done(error)

    def _expire(self) -> None:
        text = f"no connection within {_MAX_SECONDS:g}s"
        self._fail(PollError(Reason.TIMEOUT, text))

    def _find(self) -> None:
        if self.on_done is None:
            return
        way = self.way
        if way.unix_socket is not None:
            self._found(((socket.AF_UNIX, way.unix_socket),))
            return
        host, port = way.proxy or (way.host, way.port)
        try:
            known = literal(host, port)
        except OSError as error:
            self._found(error)
            return
        if known:
            self._found(known)
        else:
            self._pool.resolver.look_up(host, port, self._found)

    def _found(self, found: Sketch) -> None:
        if self.on_done is None:
            return
        if not isinstance(found, tuple):
            self._fail(self._no_proxy() or unknown_host(self.way.host))
            return
        self._addresses = found
        if self.way.context is None:
            self.dial()
        else:
            self._pool.handshakes.enter(self)

    def dial(self) -> None:
        """Connect, now that it is its turn."""
        if self._is_waiting and self._request is not None and not self._request.is_over:
            self._pool.deadlines.restart(self._request)
        self._is_waiting = False
        self._deadline = self._pool.deadlines.start(_MAX_SECONDS, self._expire)
        self._pool.make_room()
        self._dial = Dial(self._pool.multiplexer, self._addresses, self._dialled)
        self._dial.start()

    def _dialled(self, made: socket.socket | OSError) -> None:
        self._dial = None
        if isinstance(made, OSError):
            self._fail(self._no_proxy() or no_connection(made))
            return
        self._socket, self._fd = made, made.fileno()
        if self.way.tunnel:
            self._is_in_tunnel = True
            self._pool.multiplexer.watch(self._fd, self, WRITABLE | READABLE)
        else:
            self._secure()

    def _no_proxy(self) -> PollError | None:
        if self.way.proxy is None:
            return None
        return PollError(Reason.CONNECT, "no connection to the proxy")

    def _tunnel(self) -> None:
        one = cast("socket.socket", self._socket)
        try:
            if self._unsent:
                self._unsent = self._unsent[one.send(self._unsent) :]
                if not self._unsent:
                    self._pool.multiplexer.watch(self._fd, self, READABLE)
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
            self._secure()
        else:
            text = f"the proxy answered HTTP {int(status[1])}"
            self._fail(PollError(Reason.CONNECT, text))

    def _secure(self) -> None:
        context, one = self.way.context, cast("socket.socket", self._socket)
        if context is None:
            self._succeed()
            return
        self._is_in_tunnel = False
        try:
            self._socket = TlsSocket(one, context, self.way.server_name)
        except (ValueError, OSError) as error:
            self._fail(tls_failure(error))
            return
        self._shake()

    def _shake(self) -> None:
        try:
            cast("TlsSocket", self._socket).do_handshake()
        except ssl.SSLWantReadError:
            self._pool.multiplexer.watch(self._fd, self, READABLE)
        except ssl.SSLWantWriteError:
            self._pool.multiplexer.watch(self._fd, self, WRITABLE)
        except OSError as error:
            self._fail(tls_failure(error))
        else:
            self._pool.handshakes.succeed(self)
            self._succeed()

    def _succeed(self) -> None:
        on_done, one = self.on_done, self._socket
        self.on_done = self._socket = None
        self._pool.multiplexer.forget(self._fd)
        if self._deadline is not None:
            self._deadline.end()
        if on_done is not None and one is not None:
            on_done(one)
