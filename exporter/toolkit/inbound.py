"""Who asks at the port goes in, connection by connection; who has to leave comes out.

Nothing here reads HTTP: `connection` tells when a request begins and when its answer is done.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from enum import Enum, StrEnum

from exporter.clock import Clock
from exporter.telemetry import Telemetry

# Of the event loop, until the handler of a request that has come runs.
_TURNS = 5


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a stranger may take of the exporter; durations in seconds."""

    # Fewer than the open files that are kept from polls, so that a flood takes none of theirs, and
    # many times as many as there are scrapers.
    connections: int = 128
    # As node_exporter has it; 0 is no limit. Each scrape under way keeps its view of all targets.
    scrapes: int = 40
    # A head is one packet. Who takes longer is broken, or wants to hold the connection.
    head: float = 10.0
    # Many times what a scraper or a browser sends. The library limits lines, not all of them.
    request_bytes: int = 65536
    # No scrape_timeout that makes sense is longer.
    answer: float = 60.0
    # What an answer may still take after the scraper gave up, for clocks and the way there.
    margin: float = 1.0
    # Longer than Prometheus keeps a connection that it does not use, five minutes: were it
    # shorter, a scrape could meet the end of its connection.
    idle: float = 330.0
    # A scrape that took nothing for so long gives its place to the next.
    stall: float = 1.0


DEFAULT_LIMITS = Limits()


class Rejection(StrEnum):
    """Why somebody was turned away: the values of the label `reason`."""

    CONNECTIONS = "connections"
    BUSY = "busy"
    SLOW_REQUEST = "slow_request"
    SLOW_RESPONSE = "slow_response"
    LARGE_REQUEST = "large_request"
    BAD_REQUEST = "bad_request"
    UNAUTHORIZED = "unauthorized"
    RATE_LIMIT = "rate_limit"


class Phase(Enum):
    """What a connection is at."""

    ASKING = "a request is on its way"
    SERVED = "a request is answered"
    FLUSHING = "the rest of an answer waits for its reader"
    IDLE = "between two requests"


@dataclass(slots=True, eq=False)
class Caller:
    """One connection; `peer` is whom it counts for."""

    transport: asyncio.Transport
    peer: str
    since: float
    until: float
    phase: Phase = Phase.ASKING
    taken: int = 0
    # The last that came: what does not end with a blank line is the beginning of a head.
    tail: bytes = b""
    stalled_since: float | None = None


class Inbound:
    """Every connection of the site, and what the limits say about it."""

    def __init__(self, telemetry: Telemetry, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.is_closing = False
        self._clock = clock
        self._callers = set[Caller]()
        self._scraping = set[Caller]()
        self._empty = asyncio.Event()
        self._rejected = {reason: telemetry.rejected.labels(str(reason)) for reason in Rejection}

    @property
    def held(self) -> int:
        """Return how many connections there are."""
        return len(self._callers)

    def enter(self, transport: asyncio.Transport, peer: str) -> Caller:
        """Take a new connection in; where there is no room, another has to go."""
        now = self._clock.monotonic()
        caller = Caller(transport, peer, now, now + self.limits.head)
        self._callers.add(caller)
        if self.is_closing:
            self._drop(caller)
        elif len(self._callers) > self.limits.connections:
            self.count(Rejection.CONNECTIONS)
            self._drop(self._who_goes(caller))
        return caller

    def leave(self, caller: Caller) -> None:
        """Forget a connection that is no more."""
        self._callers.discard(caller)
        self._scraping.discard(caller)
        if self.is_closing and not self._callers:
            self._empty.set()

    def received(self, caller: Caller, data: bytes) -> bool:
        """Take note of what came, and say whether it may be read."""
        caller.taken += len(data)
        caller.tail = (caller.tail + data[-4:])[-4:]
        if caller.taken > self.limits.request_bytes:
            self._turn_away(caller, Rejection.LARGE_REQUEST)
            return False
        if caller.phase in {Phase.FLUSHING, Phase.IDLE}:
            self._ask(caller)
        return True

    def begin(self, caller: Caller, asked: float | None) -> None:
        """Take note that a whole head came; `asked` is how long the scraper waits, if it said."""
        allowed = self.limits.answer
        if asked is not None and asked > 0:
            allowed = min(allowed, asked + self.limits.margin)
        caller.phase, caller.since = Phase.SERVED, self._clock.monotonic()
        caller.until = caller.since + allowed

    def finish(self, caller: Caller) -> None:
        """Take note that the answer was written, if maybe not yet taken."""
        self._scraping.discard(caller)
        caller.since, caller.taken = self._clock.monotonic(), 0
        caller.phase = Phase.FLUSHING
        if not caller.tail.endswith((b"\r\n\r\n", b"\n\n")):
            self._ask(caller)

    def admit(self, caller: Caller) -> bool:
        """Give the connection one of the places for scrapes; of who does not read, if need be."""
        if 0 < self.limits.scrapes <= len(self._scraping):
            stalled = [one for one in self._scraping if self._is_stalled(one)]
            if not stalled:
                self.count(Rejection.BUSY)
                return False
            self._turn_away(_longest(stalled), Rejection.SLOW_RESPONSE)
        if caller in self._callers:  # It may have gone meanwhile.
            self._scraping.add(caller)
        return True

    def count(self, reason: Rejection) -> None:
        """Count one that was turned away."""
        self._rejected[reason].inc()

    def stalled(self, caller: Caller, *, now: bool) -> None:
        """Take note that the peer stopped or resumed taking what is written."""
        caller.stalled_since = self._clock.monotonic() if now else None

    async def sweep(self) -> None:
        """Close what is beyond its time, until cancelled."""
        while True:
            await asyncio.sleep(min(1.0, self.limits.head / 4))
            now = self._clock.monotonic()
            for caller in list(self._callers):
                self._look_at(caller, now)

    async def drain(self, seconds: float) -> None:
        """End every connection: idle ones now, others with their answer or after these seconds."""
        self.is_closing = True
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for caller in list(self._callers):
            if caller.phase is not Phase.SERVED:
                caller.transport.close()
        if self._callers:
            try:
                async with asyncio.timeout(seconds):
                    await self._empty.wait()
            except TimeoutError:
                for caller in list(self._callers):
                    self._drop(caller)

    def _ask(self, caller: Caller) -> None:
        now = self._clock.monotonic()
        caller.phase, caller.since, caller.until = Phase.ASKING, now, now + self.limits.head

    def _look_at(self, caller: Caller, now: float) -> None:
        waits = caller.transport.get_write_buffer_size() > 0
        if caller.phase is Phase.FLUSHING and not waits:
            caller.phase = Phase.IDLE
        if caller.phase is Phase.IDLE or now < caller.until:
            return  # The library closes what is idle for too long.
        is_slow_reader = waits or caller.phase is Phase.SERVED
        reason = Rejection.SLOW_RESPONSE if is_slow_reader else Rejection.SLOW_REQUEST
        self._turn_away(caller, reason)

    def _who_goes(self, newest: Caller) -> Caller:
        """Return who can be spared best, of the address that holds the most connections."""
        held = Counter(one.peer for one in self._callers)
        peer = max(held, key=lambda one: (held[one], one == newest.peer))
        crowd = [one for one in self._callers if one.peer == peer and one is not newest]
        spare = [one for one in crowd if one.phase is not Phase.SERVED or self._is_stalled(one)]
        if spare:
            return _longest(spare)
        return newest if newest.peer == peer else _longest(crowd)

    def _is_stalled(self, caller: Caller) -> bool:
        since = caller.stalled_since
        return since is not None and self._clock.monotonic() - since >= self.limits.stall

    def _turn_away(self, caller: Caller, reason: Rejection) -> None:
        self.count(reason)
        self._drop(caller)

    def _drop(self, caller: Caller) -> None:
        self.leave(caller)
        caller.transport.abort()


def _longest(callers: list[Caller]) -> Caller:
    return min(callers, key=lambda one: one.stalled_since or one.since)
