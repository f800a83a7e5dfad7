"""The web configuration of each moment goes in; requests that it does not allow stop here.

The order is that of exporter-toolkit: read the file, limit the rate, set the headers, ask for the
password. Whatever goes wrong on the way, the request is refused.
"""

import logging
import ssl

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.clock import Clock
from exporter.errors import ConfigError
from exporter.telemetry import Telemetry
from exporter.toolkit.certificates import Certificates
from exporter.toolkit.inbound import Rejection
from exporter.toolkit.limit import Limiter
from exporter.toolkit.server_tls import unnameable_curve
from exporter.toolkit.users import Users, Verdict
from exporter.toolkit.web_settings import ReadWeb, ServerTls, WebSettings

_log = logging.getLogger(__name__)

# Whoever watches over the process has no password, and must not be kept out by others' requests.
_FREE = frozenset({"/-/healthy", "/-/ready"})


class _Bare(web.Response):
    """An answer without the configured headers."""


class Guard:
    """Stands before the application; follows the web configuration file as it changes."""

    def __init__(self, read: ReadWeb, telemetry: Telemetry, clock: Clock) -> None:
        """Make one; whether there is TLS and a limit of the rate is settled now.

        Raises:
            ConfigError: The file cannot be read, or every fault of it.
        """
        self._read = read
        self._clock = clock
        self._refused = telemetry.web_config_errors
        self._rejected = telemetry.rejected
        self._last: WebSettings = read()
        self._faults: dict[str, str] = {}
        self._limiter = Limiter(self._last.rate_limit) if self._last.rate_limit else None
        self._users = Users()
        _warn_of_curve(self._last.tls)
        self.ssl_context: ssl.SSLContext | None = (
            Certificates(self._tls, self._tell_of_certificates) if self._last.tls else None
        )

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let the request through to the handler, or answer it."""
        settings = self._settings()
        if settings is None:
            return _Bare(status=500, text="Internal Server Error\n")
        resource = request.match_info.route.resource
        is_free = resource is not None and resource.canonical in _FREE
        if self._limiter and not is_free and not self._limiter.allows(self._clock.monotonic()):
            self._count(Rejection.RATE_LIMIT)
            return _Bare(status=429, text="Too Many Requests\n")
        if settings.users and not is_free:
            header = request.headers.get("Authorization", "")
            match await self._users.look_up(header, settings.users):
                case Verdict.WRONG:
                    self._count(Rejection.UNAUTHORIZED)
                    wanted = {"WWW-Authenticate": "Basic"}
                    return web.Response(status=401, text="Unauthorized\n", headers=wanted)
                case Verdict.BUSY:
                    self._count(Rejection.BUSY)
                    later = {"Retry-After": "1"}
                    return web.Response(status=503, text="Service Unavailable\n", headers=later)
        return await handler(request)

    async def on_prepare(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Set the configured headers, above those of the application itself."""
        if not isinstance(response, _Bare):
            response.headers.update(self._last.headers)

    def _count(self, reason: Rejection) -> None:
        # Not logged: who guesses passwords could fill the disk.
        self._rejected.labels(str(reason)).inc()

    def _settings(self) -> WebSettings | None:
        try:
            settings = self._read()
        except ConfigError as error:
            self._tell("web configuration cannot be used", "; ".join(error.faults))
            return None
        self._tell("web configuration cannot be used", None)
        if settings is not self._last:
            self._tell_of_change(self._last, settings)
            self._last = settings
        return settings

    def _tls(self) -> ServerTls | None:
        settings = self._settings()
        if settings is None:
            return None
        if settings.tls is None:
            self._tell_of_certificates("tls_server_config is gone; restart to serve without TLS")
        return settings.tls

    def _tell_of_certificates(self, fault: str | None) -> None:
        self._tell("TLS handshakes fail", fault)

    def _tell(self, event: str, fault: str | None) -> None:
        """Log a fault when it comes, changes and goes; count whatever it refuses."""
        if fault is not None:
            self._refused.inc()
        if fault == self._faults.get(event):
            return
        if fault is None:
            del self._faults[event]
            _log.info("web configuration is usable again")
        else:
            self._faults[event] = fault
            _log.error(event, extra={"facts": {"why": fault}})

    def _tell_of_change(self, before: WebSettings, after: WebSettings) -> None:
        if self.ssl_context and after.tls != before.tls:
            _warn_of_curve(after.tls)
        is_late = after.rate_limit != before.rate_limit
        is_late = is_late or (after.tls is not None and self.ssl_context is None)
        facts = {"acts_after_restart": "TLS on or off, rate_limit"} if is_late else {}
        _log.info("web configuration read again", extra={"facts": facts})


def _warn_of_curve(tls: ServerTls | None) -> None:
    curve = tls and unnameable_curve(tls)
    if curve:
        _log.warning(
            "this Python cannot limit TLS to the curve; OpenSSL's default groups serve",
            extra={"facts": {"curve": curve}},
        )
