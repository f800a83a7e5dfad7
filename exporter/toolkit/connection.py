"""The bytes of one connection go in; what `inbound` has to know of it comes out.

The library's own protocol, with its limits set and its answers to what is not HTTP replaced: those
would repeat parts of the request.
"""

import asyncio
import ipaddress
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from aiohttp import web

from exporter.toolkit.headers import SAFE_HEADERS
from exporter.toolkit.inbound import Caller, Inbound, Rejection

GUARD = web.AppKey("guard", Inbound)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# The longest line of a head: longer ones are answered with 400.
_LONGEST_LINE = 8190
# What is still read of a body that nobody wants, in seconds: closed at once, the peer might lose
# the answer.
_LINGER = 1.0
# Of an IPv6 address: one customer has all that begin alike.
_PREFIX = 64


class Connection(web.RequestHandler):
    """One connection to a guarded site."""

    __slots__ = ("caller", "door", "inbound")

    def __init__(self, server: web.Server, inbound: Inbound, **options: Any) -> None:
        super().__init__(server, **options)
        self.inbound = inbound
        self.caller: Caller | None = None
        self.door: Caller | None = None
        """Itself, while its handshake lasted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, where there is room."""
        super().connection_made(transport)
        if self.door:
            self.inbound.leave(self.door)
        peer = peer_of(transport.get_extra_info("peername"))
        self.caller = self.inbound.enter(cast("asyncio.Transport", transport), peer)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        if self.caller:
            self.inbound.leave(self.caller)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as far as a request may reach."""
        if not data or not self.caller or self.inbound.received(self.caller, data):
            super().data_received(data)

    def pause_writing(self) -> None:
        """Wait for the peer."""
        super().pause_writing()
        if self.caller:
            self.inbound.stalled(self.caller, now=True)

    def resume_writing(self) -> None:
        """Go on: the peer took what was written."""
        super().resume_writing()
        if self.caller:
            self.inbound.stalled(self.caller, now=False)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; after a body, or when the service ends, it is the last."""
        if isinstance(resp, web.HTTPException):
            resp.text = f"{resp.status} {resp.reason}\n"
            resp.headers.update(SAFE_HEADERS)
        if request.body_exists or self.inbound.is_closing:
            resp.force_close()
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            if self.caller:
                self.inbound.finish(self.caller)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or a mistake of ours, in words that say nothing of either."""
        text = "500 Internal Server Error\n"
        if status == web.HTTPBadRequest.status_code:
            # Anybody can cause it as often as he likes: it is counted, not logged.
            self.inbound.count(Rejection.BAD_REQUEST)
            text = "400 Bad Request\n"
        else:
            status = super().handle_error(request, status, exc, message).status
        response = web.Response(status=status, text=text, headers=SAFE_HEADERS)
        response.force_close()
        return response


def attend(app: web.Application, inbound: Inbound) -> None:
    """Have the application's connections attended to by whoever listens for it."""
    app[GUARD] = inbound
    app.middlewares.insert(0, _begin)


def factory(server: web.Server, inbound: Inbound) -> Callable[[], Connection]:
    """Return what makes a connection for each peer that comes."""
    return partial(
        Connection,
        server,
        inbound,
        loop=asyncio.get_running_loop(),
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=inbound.limits.idle,
        lingering_time=_LINGER,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
    )


def limited(inbound: Inbound, handler: Handler) -> Handler:
    """Return the handler with a limit of how many are answered at once."""

    async def scrape(request: web.Request) -> web.StreamResponse:
        caller = _caller(request)
        if caller and not inbound.admit(caller):
            text = f"Busy: {inbound.limits.scrapes} scrapes are under way.\n"
            return web.Response(status=503, text=text, headers={"Retry-After": "1"})
        return await handler(request)

    return scrape


@web.middleware
async def _begin(request: web.Request, handler: Handler) -> web.StreamResponse:
    caller = _caller(request)
    if caller:
        asked = _seconds(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
        request.app[GUARD].begin(caller, asked)
    return await handler(request)


def _caller(request: web.Request) -> Caller | None:
    connection = request.protocol
    return connection.caller if isinstance(connection, Connection) else None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def peer_of(name: Any) -> str:
    """Return whom a connection counts for; those of Unix sockets are one."""
    if not isinstance(name, tuple):
        return ""
    address = ipaddress.ip_address(str(name[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _PREFIX), strict=False))
