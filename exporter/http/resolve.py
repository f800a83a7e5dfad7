"""Looks up host names, so that a slow name server delays only its own hosts.

Event loops look up names in a few shared threads: eight hosts with a silent name server block them
all, and the exit of the program as well. Here each name has at most one look-up under way, in
dedicated daemon threads, and the previous addresses are used until it is done.
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

# Short enough to notice a changed address soon, long enough to keep look-ups rare.
_FRESH_SECONDS = 30.0
# Names are forgotten when no request has used them for so long.
_UNUSED_SECONDS = 600.0
_MAX_THREADS = 64
# Interfaces are numbered in 32 bits; a larger number would be truncated to another one.
_MAX_SCOPE_DIGITS = 9

Address = tuple[int, Any]
"""Address family and socket address."""

LookUpResult = tuple[Address, ...] | OSError | UnicodeError
OnFound = Callable[[LookUpResult], None]


@dataclass(slots=True)
class _Name:
    addresses: tuple[Address, ...] = ()
    fresh_until: float = 0.0
    used: float = 0.0
    waiting: list[OnFound] = field(default_factory=list)
    is_looked_up: bool = False


class Resolver:
    """The host names in use and their addresses."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._names: dict[tuple[str, int], _Name] = {}
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._threads = 0
        self._busy = 0
        self._swept = 0.0

    def __len__(self) -> int:
        """Return the number of cached names."""
        return len(self._names)

    def look_up(self, host: str, port: int, on_found: OnFound) -> None:
        """Call back with the addresses or the error, at once if the addresses are known."""
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
            found = _look_up(host, port)
            with suppress(RuntimeError):  # The event loop is closed.
                loop.call_soon_threadsafe(self._note, name, found)

        if self._busy >= self._threads and self._threads < _MAX_THREADS:
            thread = threading.Thread(target=self._work, daemon=True, name="resolve")
            try:
                thread.start()
            except RuntimeError:  # The limit of threads is reached.
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

    def _note(self, name: _Name, found: LookUpResult) -> None:
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


def _look_up(host: str, port: int) -> LookUpResult:
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return error
    return tuple((family, address) for family, _, _, _, address in infos)


def literal_address(host: str, port: int) -> tuple[Address, ...]:
    """Return the address of a host that is an IPv4 or IPv6 address; () for a name.

    Anything else would be looked up by the socket itself, which blocks the event loop.

    Raises:
        OSError: The IPv6 address is invalid, or its zone is not an interface of this machine.
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
