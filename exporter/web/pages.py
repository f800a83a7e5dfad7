"""The paths for people and programs that look at targets: pages, their style, and the same as JSON."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files

from aiohttp import web

from exporter.errors import QueryError
from exporter.runtime.schedule import Schedule
from exporter.runtime.targets import Targets
from exporter.web.api import DEFAULT_LIMIT, MOST_AT_ONCE, list_targets
from exporter.web.choice import read_choice
from exporter.web.page import ROWS_A_PAGE, status_page, target_page
from exporter.web.query import quoted, read_query

_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}
PATHS = frozenset({"/target", "/api/v1/targets", *(f"/static/{name}" for name in _STATIC)})


class Pages:
    """The handlers, with what they show."""

    def __init__(self, targets: Targets, schedule: Schedule | None, telemetry_path: str) -> None:
        self._targets = targets
        self._schedule = schedule
        self._path = telemetry_path
        # Of ten thousand targets a page takes a hundredth of a second. However many ask at once,
        # polls have their turn between two of them.
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
            return _refusal(400, str(error))
        async with self._turn:
            page = status_page(self._targets, self._schedule, choice, self._path)
            await asyncio.sleep(0)
        return _page(page)

    async def target(self, request: web.Request) -> web.Response:
        """Serve the page of one target."""
        try:
            name = read_query(request.query, once=("name",)).get("name", ("",))[0]
        except QueryError as error:
            return _refusal(400, str(error))
        if not name:
            return _refusal(400, "the parameter name is missing: /target?name=NAME")
        self._targets.age()
        tracked = self._targets.named(name)
        if tracked is None:
            return _refusal(404, f'there is no target "{quoted(name)}"')
        async with self._turn:
            page = target_page(tracked, self._schedule, self._path)
            await asyncio.sleep(0)
        return _page(page)

    async def api(self, request: web.Request) -> web.StreamResponse:
        """Serve targets as JSON."""
        try:
            choice = read_choice(
                request.query, self._targets.systems, limit=DEFAULT_LIMIT, most=MOST_AT_ONCE
            )
        except QueryError as error:
            return _refusal(400, str(error))
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        with suppress(ConnectionError):  # Whoever asked went away.
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


def _page(text: str) -> web.Response:
    return web.Response(
        text=text,
        content_type="text/html",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )


def _refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
