"""One connection: aiohttp's protocol with limits, and without echoing malformed requests."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, cast

from aiohttp import web

from exporter.toolkit.connection_limits import ClientConnection, ConnectionLimiter
from exporter.toolkit.server_metrics import RejectReason

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# The longest line of a head: longer ones are answered with 400.
_MAX_LINE = 8190
# Seconds for which an unused body is still read: closing the connection at once could lose the
# response.
_LINGER_SECONDS = 1.0


class Connection(web.RequestHandler):
    """A connection that reports to the limiter; `headers` are those of every error."""

    __slots__ = ("_headers", "client", "limiter")

    def __init__(
        self,
        server: web.Server,
        limiter: ConnectionLimiter,
        headers: Mapping[str, str],
        client: ClientConnection,
        **options: Any,
    ) -> None:
        super().__init__(server, **options)
        self.limiter = limiter
        self.client = client
        self._headers = headers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to read requests."""
        super().connection_made(transport)
        self.limiter.open(self.client, cast("asyncio.Transport", transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Remove the connection from the limiter."""
        self.limiter.remove(self.client)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process what was received, up to the limit of a request."""
        if not data or self.limiter.receive(self.client, data):
            super().data_received(data)

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self.limiter.stall(self.client, stalls=True)

    def resume_writing(self) -> None:
        """Continue: the client has read what was written."""
        super().resume_writing()
        self.limiter.stall(self.client, stalls=False)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the response; close the connection after a request body, or if the server ends."""
        if isinstance(resp, web.HTTPException):
            resp.text = f"{resp.status} {resp.reason}\n"
            resp.headers.update(self._headers)
        if request.body_exists or self.limiter.is_closing:
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self.limiter.end_response(self.client)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer a malformed request or an unexpected exception without any detail of it."""
        text = "500 Internal Server Error\n"
        if status == web.HTTPBadRequest.status_code:
            self.limiter.metrics.reject(RejectReason.BAD_REQUEST)
            text = "400 Bad Request\n"
        else:
            status = super().handle_error(request, status, exc, message).status
        response = web.Response(status=status, text=text, headers=self._headers)
        response.force_close()
        return response


def connection_factory(
    server: web.Server, limiter: ConnectionLimiter, headers: Mapping[str, str]
) -> Callable[[ClientConnection], Connection]:
    """Return the factory of protocols for new connections."""
    return partial(
        Connection,
        server,
        limiter,
        headers,
        loop=asyncio.get_running_loop(),
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=limiter.limits.idle,
        lingering_time=_LINGER_SECONDS,
        max_line_size=_MAX_LINE,
        max_field_size=_MAX_LINE,
    )


@web.middleware
async def start_timeout(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Limit the time of the response to the scraper's timeout."""
    connection = request.protocol
    if isinstance(connection, Connection):
        timeout = _seconds(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
        connection.limiter.begin_response(connection.client, timeout)
    return await handler(request)


def limit_scrapes(handler: Handler) -> Handler:
    """Return the handler with the limit of concurrent scrapes."""

    async def handle_limited(request: web.Request) -> web.StreamResponse:
        connection = request.protocol
        if isinstance(connection, Connection):
            limiter = connection.limiter
            if not limiter.admit_scrape(connection.client):
                text = f"Busy: {limiter.limits.scrapes} scrapes are under way.\n"
                return web.Response(status=503, text=text, headers={"Retry-After": "1"})
        return await handler(request)

    return handle_limited


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None
