"""Limits of clients: counts connections and decides which of them to close.

It does not read HTTP: `connection` reports when a request begins and when its response ends.
"""

import asyncio
import errno
import ipaddress
import resource
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum

from exporter.toolkit.server_metrics import RejectReason, ServerMetrics

# Iterations of the event loop until the handler of a received request runs.
_LOOP_TURNS = 5
# An IPv6 customer has all addresses that share these bits.
_IPV6_PREFIX = 64
# Open files for the event loop, listeners, log and standard streams.
_OTHER_FILES = 12
_MIN_CONNECTIONS = 4
_OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What clients may use; durations in seconds."""

    # Many times the number of scrapers; fewer if the process may open few files.
    connections: int = 128
    # As node_exporter has it; 0 is no limit. Each scrape under way keeps its page in memory.
    scrapes: int = 40
    # A head is one packet. A client that takes longer is broken, or tries to hold the connection.
    head: float = 10.0
    # Many times what a scraper or a browser sends. aiohttp limits lines, not their number.
    request_bytes: int = 65536
    # No reasonable scrape_timeout is longer.
    response: float = 60.0
    # For clocks and the network: how long a response may last after the scraper's timeout.
    margin: float = 1.0
    # Longer than the five minutes for which Prometheus keeps an idle connection: if it were
    # shorter, a scrape could meet the end of its connection.
    idle: float = 330.0
    # A scrape that read nothing for so long gives way to the next.
    stall: float = 1.0


DEFAULT_LIMITS = Limits()


class Phase(Enum):
    """The state of a connection."""

    READING = "a request is arriving"
    RESPONDING = "a request is being answered"
    FLUSHING = "the client reads the rest of a response"
    IDLE = "between two requests"


@dataclass(slots=True, eq=False)
class ClientConnection:
    """One connection; `address` is the client it counts for."""

    transport: asyncio.Transport
    address: str
    since: float
    until: float
    phase: Phase = Phase.READING
    received: int = 0
    # The last bytes received: if they are no blank line, the next head has begun.
    tail: bytes = b""
    stalled_since: float | None = None


class ConnectionLimiter:
    """All connections of a server, subject to the limits."""

    def __init__(
        self, metrics: ServerMetrics, limits: Limits, monotonic: Callable[[], float]
    ) -> None:
        self.limits = limits
        self.metrics = metrics
        self.is_closing = False
        self._monotonic = monotonic
        self._max_connections = _affordable(limits.connections)
        self._connections = set[ClientConnection]()
        self._scrapes = set[ClientConnection]()
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, transport: asyncio.Transport, address: str) -> ClientConnection:
        """Add a new connection; beyond the limit, a connection is closed, maybe this one."""
        now = self._monotonic()
        client = ClientConnection(transport, address, now, now + self.limits.head)
        self._connections.add(client)
        if self.is_closing:
            self._drop(client)
        elif len(self._connections) > self._max_connections:
            self._reject(self._expendable(client), RejectReason.CONNECTIONS)
        return client

    def open(self, client: ClientConnection, transport: asyncio.Transport) -> None:
        """Note that the connection is open, and its handshake done if there was one."""
        client.transport = transport
        self._expect_head(client)
        if client not in self._connections:
            transport.abort()

    def remove(self, client: ClientConnection) -> None:
        """Remove a closed connection."""
        self._connections.discard(client)
        self._scrapes.discard(client)
        if self.is_closing and not self._connections:
            self._empty.set()

    def make_room(self, error: OSError) -> None:
        """Close an idle connection if the error says that there is no open file for a new one."""
        if error.errno in _OUT_OF_FILES and self._connections:
            self._reject(self._expendable(None), RejectReason.CONNECTIONS)

    def receive(self, client: ClientConnection, data: bytes) -> bool:
        """Note what was received, and return whether it may be processed."""
        client.received += len(data)
        client.tail = (client.tail + data[-4:])[-4:]
        if client.received > self.limits.request_bytes:
            self._reject(client, RejectReason.LARGE_REQUEST)
            return False
        if client.phase in {Phase.FLUSHING, Phase.IDLE}:
            self._expect_head(client)
        return True

    def begin_response(self, client: ClientConnection, timeout: float | None) -> None:
        """Note that a whole head was received; `timeout` is the scraper's, if it sent one."""
        allowed = self.limits.response
        if timeout is not None and timeout > 0:
            allowed = min(allowed, timeout + self.limits.margin)
        client.phase, client.since = Phase.RESPONDING, self._monotonic()
        client.until = client.since + allowed

    def end_response(self, client: ClientConnection) -> None:
        """Note that the response was written, though maybe not read yet."""
        self._scrapes.discard(client)
        client.since, client.received = self._monotonic(), 0
        client.phase = Phase.FLUSHING
        if not client.tail.endswith((b"\r\n\r\n", b"\n\n")):
            self._expect_head(client)

    def admit_scrape(self, client: ClientConnection) -> bool:
        """Return whether the scrape may begin.

        At the limit, a scrape that stalls gives way, or one of an address that holds more of them.
        """
        if 0 < self.limits.scrapes <= len(self._scrapes):
            stalled = [one for one in self._scrapes if self._is_stalled(one)]
            crowd, most = _crowd(self._scrapes)
            own = sum(one.address == client.address for one in self._scrapes)
            if stalled:
                self._reject(_oldest(stalled), RejectReason.SLOW_RESPONSE)
            elif most > own + 1:
                self._reject(_oldest(crowd), RejectReason.BUSY)
            else:
                self.metrics.reject(RejectReason.BUSY)
                return False
        if client in self._connections:  # It may have been closed meanwhile.
            self._scrapes.add(client)
        return True

    def stall(self, client: ClientConnection, *, stalls: bool) -> None:
        """Note that the client stopped or resumed reading what is written."""
        client.stalled_since = self._monotonic() if stalls else None

    async def close_late(self) -> None:
        """Close connections that take too long, until cancelled."""
        while True:
            await asyncio.sleep(min(1.0, self.limits.head / 4))
            now = self._monotonic()
            for client in list(self._connections):
                self._close_if_late(client, now)

    async def drain(self, seconds: float) -> None:
        """Close idle connections now, others after their response or this many seconds."""
        self.is_closing = True
        for _ in range(_LOOP_TURNS):
            await asyncio.sleep(0)
        for client in list(self._connections):
            if client.phase is not Phase.RESPONDING:
                client.transport.close()
        if self._connections:
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                for client in list(self._connections):
                    self._drop(client)

    def _expect_head(self, client: ClientConnection) -> None:
        now = self._monotonic()
        client.phase, client.since, client.until = Phase.READING, now, now + self.limits.head

    def _close_if_late(self, client: ClientConnection, now: float) -> None:
        is_unread = client.transport.get_write_buffer_size() > 0
        if client.phase is Phase.FLUSHING and not is_unread:
            client.phase = Phase.IDLE
        if client.phase is Phase.IDLE or now < client.until:
            return  # aiohttp closes connections that are idle for too long.
        is_slow_reader = is_unread or client.phase is Phase.RESPONDING
        self._reject(
            client, RejectReason.SLOW_RESPONSE if is_slow_reader else RejectReason.SLOW_REQUEST
        )

    def _expendable(self, newest: ClientConnection | None) -> ClientConnection:
        """Return the connection to close: the longest idle of the addresses that hold the most.

        Those addresses give way with the newest if all their connections are being answered.
        """
        crowd, _ = _crowd(self._connections)
        older = [one for one in crowd if one is not newest]
        idle = [one for one in older if one.phase is not Phase.RESPONDING or self._is_stalled(one)]
        if idle:
            return _oldest(idle)
        return newest if newest in crowd else _oldest(older)

    def _is_stalled(self, client: ClientConnection) -> bool:
        since = client.stalled_since
        return since is not None and self._monotonic() - since >= self.limits.stall

    def _reject(self, client: ClientConnection, reason: RejectReason) -> None:
        self.metrics.reject(reason)
        self._drop(client)

    def _drop(self, client: ClientConnection) -> None:
        self.remove(client)
        client.transport.abort()


def _crowd(clients: Collection[ClientConnection]) -> tuple[list[ClientConnection], int]:
    """Return the connections of the addresses that hold the most, and how many each holds."""
    held = Counter(one.address for one in clients)
    most = max(held.values())
    return [one for one in clients if held[one.address] == most], most


def _oldest(clients: list[ClientConnection]) -> ClientConnection:
    return min(clients, key=lambda one: one.stalled_since or one.since)


def _affordable(wanted: int) -> int:
    """Return how many connections the limit of open files allows, at most `wanted`.

    A quarter of the files is for the server, the rest for what the exporter itself opens.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return wanted
    return min(wanted, max(_MIN_CONNECTIONS, files // 4 - _OTHER_FILES))


def address_of(transport: asyncio.BaseTransport | None) -> str:
    """Return the client that a connection counts for."""
    return normalized_address(transport.get_extra_info("peername") if transport else None)


def normalized_address(name: object) -> str:
    """Return the IPv4 address or IPv6 network of a peer name; Unix sockets share an empty one."""
    if not isinstance(name, tuple):
        return ""
    address = ipaddress.ip_address(str(name[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
