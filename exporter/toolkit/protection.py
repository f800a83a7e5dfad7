"""Puts limits, the web configuration and browser checks before an application."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.toolkit.browsers import refusal
from exporter.toolkit.connection import start_timeout
from exporter.toolkit.connection_limits import DEFAULT_LIMITS, ConnectionLimiter, Limits
from exporter.toolkit.guard import Guard, is_health_check
from exporter.toolkit.server_metrics import ServerMetrics
from exporter.toolkit.web_config import ReadWebConfig

DEFAULT_HEADERS: Mapping[str, str] = {
    # aiohttp would send its name and version.
    "Server": "exporter",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""The headers of every response, errors included."""


@dataclass(frozen=True, kw_only=True)
class Protection:
    """The protection of an application, which `listening` applies."""

    limiter: ConnectionLimiter
    guard: Guard | None
    headers: Mapping[str, str]


PROTECTION = web.AppKey("protection", Protection)


def protect(
    app: web.Application,
    metrics: ServerMetrics,
    *,
    limits: Limits = DEFAULT_LIMITS,
    web_config: ReadWebConfig | None = None,
    allowed_hosts: Collection[str] = (),
    headers: Mapping[str, str] = DEFAULT_HEADERS,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Protect an application that does not serve yet.

    `web_config` reads the web configuration, such as `WebConfigFile(path).read`. `allowed_hosts`
    are host names in lower case; none allows any.

    Raises:
        WebConfigError: The web configuration cannot be read or has faults.
    """
    limiter = ConnectionLimiter(metrics, limits, monotonic)
    guard = Guard(web_config, metrics, monotonic) if web_config else None
    app[PROTECTION] = Protection(limiter=limiter, guard=guard, headers=headers)
    hosts = frozenset(allowed_hosts)

    @web.middleware
    async def check_browser(request: web.Request, handler: Handler) -> web.StreamResponse:
        reason = refusal(request, frozenset() if is_health_check(request) else hosts)
        if reason:
            metrics.reject(reason)
            return web.Response(status=403, text=f"403 Forbidden: {reason.value} not allowed.\n")
        return await handler(request)

    async def set_headers(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)
        if guard:
            guard.set_headers(response)

    guards = [guard.middleware] if guard else []
    app.middlewares[:0] = [start_timeout, *guards, check_browser]
    app.on_response_prepare.append(set_headers)
