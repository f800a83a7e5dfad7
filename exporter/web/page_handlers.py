"""The handlers of the pages, of their style and script, and of the API."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from itertools import islice

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.errors import QueryError
from exporter.runtime.schedule import Schedule
from exporter.runtime.targets import Targets
from exporter.web.api import DEFAULT_LIMIT, MAX_LIMIT, render_json
from exporter.web.html import render_error, render_list, render_target
from exporter.web.links import ROWS_PER_PAGE
from exporter.web.query import read_query, short_word
from exporter.web.target_page import select_targets
from exporter.web.target_query import TargetQuery, read_target_query

_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}

# Pieces of a page rendered before polls run again: some ten rows, about a millisecond.
_PIECES_PER_STEP = 400


class PageHandlers:
    """The handlers, with the targets that they show."""

    def __init__(self, targets: Targets, schedule: Schedule | None, telemetry_path: str) -> None:
        self._targets = targets
        self._schedule = schedule
        self._telemetry_path = telemetry_path
        # One step of one request in each turn of the event loop, for any number of requests.
        self._lock = asyncio.Lock()
        folder = files("exporter.web") / "static"
        self._static = {name: (folder / name).read_bytes() for name in _STATIC}

    def routes(self) -> list[web.RouteDef]:
        """Return all routes; where the metrics are at /, there are no pages."""
        api = web.get("/api/v1/targets", self.list_as_json)
        if self._telemetry_path == "/":
            return [api]
        static = [web.get(f"/static/{name}", self.send_static) for name in _STATIC]
        return [web.get("/", self.show_list), web.get("/target", self.show_target), *static, api]

    async def show_list(self, request: web.Request) -> web.Response:
        """Serve the list of targets."""
        try:
            query = self._target_query(request, ROWS_PER_PAGE, ROWS_PER_PAGE)
        except QueryError as error:
            return self._error_response(request, 400, str(error))
        async with self._lock:
            page = await select_targets(query, self._targets)
            pieces = render_list(page, query, self._targets, self._schedule, self._telemetry_path)
            text = await _joined_in_steps(pieces)
        return _html_response(text)

    async def show_target(self, request: web.Request) -> web.Response:
        """Serve the page of one target."""
        try:
            name = read_query(request.query, single=("name",)).get("name", ("",))[0]
        except QueryError as error:
            return self._error_response(request, 400, str(error))
        if not name:
            message = "the parameter name is missing: /target?name=NAME"
            return self._error_response(request, 400, message)
        self._targets.age()
        tracked = self._targets.find(name)
        if tracked is None:
            message = f'there is no target "{short_word(name)}"'
            return self._error_response(request, 404, message)
        async with self._lock:
            now = self._targets.clock.wall()
            pieces = render_target(tracked, self._schedule, self._telemetry_path, now)
            text = await _joined_in_steps(pieces)
        return _html_response(text)

    async def list_as_json(self, request: web.Request) -> web.StreamResponse:
        """Serve the list of targets as JSON."""
        try:
            query = self._target_query(request, DEFAULT_LIMIT, MAX_LIMIT)
        except QueryError as error:
            return web.Response(status=400, text=f"{error}\n")
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"}
        )
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        async with self._lock:
            page = await select_targets(query, self._targets)
        with suppress(ConnectionError):  # The client closed the connection.
            chunks = render_json(page, self._schedule, query.offset)
            while chunk := await self._next_chunk(chunks):
                await response.write(chunk)
        return response

    def _target_query(
        self, request: web.Request, default_limit: int, max_limit: int
    ) -> TargetQuery:
        return read_target_query(
            request.query, self._targets.systems, default_limit=default_limit, max_limit=max_limit
        )

    async def _next_chunk(self, chunks: Iterator[bytes]) -> bytes:
        async with self._lock:
            chunk = next(chunks, b"")
            await asyncio.sleep(0)
        return chunk

    async def send_static(self, request: web.Request) -> web.Response:
        """Serve the style or the script of the pages."""
        name = request.path.rpartition("/")[2]
        return web.Response(
            body=self._static[name],
            content_type=_STATIC[name],
            charset="utf-8",
            headers={"Cache-Control": "max-age=300"},
        )

    @web.middleware
    async def not_found_page(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve a browser a page with a link to the list where a path does not exist."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            if self._telemetry_path == "/" or not _is_browser(request):
                raise
            message = f"there is no page {short_word(request.path)}"
            return self._error_response(request, 404, message)

    def _error_response(self, request: web.Request, status: int, message: str) -> web.Response:
        if _is_browser(request):
            return _html_response(render_error(message, self._telemetry_path), status)
        return web.Response(status=status, text=f"{message}\n")


async def _joined_in_steps(pieces: Iterator[str]) -> str:
    """Return the whole text; polls run between two steps of rendering it."""
    found: list[str] = []
    while step := list(islice(pieces, _PIECES_PER_STEP)):
        found += step
        await asyncio.sleep(0)
    return "".join(found)


def _is_browser(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _html_response(text: str, status: int = 200) -> web.Response:
    return web.Response(
        status=status,
        text=text,
        content_type="text/html",
        charset="utf-8",
        headers={"Cache-Control": "no-store"},
    )
