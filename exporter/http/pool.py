"""The connections of all clients: their limits, when idle ones close, and what they share.

A connection belongs to one target. A server may answer a request twice, or late: targets that share
a connection could get the values of another. Unsolicited bytes close a connection for that reason.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Iterator
from operator import attrgetter

from exporter.clock import Clock
from exporter.http.answer_reader import BodyBudget
from exporter.http.deadlines import Deadlines
from exporter.http.http_connection import HttpConnection
from exporter.http.message import Origin
from exporter.http.multiplexer import Multiplexer
from exporter.http.opening import Handshakes
from exporter.http.resolve import Resolver

# Longer than usual poll intervals, so that the connection is still open at the next poll.
_KEEP_ALIVE_SECONDS = 100.0
_SWEEP_SECONDS = 20.0

# Kept connections to one server, such as an API with many targets.
_MAX_KEPT_PER_HOST = 256

RESERVED_FILES = 200
"""Open files for scrapers, listeners, the log and reloads."""
# The event loop, the log and the listener have 14, and four scrapers need one each.
_MIN_RESERVED_FILES = 32


def connection_files(limit: int) -> int:
    """Return how many open files connections to vendors may use: of 128 or more, three quarters."""
    reserved = min(RESERVED_FILES, max(limit // 4, _MIN_RESERVED_FILES))
    return max(limit - reserved, limit // 2)


class ConnectionPool:
    """The connections of all clients of one event loop."""

    def __init__(self, clock: Clock) -> None:
        self.wall = clock.wall
        self.multiplexer = Multiplexer()
        self.resolver = Resolver(clock)
        self.handshakes = Handshakes(self.multiplexer)
        self.deadlines = Deadlines()
        self.held = BodyBudget()
        self._of_origin: Counter[Origin] = Counter()
        self._sweeper: asyncio.TimerHandle | None = None

    def add(self, connection: HttpConnection) -> bool:
        """Count an open connection, and return whether its host has few enough to keep it."""
        origin = connection.request.origin
        self._of_origin[origin] += 1
        if self._sweeper is None:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)
        return self._of_origin[origin] <= _MAX_KEPT_PER_HOST

    def discard(self, connection: HttpConnection) -> None:
        """Stop counting a connection."""
        origin = connection.request.origin
        self._of_origin[origin] -= 1
        if not self._of_origin[origin]:
            del self._of_origin[origin]

    def make_room(self) -> None:
        """Close the twentieth of the connections that is idle for longest, if too many files are open."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if len(self.multiplexer) >= connection_files(limit):
            idle = sorted(self._idle(), key=attrgetter("sent_at"))
            for connection in idle[: 1 + len(idle) // 20]:
                connection.close()

    def _idle(self) -> Iterator[HttpConnection]:
        for one in self.multiplexer.owners():
            if isinstance(one, HttpConnection) and one.on_done is None:
                yield one

    def close(self) -> None:
        """Close all connections; the pool can be used again."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self.handshakes.close()
        for owner in self.multiplexer.owners():
            owner.close()
        self.deadlines.close()
        self.multiplexer.close()

    def _sweep(self) -> None:
        # A step of the clock closes connections early, which is harmless.
        now = self.wall()
        for connection in self._idle():
            if abs(now - connection.sent_at) >= _KEEP_ALIVE_SECONDS:
                connection.close()
        self._sweeper = None
        if self._of_origin:
            loop = asyncio.get_running_loop()
            self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)
