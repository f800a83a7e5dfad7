"""The handlers of the status page, of its style and script, and of the API."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.errors import QueryError
from exporter.runtime.schedule import Schedule
from exporter.runtime.targets import Targets
from exporter.web.api import DEFAULT_LIMIT, MOST_AT_ONCE, list_targets
from exporter.web.choice import read_choice
from exporter.web.html import ROWS_A_PAGE, error_page, status_page, target_page
from exporter.web.query import quoted, read_query

_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}
PATHS = frozenset({"/target", "/api/v1/targets", *(f"/static/{name}" for name in _STATIC)})


class Pages:
    """The handlers, with what they show."""

    def __init__(self, targets: Targets, schedule: Schedule | None, telemetry_path: str) -> None:
        self._targets = targets
        self._schedule = schedule
        self._path = telemetry_path
        # A page of ten thousand targets takes about two hundredths of a second: polls get their turn
        # between two pages, whatever the number of clients.
        self._turn = asyncio.Lock()
        folder = files("exporter.web") / "static"
        self._static = {name: (folder / name).read_bytes() for name in _STATIC}

    def routes(self) -> list[web.RouteDef]:
        """Return every route; none for the pages where the metrics are at /."""
        found = [web.get("/api/v1/targets", self.api)]
        if self._path == "/":
            return found
        static = [web.get(f"/static/{name}", self.static) for name in _STATIC]
        return [web.get("/", self.table), web.get("/target", self.target), *static, *found]

    async def table(self, request: web.Request) -> web.Response:
        """Serve the table of targets."""
        try:
            choice = read_choice(
                request.query, self._targets.systems, limit=ROWS_A_PAGE, most=ROWS_A_PAGE
            )
        except QueryError as error:
            return self._refusal(request, 400, str(error))
        async with self._turn:
            page = status_page(self._targets, self._schedule, choice, self._path)
            await asyncio.sleep(0)
        return _page(page)

    async def target(self, request: web.Request) -> web.Response:
        """Serve the page of one target."""
        try:
            name = read_query(request.query, once=("name",)).get("name", ("",))[0]
        except QueryError as error:
            return self._refusal(request, 400, str(error))
        if not name:
            return self._refusal(request, 400, "the parameter name is missing: /target?name=NAME")
        self._targets.age()
        tracked = self._targets.named(name)
        if tracked is None:
            return self._refusal(request, 404, f'there is no target "{quoted(name)}"')
        async with self._turn:
            now = self._targets.clock.wall()
            page = target_page(tracked, self._schedule, self._path, now)
            await asyncio.sleep(0)
        return _page(page)

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Serve targets as JSON."""
        try:
            choice = read_choice(
                request.query, self._targets.systems, limit=DEFAULT_LIMIT, most=MOST_AT_ONCE
            )
        except QueryError as error:
            return web.Response(status=400, text=f"{error}\n")
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        with suppress(ConnectionError):  # The client is gone.
            pieces = list_targets(self._targets, self._schedule, choice)
            while piece := await self._next(pieces):
                await response.write(piece)
        return response

    async def _next(self, pieces: Iterator[bytes]) -> bytes:
        async with self._turn:
            piece = next(pieces, b"")
            await asyncio.sleep(0)
        return piece

    async def static(self, request: web.Request) -> web.Response:
        """Serve the style or the script of the pages."""
        name = request.path.rpartition("/")[2]
        return web.Response(
            body=self._static[name],
            content_type=_STATIC[name],
            charset="utf-8",
            headers={"Cache-Control": "max-age=300"},
        )

    @web.middleware
    async def find(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve a browser a page with a way back where a path does not exist."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            if self._path == "/" or not _is_browser(request):
                raise
            return self._refusal(request, 404, f"there is no page {quoted(request.path)}")

    def _refusal(self, request: web.Request, status: int, message: str) -> web.Response:
        if _is_browser(request):
            return _page(error_page(message, self._path), status)
        return web.Response(status=status, text=f"{message}\n")


def _is_browser(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _page(text: str, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        text=text,
        content_type="text/html",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )
