"""The HTTP client: sends requests over kept connections, as the settings of a client say.

It keeps no cookies, and ignores proxies of the environment. Messages of failures have no URLs or bytes
of answers, which may contain credentials.
"""

import asyncio
import ssl
from base64 import b64encode
from dataclasses import replace
from urllib.parse import SplitResult, unquote, urlsplit

from exporter.client_tls import FileStamps, file_stamps, make_context
from exporter.errors import PollError, Reason
from exporter.http.answer import PROXY_DENIES, Answer, refused_by_proxy
from exporter.http.deadlines import Deadline
from exporter.http.http_connection import HttpConnection, OnDone
from exporter.http.message import Headers, HttpRequest, credentials, make_request
from exporter.http.opening import Route
from exporter.http.pool import ConnectionPool
from exporter.settings import Client
from exporter.toolkit.sockets import authority

# Bytes of the answer to a login: the largest tokens have a tenth of it.
_MAX_LOGIN_BODY = 64 * 1024


class PooledClient:
    """Sends requests over the connections of one client."""

    def __init__(self, settings: Client, pool: ConnectionPool) -> None:
        self.pool = pool
        self.settings = settings
        self._context: ssl.SSLContext | None = None
        self.tls_files: FileStamps = ()
        """The stamps of the TLS files when they were loaded."""
        self._looked_at = 0.0
        proxy = urlsplit(settings.proxy_url.reveal() if settings.proxy_url else "")
        self._proxy = (proxy.hostname or "", proxy.port or 80) if settings.proxy_url else None
        self._proxy_login = _proxy_login(proxy)
        self.connections: dict[str, HttpConnection] = {}
        """Kept connections, busy and idle, by the name of their target."""
        self._is_retired = False

    def is_outdated(self) -> bool:
        """Return whether the TLS files have changed since they were loaded."""
        # uvloop updates its time once per turn: all polls of a turn share one check.
        now = asyncio.get_running_loop().time()
        if now == self._looked_at:
            return False
        self._looked_at = now
        return file_stamps(self.settings.tls) != self.tls_files

    def start(
        self, request: HttpRequest, headers: Headers, deadline: Deadline | None, on_done: OnDone
    ) -> HttpConnection:
        """Send a request, and call `on_done` once with the outcome, never before this returns.

        After the deadline the outcome is a timeout. Requests that follow may have the same deadline.
        """
        connection = self.connections.get(request.owner)
        if connection is None or connection.on_done is not None:
            connection = HttpConnection(self, request)
            if request.owner and not self._is_retired:
                self.connections.setdefault(request.owner, connection)
        connection.start(request, headers, deadline, on_done)
        return connection

    async def fetch(
        self, request: HttpRequest, headers: Headers, deadline: Deadline | None = None
    ) -> Answer:
        """Send a request and return the answer.

        Raises:
            PollError: There is no answer, or none that the request accepts.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        outcomes: list[Answer | PollError] = []

        def done(outcome: Answer | PollError) -> None:
            outcomes.append(outcome)
            if not waiter.done():
                waiter.set_result(None)

        under_way = self.start(request, headers, deadline, done)
        try:
            await waiter
        except asyncio.CancelledError:
            if not outcomes:
                under_way.cancel()
            raise
        outcome = outcomes.pop()
        if isinstance(outcome, Answer):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # It refers to this frame, in a cycle.

    def message(self, request: HttpRequest, headers: Headers) -> bytes:
        """Return a request with these headers, as it is sent."""
        more = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
        if request.is_absolute:
            more += self._proxy_login
        if not request.owner:
            more += b"Connection: close\r\n"
        return b"%b%b\r\n%b" % (request.head[:-2], more, request.body)

    async def send(self, method: str, url: str, body: bytes, headers: Headers) -> Answer:
        """Send a request of a login, never twice, and return the answer with any status.

        Raises:
            PollError: There is no answer, or it is too large.
        """
        # Of the headers of the client, only Host applies to the login.
        host = tuple(one for one in self.settings.http_headers if one[0].lower() == "host")
        settings = Client(
            name="", http_headers=host, tls=self.settings.tls, proxy_url=self.settings.proxy_url
        )
        request = make_request(settings, method, url, dict(headers), body)
        request = replace(request, any_status=True, max_body=_MAX_LOGIN_BODY)
        answer = await self.fetch(request, credentials(settings))
        if request.is_absolute and answer.status == PROXY_DENIES:
            raise refused_by_proxy(answer.status)
        return answer

    def route(self, request: HttpRequest) -> Route:
        """Return where and how to connect for a request.

        Raises:
            PollError: The TLS files of the client cannot be used.
        """
        settings, host, port = self.settings, request.origin.host, request.origin.port
        if request.is_secure and self._context is None:
            self.tls_files = file_stamps(settings.tls)
            try:
                self._context = make_context(settings.tls)
            except ValueError as error:
                raise PollError(Reason.CREDENTIALS, str(error)) from None
        tunnel = b""
        if self._proxy and request.is_secure:
            where = authority(host, port)
            head = f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n"
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

    def keeps(self, connection: HttpConnection) -> bool:
        """Return whether the connection is kept for the next request of its target."""
        return self.connections.get(connection.request.owner) is connection

    def forget(self, connection: HttpConnection) -> None:
        """Do not keep the connection any longer."""
        if self.keeps(connection):
            del self.connections[connection.request.owner]

    def retire(self) -> None:
        """Close idle connections now, and busy ones after their answers."""
        self._is_retired = True
        connections, self.connections = self.connections, {}
        for connection in connections.values():
            if connection.on_done is None:
                connection.close()


def _proxy_login(proxy: SplitResult) -> bytes:
    """Return the header with the user and password in the URL of a proxy, or b""."""
    if proxy.username is None:
        return b""
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return b"Proxy-Authorization: Basic " + b64encode(pair) + b"\r\n"
