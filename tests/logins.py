"""A vendor that wants a login, what is said of it, and a poller by either client on a hand clock."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from aiohttp import web

from exporter.clock import Clock
from exporter.errors import PollError
from exporter.poll.cycle import poll as poll_once
from exporter.poll.fetch import Connections
from exporter.poll.request import build
from exporter.poll.snapshot import Poll
from exporter.settings import Target


class Hand:
    """A clock that stands still until it is moved."""

    def __init__(self, start: float) -> None:
        self.passed = 0.0
        self._start = start

    @property
    def clock(self) -> Clock:
        return Clock(wall=lambda: self._start + self.passed, monotonic=lambda: 1000.0 + self.passed)


class Poller:
    """Polls with connections that are kept from one poll to the next, and counts their logins."""

    def __init__(self, kind: type[Connections], hand: Hand) -> None:
        self.logins: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._hand = hand
        self.connections = kind(hand.clock, on_login=self._count)

    def _count(self, client: str, error: PollError | None) -> None:
        self.logins[client] += 1
        if error is not None:
            self.failures[client] += 1

    async def poll(self, target: Target) -> Poll:
        return await poll_once(target, build(target), self.connections, self._hand.clock)

    async def together(self, target: Target, count: int) -> list[Poll]:
        """Poll so many targets of one server at once."""
        targets = [replace(target, name=str(number)) for number in range(count)]
        return list(await asyncio.gather(*map(self.poll, targets)))


@dataclass
class Seen:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)
    body: str = field(repr=False)


Answer = Callable[[Seen], web.Response]


class Site:
    """A server that answers as it is told, by path, and keeps what it was asked."""

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
    """Start a site and stop it."""
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
