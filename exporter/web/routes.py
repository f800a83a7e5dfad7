"""The HTTP application: its paths and their handlers. Nothing here writes to a vendor."""

from collections.abc import Awaitable, Callable, Collection
from functools import partial

from aiohttp import web

from exporter.errors import ConfigError
from exporter.runtime.schedule import Schedule
from exporter.runtime.targets import Targets
from exporter.telemetry import Telemetry
from exporter.toolkit.connection import limit_scrapes
from exporter.toolkit.connection_limits import DEFAULT_LIMITS, Limits
from exporter.toolkit.protection import DEFAULT_HEADERS, protect
from exporter.toolkit.web_config import ReadWebConfig
from exporter.web.exposition import serve_metrics
from exporter.web.page_handlers import PageHandlers
from exporter.web.probe import Prober

Reload = Callable[[str], Awaitable[str]]


class Site:
    """The handlers of the metrics, health and reload paths."""

    def __init__(
        self,
        targets: Targets,
        telemetry: Telemetry,
        telemetry_path: str,
        reload: Reload | None,
    ) -> None:
        self._targets = targets
        self._telemetry = telemetry
        self._telemetry_path = telemetry_path
        self._reload = reload

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; without a `reload`, there is no path for it."""
        found = [
            web.get(
                self._telemetry_path,
                limit_scrapes(partial(serve_metrics, self._targets, self._telemetry.registry)),
            ),
            web.get("/-/healthy", self.healthy),
            web.get("/-/ready", self.ready),
        ]
        if self._reload:
            found += [
                web.post("/-/reload", self.reload),
                web.get("/-/reload", self.reload_needs_post),
            ]
        return found

    async def healthy(self, _request: web.Request) -> web.Response:
        """Report that the process responds; the state of its targets does not matter."""
        return web.Response(text="Healthy.\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """Report whether every target had its first poll, successful or not."""
        if not self._targets.is_ready:
            return web.Response(status=503, text=f"Not ready: {self._targets.missing}.\n")
        return web.Response(text="Ready.\n")

    async def reload(self, _request: web.Request) -> web.Response:
        """Reload the configuration; the response lists every error in it."""
        assert self._reload is not None  # noqa: S101 - there is no route without it
        try:
            changed = await self._reload("request")
        except ConfigError as error:
            return web.Response(status=500, text=f"Not reloaded:\n{error}\n")
        return web.Response(text=f"Reloaded, {changed}.\n")

    async def reload_needs_post(self, _request: web.Request) -> web.Response:
        """Explain to a browser that reloading needs a POST request."""
        text = "This endpoint requires a POST request.\n"
        return web.Response(status=405, headers={"Allow": "POST"}, text=text)


def make_app(
    targets: Targets,
    telemetry: Telemetry,
    telemetry_path: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    web_config: ReadWebConfig | None = None,
    allowed_hosts: Collection[str] = (),
    reload: Reload | None = None,
    schedule: Schedule | None = None,
) -> web.Application:
    """Return the application with its protections.

    Without `reload` it has no path for it; without a schedule, a probe serves the last poll.
    """
    app = web.Application(client_max_size=limits.request_bytes)
    protect(
        app,
        telemetry.server,
        limits=limits,
        web_config=web_config,
        allowed_hosts=allowed_hosts,
        headers={**DEFAULT_HEADERS, "Server": "status-exporter"},
    )
    app.add_routes(Site(targets, telemetry, telemetry_path, reload).routes())
    pages = PageHandlers(targets, schedule, telemetry_path)
    app.add_routes(pages.routes())
    app.middlewares.append(pages.not_found_page)
    app.add_routes(Prober(targets, schedule).routes())
    return app
