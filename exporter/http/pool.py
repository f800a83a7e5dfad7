"""All connections of the program: which are idle, how many there may be, and what they share.

A connection belongs to one target. A server may answer a request twice, or late: on a connection
that several targets share, one would get the other's values. Bytes that come while nothing was
requested end a connection as well.
"""

import asyncio
import resource
from collections import Counter
from typing import TYPE_CHECKING

from exporter.clock import Clock
from exporter.http.answer_reader import HeldBodies
from exporter.http.deadlines import Deadlines
from exporter.http.http_connection import HttpConnection
from exporter.http.message import Origin, Request
from exporter.http.multiplexer import Multiplexer
from exporter.http.opening import Handshakes
from exporter.http.resolve import Resolver

if TYPE_CHECKING:
    from exporter.http.client import PooledClient

# Above the usual poll intervals, so that a connection outlives the pause between two polls.
_KEEP_ALIVE_SECONDS = 100.0
_SWEEP_SECONDS = 20.0

# Connections to one server that are kept: many targets of one API are one server to it.
_MAX_KEPT_A_HOST = 256

# Open files for scrapers, listeners, the log, reloads: what is not a connection to a vendor. Of a
# low limit it is a quarter.
RESERVED_FILES = 200


class ConnectionPool:
    """The connections of all clients of one event loop."""

    def __init__(self, clock: Clock) -> None:
        self.wall = clock.wall
        self.multiplexer = Multiplexer()
        self.resolver = Resolver(clock)
        self.handshakes = Handshakes()
        self.deadlines = Deadlines()
        self.held = HeldBodies()
        # The longest idle first.
        self._idle: dict[HttpConnection, PooledClient] = {}
        self._of_origin: Counter[Origin] = Counter()
        self._sweeper: asyncio.TimerHandle | None = None

    def add(self, connection: HttpConnection) -> None:
        """Count a connection that was opened."""
        self._of_origin[connection.origin] += 1

    def discard(self, connection: HttpConnection) -> None:
        """Forget a connection that is being closed."""
        client = self._idle.pop(connection, None)
        if client is not None:
            del client.idle[connection.owner]
        self._of_origin[connection.origin] -= 1
        if not self._of_origin[connection.origin]:
            del self._of_origin[connection.origin]

    def take(self, client: "PooledClient", request: Request) -> HttpConnection | None:
        """Return the kept connection of the request's owner, if there is one."""
        connection = client.idle.get(request.owner)
        if connection is None:
            return None
        if connection.origin != request.origin:  # The target has another URL now.
            connection.close()
            return None
        del client.idle[request.owner], self._idle[connection]
        return connection

    def keep(self, client: "PooledClient", connection: HttpConnection) -> bool:
        """Keep the connection for the next request of its owner, or return False."""
        owner = connection.owner
        if (
            not owner
            or client.is_retired
            or owner in client.idle
            or self._of_origin[connection.origin] > _MAX_KEPT_A_HOST
        ):
            return False
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        client.idle[owner] = connection
        self._idle[connection] = client
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)
        return True

    def make_room(self) -> None:
        """Close the connection that was idle for longest, where files for a new one are short."""
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit -= min(RESERVED_FILES, limit // 4)
        if self._idle and len(self.multiplexer) >= limit:
            next(iter(self._idle)).close()

    def close(self) -> None:
        """Close every connection; the pool can be used again."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        self.handshakes.close()
        for owner in self.multiplexer.owners():
            owner.close()
        self.deadlines.close()
        self.multiplexer.close()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - _KEEP_ALIVE_SECONDS
        while self._idle:
            first = next(iter(self._idle))
            if first.idle_since > oldest:
                break
            first.close()
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep) if self._idle else None
