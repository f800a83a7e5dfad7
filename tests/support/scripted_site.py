"""An HTTP server with an answer for each path, which records requests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Seen:
    """One request."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)


Answer = Callable[[Seen], web.Response]


class Site:
    """A server that answers by path, and records requests."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.answers: dict[str, Answer] = {}
        self.go_on = asyncio.Event()
        self.go_on.set()

    def asked(self, path: str) -> list[Seen]:
        return [one for one in self.seen if one.path.partition("?")[0] == path]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, request.path_qs, headers, body)
        self.seen.append(seen)
        if request.method == "POST":
            await self.go_on.wait()
        return self.answers[request.path](seen)


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Serve a site within the context."""
    site = Site()
    runner = web.ServerRunner(web.Server(site.handle), shutdown_timeout=0.1)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield site
    finally:
        site.go_on.set()
        await runner.cleanup()


def json(body: object, status: int = 200) -> Answer:
    return lambda _: web.json_response(body, status=status)
