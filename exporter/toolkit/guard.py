"""Applies the web configuration to each request, in exporter-toolkit's order.

Read the file, limit the rate, set the headers, check the password. If any step fails, the request
is refused.
"""

import logging
import ssl
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.toolkit.connection_limits import address_of
from exporter.toolkit.exceptions import WebConfigError
from exporter.toolkit.server_metrics import RejectReason, ServerMetrics
from exporter.toolkit.server_tls import Certificates, ServerTls, unnameable_curve
from exporter.toolkit.token_bucket import TokenBucket
from exporter.toolkit.users import Users, Verdict
from exporter.toolkit.web_config import ReadWebConfig, WebSettings

_log = logging.getLogger(__name__)

_HEALTH_PATHS = frozenset({"/-/healthy", "/-/ready"})


def is_health_check(request: web.Request) -> bool:
    """Return whether the request is for a health path.

    Supervisors have no password, and other requests must not lock them out.
    """
    resource = request.match_info.route.resource
    return resource is not None and resource.canonical in _HEALTH_PATHS


class _BareResponse(web.Response):
    """A response without the configured headers."""


class Guard:
    """Protects an application, and follows the web configuration as it changes."""

    def __init__(
        self, read: ReadWebConfig, metrics: ServerMetrics, monotonic: Callable[[], float]
    ) -> None:
        """Whether TLS and the rate limit apply is fixed here.

        Raises:
            WebConfigError: The file cannot be read or has faults.
        """
        self._read = read
        self._monotonic = monotonic
        self._metrics = metrics
        self._last: WebSettings = read()
        self._faults: dict[str, str] = {}
        limit = self._last.rate_limit
        self._bucket = TokenBucket(limit.interval, limit.burst) if limit else None
        self._users = Users()
        _warn_of_curve(self._last.tls)
        self.ssl_context: ssl.SSLContext | None = (
            Certificates(self._tls, self._report_tls) if self._last.tls else None
        )

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass the request to the handler, or refuse it."""
        settings = self._settings()
        if settings is None:
            return _BareResponse(status=500, text="Internal Server Error\n")
        if is_health_check(request):
            return await handler(request)
        if self._bucket and not self._bucket.take(self._monotonic()):
            self._metrics.reject(RejectReason.RATE_LIMIT)
            return _BareResponse(status=429, text="Too Many Requests\n")
        if settings.users:
            header = request.headers.get("Authorization", "")
            match await self._users.look_up(header, settings.users, address_of(request.transport)):
                case Verdict.WRONG:
                    self._metrics.reject(RejectReason.UNAUTHORIZED)
                    basic = {"WWW-Authenticate": "Basic"}
                    return web.Response(status=401, text="Unauthorized\n", headers=basic)
                case Verdict.BUSY:
                    self._metrics.reject(RejectReason.BUSY)
                    later = {"Retry-After": "1"}
                    return web.Response(status=503, text="Service Unavailable\n", headers=later)
        return await handler(request)

    def set_headers(self, response: web.StreamResponse) -> None:
        """Set the configured headers, which replace those of the application."""
        if not isinstance(response, _BareResponse):
            response.headers.update(self._last.headers)

    def _settings(self) -> WebSettings | None:
        try:
            settings = self._read()
        except WebConfigError as error:
            self._report("web configuration cannot be used", "; ".join(error.faults))
            return None
        self._report("web configuration cannot be used", None)
        if settings is not self._last:
            self._log_change(self._last, settings)
            self._last = settings
        return settings

    def _tls(self) -> ServerTls | None:
        settings = self._settings()
        if settings is None:
            return None
        if settings.tls is None:
            self._report_tls("tls_server_config is gone; restart to serve without TLS")
        return settings.tls

    def _report_tls(self, fault: str | None) -> None:
        self._report("TLS handshakes fail", fault)

    def _report(self, event: str, fault: str | None) -> None:
        """Log a fault when it appears, changes or disappears; count each refused request."""
        if fault is not None:
            self._metrics.config_errors.inc()
        if fault == self._faults.get(event):
            return
        if fault is None:
            del self._faults[event]
            _log.info("web configuration is usable again")
        else:
            self._faults[event] = fault
            _log.error(event, extra={"facts": {"why": fault}})

    def _log_change(self, before: WebSettings, after: WebSettings) -> None:
        if self.ssl_context and after.tls != before.tls:
            _warn_of_curve(after.tls)
        needs_restart = after.rate_limit != before.rate_limit or (
            after.tls is not None and self.ssl_context is None
        )
        facts = {"acts_after_restart": "TLS on or off, rate_limit"} if needs_restart else {}
        _log.info("web configuration read again", extra={"facts": facts})


def _warn_of_curve(tls: ServerTls | None) -> None:
    curve = tls and unnameable_curve(tls)
    if curve:
        _log.warning(
            "this Python cannot limit TLS to the curve; OpenSSL's default groups are used",
            extra={"facts": {"curve": curve}},
        )
