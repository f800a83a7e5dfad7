"""Looks up host names, without one slow name server holding up anything else.

The event loops look names up in a few threads that everything shares: eight hosts whose name
server is silent are enough to stop them all, and the end of the program waits for them, too. Here
each name has at most one look-up under way, in daemon threads of our own, and the addresses of the
last look-up serve until the next one is done.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from exporter.clock import Clock

# Long enough that a fleet's names cost little, short enough for a name that moves.
_FRESH_SECONDS = 30.0
# A name that was not requested for so long is forgotten: its targets are gone.
_UNUSED_SECONDS = 600.0
_MAX_THREADS = 64
# Interfaces are numbered in 32 bits; a larger number would be cut to another one.
_MAX_SCOPE_DIGITS = 9

Address = tuple[int, Any]
"""Address family and socket address."""

Sketch = tuple[Address, ...] | OSError | UnicodeError
OnFound = Callable[[Sketch], None]


@dataclass(slots=True)
class _Name:
    addresses: tuple[Address, ...] = ()
    fresh_until: float = 0.0
    used: float = 0.0
    waiting: list[OnFound] = field(default_factory=list)
    is_looked_up: bool = False


class Resolver:
    """The names in use and their addresses."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._names: dict[tuple[str, int], _Name] = {}
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0
        self._busy = 0
        self._swept = 0.0

    def __len__(self) -> int:
        """Return the number of names that are remembered."""
        return len(self._names)

    def look_up(self, host: str, port: int, on_found: OnFound) -> None:
        """Call back, at once where they are known, with the addresses or why there are none."""
        now = self._clock.monotonic()
        name = self._names.setdefault((host, port), _Name())
        name.used = now
        self._sweep(now)
        if now >= name.fresh_until and not name.is_looked_up:
            self._start(host, port, name)
        if name.addresses:
            on_found(name.addresses)
        elif name.is_looked_up:
            name.waiting.append(on_found)
        else:
            on_found(OSError("no thread for the look-up"))

    def _start(self, host: str, port: int, name: _Name) -> None:
        loop = asyncio.get_running_loop()

        def look() -> None:
            found = _addresses(host, port)
            with suppress(RuntimeError):  # The loop is closed: nothing waits for it any more.
                loop.call_soon_threadsafe(self._note, name, found)

        if self._busy >= self._threads and self._threads < _MAX_THREADS:
            thread = threading.Thread(target=self._work, daemon=True, name="resolve")
            try:
                thread.start()
            except RuntimeError:  # The system allows no more threads now.
                if not self._threads:
                    return
            else:
                self._threads += 1
        self._busy += 1
        name.is_looked_up = True
        self._jobs.put(look)

    def _work(self) -> None:
        while True:
            self._jobs.get()()

    def _note(self, name: _Name, found: Sketch) -> None:
        self._busy -= 1
        name.is_looked_up = False
        waiting, name.waiting = name.waiting, []
        if isinstance(found, tuple):
            name.addresses = found
            name.fresh_until = self._clock.monotonic() + _FRESH_SECONDS
        else:
            name.addresses = ()
        for on_found in waiting:
            on_found(found)

    def _sweep(self, now: float) -> None:
        if now - self._swept < _UNUSED_SECONDS:
            return
        self._swept = now
        for key, name in tuple(self._names.items()):
            if name.used < now - _UNUSED_SECONDS and not name.is_looked_up:
                del self._names[key]


def _addresses(host: str, port: int) -> Sketch:
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return error
    return tuple((family, address) for family, _, _, _, address in infos)


def literal(host: str, port: int) -> tuple[Address, ...]:
    """Return the address that a host is, where it is no name: IPv4, or IPv6 with or without zone.

    Sockets look up what is no valid address by themselves, and block meanwhile.

    Raises:
        OSError: It is no valid IPv6 address, or the zone is no interface of this machine.
    """
    if ":" in host:
        address, _, zone = host.partition("%")
        socket.inet_pton(socket.AF_INET6, address)
        return ((socket.AF_INET6, (address, port, 0, _scope(zone))),)
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        return ()
    return ((socket.AF_INET, (host, port)),)


def _scope(zone: str) -> int:
    if zone.isdecimal() and len(zone) <= _MAX_SCOPE_DIGITS:
        return int(zone)
    return socket.if_nametoindex(zone) if zone else 0
