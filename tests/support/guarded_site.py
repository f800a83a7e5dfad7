"""A small site that the toolkit protects by a web configuration file, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from exporter.toolkit.connection_limits import DEFAULT_LIMITS, ConnectionLimiter, Limits
from exporter.toolkit.listen import listening
from exporter.toolkit.protection import PROTECTION, protect
from exporter.toolkit.server_metrics import ServerMetrics
from exporter.toolkit.web_config import WebConfigFile, WebSettings
from support.http_client import Answer, ask, basic

# Of "fakepassword".
HASH = "$2y$04$lM2HnJirWCCr/dupYr026OvcbeE9cl/PqMnjxQTPESQ9l46hq8qwO"
RIGHT = basic("alice", "fakepassword")
USERS = f"basic_auth_users: {{alice: {HASH}}}\n"
HEADERS = "http_server_config: {headers: {Content-Security-Policy: ours, X-XSS-Protection: 0}}\n"
TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"


class Site:
    """A running site behind a guard, with a client for it."""

    limiter: ConnectionLimiter

    def __init__(self) -> None:
        self.address = ""
        self.registry = CollectorRegistry()
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def slow(self, _request: web.Request) -> web.Response:
        self.reached.set()
        await self.go_on.wait()
        return web.Response()

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self.registry))

    async def ask(self, path: str = "/metrics", **how: Any) -> Answer:
        return await asyncio.to_thread(ask, self.address, path, **how)

    @property
    def refused(self) -> float:
        return self._value("web_config_errors_total")

    def rejected(self, reason: str) -> float:
        return self._value("http_rejected_total", reason=reason)

    def _value(self, name: str, **labels: str) -> float:
        found = self.registry.get_sample_value(f"status_exporter_{name}", labels)
        assert found is not None
        return found


async def healthy(_request: web.Request) -> web.Response:
    return web.Response(text="Healthy.\n")


async def broken(_request: web.Request) -> web.Response:
    raise RuntimeError("a bug")


@asynccontextmanager
async def guarded(
    read: Callable[[], WebSettings], limits: Limits = DEFAULT_LIMITS
) -> AsyncIterator[Site]:
    site, app = Site(), web.Application()
    protect(app, ServerMetrics(site.registry, "status_exporter"), limits=limits, web_config=read)
    site.limiter = app[PROTECTION].limiter
    for path, handler in (
        ("/", site.metrics),
        ("/metrics", site.metrics),
        ("/-/healthy", healthy),
        ("/-/ready", healthy),
        ("/broken", broken),
        ("/slow", site.slow),
    ):
        app.router.add_get(path, handler)
    async with listening(app, ["127.0.0.1:0"]) as (site.address,):
        yield site


def write(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
    else:
        file.write_text(text, encoding="utf-8")


def written(file: Path, text: str) -> Callable[[], WebSettings]:
    write(file, text)
    return WebConfigFile(file).read
