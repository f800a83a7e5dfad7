"""The HTTP client: requests of one client's settings over kept connections, with or without TLS.

Redirects are not followed here, cookies not kept, proxies of the environment not used. No message
holds more of a failure than its kind: a URL or an answer may hold credentials.
"""

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol
from urllib.parse import unquote, urlsplit

from exporter.client_tls import FileStamps, file_stamps, make_context
from exporter.errors import PollError, Reason
from exporter.http.answer import Answer, StatusError
from exporter.http.deadlines import Deadline
from exporter.http.http_connection import HttpConnection, StaleError
from exporter.http.message import Headers, HttpRequest, credentials, make_request
from exporter.http.opening import Opening, Route
from exporter.http.pool import ConnectionPool
from exporter.http.tls_socket import TlsSocket
from exporter.secret import Secret
from exporter.settings import Client

_PROXY_DENIES = 407

# Of a token endpoint's or a login's answer: the largest there are have a tenth of it.
_MAX_LOGIN_BODY = 64 * 1024

OnDone = Callable[[Answer | PollError], None]


class Cancellable(Protocol):
    """A request under way."""

    def cancel(self) -> None:
        """Give it up, without a call of its `on_done`."""
        ...


class Exchange:
    """A request and the answer to it."""

    __slots__ = (
        "_connection",
        "_deadline",
        "_is_retried",
        "_on_done",
        "_opening",
        "client",
        "is_written",
        "message",
        "request",
        "sent_at",
    )

    def __init__(
        self, client: "PooledClient", request: HttpRequest, message: bytes, on_done: OnDone
    ) -> None:
        self.client = client
        self.request = request
        self.message = message
        self._on_done: OnDone | None = on_done
        self._connection: HttpConnection | None = None
        self._opening: Opening | None = None
        self._deadline: Deadline | None = None
        self._is_retried = False
        self.is_written = False
        """Whether some of it may have reached the server."""
        self.sent_at = 0.0
        """Unix time."""

    def start(self, deadline: Deadline | None) -> None:
        """Send the request over a kept connection or a new one."""
        if deadline is not None:
            self._deadline = deadline
            if deadline.is_over:
                asyncio.get_running_loop().call_soon(self.expire)
                return
            deadline.on_over = self.expire
        connection = self.client.pool.take(self.client, self.request)
        if connection is None:
            self._open()
        else:
            self._connection = connection
            connection.send(self)

    def cancel(self) -> None:
        """Give it up, without a call of `on_done`; a connection on its way may go on."""
        self._end()
        connection, opening = self._connection, self._opening
        self._connection = self._opening = None
        if connection is not None:
            connection.close()
        if opening is not None and not self.client.leave(self.request, opening):
            opening.close()

    def expire(self) -> None:
        """End with a timeout."""
        on_done, deadline = self._on_done, self._deadline
        self.cancel()
        if on_done is not None and deadline is not None:
            text = f"no complete answer within {deadline.seconds:g}s"
            on_done(PollError(Reason.TIMEOUT, text))

    def succeed(self, answer: Answer) -> None:
        """End with an answer."""
        self._connection = None
        on_done = self._end()
        if on_done is not None:
            on_done(answer)

    def fail(self, error: PollError) -> None:
        """End with a failure, or send a poll again where the kept connection was closed."""
        # The frames of its traceback hold the bytes that were read, in a cycle that is freed late.
        error.__traceback__ = None
        self._connection = self._opening = None
        if isinstance(error, StaleError) and self.request.owner and not self._is_retried:
            self._is_retried = True
            self._open()
            return
        if isinstance(error, StatusError) and self.request.is_absolute:
            error = _refused_by_proxy() if error.status == _PROXY_DENIES else error
        on_done = self._end()
        if on_done is not None:
            on_done(error)

    def _end(self) -> OnDone | None:
        """Return what is to be called, once."""
        if self._deadline is not None:
            self._deadline.on_over = None
            self._deadline = None
        on_done, self._on_done = self._on_done, None
        return on_done

    def _open(self) -> None:
        client = self.client
        try:
            way = client.way(self.request)
        except PollError as error:
            asyncio.get_running_loop().call_soon(self.fail, error)
            return
        self._opening = client.left.pop(self.request.owner, None)
        if self._opening is not None and self._opening.way == way:
            self._opening.serve(self._deadline, self._opened)
            return
        if self._opening is not None:
            self._opening.close()
        self._opening = Opening(client.pool, way)
        self._opening.serve(self._deadline, self._opened)
        self._opening.start()

    def _opened(self, made: socket.socket | TlsSocket | PollError) -> None:
        self._opening = None
        if isinstance(made, PollError):
            self.fail(made)
            return
        connection = HttpConnection(self.client, self.request, made)
        self._connection = connection
        connection.send(self)


class HttpClient:
    """What sends requests."""

    def start(
        self, request: HttpRequest, headers: Headers, deadline: Deadline | None, on_done: OnDone
    ) -> Cancellable:
        """Send a request; `on_done` is called with the outcome, never before this returns.

        When the deadline is over, the outcome is a timeout. Another request may follow with the
        same deadline.
        """
        raise NotImplementedError

    async def fetch(
        self, request: HttpRequest, headers: Headers, deadline: Deadline | None = None
    ) -> Answer:
        """Send a request and return the answer.

        Raises:
            PollError: There is none that the request accepts.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outcomes: list[Answer | PollError] = []

        def done(outcome: Answer | PollError) -> None:
            outcomes.append(outcome)
            if not waiter.done():
                waiter.set_result(None)

        exchange = self.start(request, headers, deadline, done)
        try:
            await waiter
        except asyncio.CancelledError:
            exchange.cancel()
            raise
        outcome = outcomes.pop()
        if isinstance(outcome, Answer):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # It refers to this frame: a cycle that is freed late.


class PooledClient(HttpClient):
    """Sends requests over the connections of one client."""

    def __init__(self, settings: Client, pool: ConnectionPool) -> None:
        self.pool = pool
        self._settings = settings
        self._context: ssl.SSLContext | None = None
        self._files: FileStamps = ()
        self._proxy = _proxy_address(settings.proxy_url)
        self._proxy_login = _proxy_login(settings.proxy_url)
        self.idle: dict[str, HttpConnection] = {}
        """The kept connections by the targets that they belong to."""
        self.left: dict[str, Opening] = {}
        """Connections on their way whose request was given up, by target."""
        self.is_retired = False

    @property
    def is_outdated(self) -> bool:
        """Whether the TLS files have changed since."""
        return bool(self._files) and file_stamps(self._settings.tls) != self._files

    def start(
        self, request: HttpRequest, headers: Headers, deadline: Deadline | None, on_done: OnDone
    ) -> Exchange:
        """See HttpClient."""
        parts = [request.head]
        if headers:
            parts += [f"{name}: {value}\r\n".encode() for name, value in headers]
        if request.is_absolute:
            parts.append(self._proxy_login)
        if not request.owner:
            parts.append(b"Connection: close\r\n")
        parts += (b"\r\n", request.body)
        exchange = Exchange(self, request, b"".join(parts), on_done)
        exchange.start(deadline)
        return exchange

    async def send(self, method: str, url: str, body: bytes, headers: Headers) -> Answer:
        """Send one request of a login, never twice, and return a short answer of any status.

        Raises:
            PollError: There is no answer, or a long one.
        """
        # Of the client's own headers, only the name of the virtual host is for the login, too.
        host = tuple(one for one in self._settings.http_headers if one[0].lower() == "host")
        settings = Client(
            name="", http_headers=host, tls=self._settings.tls, proxy_url=self._settings.proxy_url
        )
        request = make_request(settings, method, url, dict(headers), body)
        request = replace(request, any_status=True, max_body=_MAX_LOGIN_BODY)
        answer = await self.fetch(request, credentials(settings))
        if request.is_absolute and answer.status == _PROXY_DENIES:
            raise _refused_by_proxy()
        return answer

    def way(self, request: HttpRequest) -> Route:
        """Return how to connect for a request.

        Raises:
            PollError: The TLS files of the client cannot be used now.
        """
        settings, (_, host, port) = self._settings, request.origin
        if request.is_secure and self._context is None:
            self._files = file_stamps(settings.tls)
            try:
                self._context = make_context(settings.tls)
            except ValueError as error:
                raise PollError(Reason.CREDENTIALS, str(error)) from None
        tunnel = b""
        if self._proxy and request.is_secure:
            name = f"[{host}]" if ":" in host else host
            head = f"CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n"
            tunnel = head.encode() + self._proxy_login + b"\r\n"
        return Route(
            host=host,
            port=port,
            context=self._context if request.is_secure else None,
            server_name=settings.tls.server_name or host.partition("%")[0],
            proxy=self._proxy,
            tunnel=tunnel,
            unix_socket=settings.unix_socket,
        )

    def leave(self, request: HttpRequest, opening: Opening) -> bool:
        """Let a connection go on to be opened for the target's next request, if it may.

        Were each given up with the request that waits for it, a server that is short of time for
        handshakes would never complete one.
        """
        if not request.owner or self.is_retired or request.owner in self.left:
            return False

        def opened(made: socket.socket | TlsSocket | PollError) -> None:
            del self.left[request.owner]
            if not isinstance(made, PollError):
                connection = HttpConnection(self, request, made)
                if not self.pool.keep(connection):
                    connection.close()

        opening.serve(None, opened)
        self.left[request.owner] = opening
        return True

    def retire(self) -> None:
        """Close the idle connections now, and the others after their answers."""
        self.is_retired = True
        for connection in tuple(self.idle.values()):
            connection.close()
        for opening in self.left.values():
            opening.close()
        self.left.clear()


def _refused_by_proxy() -> PollError:
    return PollError(Reason.CONNECT, f"the proxy answered HTTP {_PROXY_DENIES}")


def _proxy_address(url: Secret | None) -> tuple[str, int] | None:
    if url is None:
        return None
    parts = urlsplit(url.reveal())
    return parts.hostname or "", parts.port or 80


def _proxy_login(url: Secret | None) -> bytes:
    """Return the header with the user and password of a proxy's URL, if it has them."""
    parts = urlsplit(url.reveal() if url else "")
    if parts.username is None:
        return b""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return b"Proxy-Authorization: Basic " + b64encode(pair) + b"\r\n"
