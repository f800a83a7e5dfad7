"""Host names become addresses, without one slow name server holding up anything else.

The event loops look names up in a handful of threads that everything shares: eight hosts whose
name server is silent are enough to stop them all, and the program's end waits for them too. Here
each name has at most one look-up under way, in a thread that nobody waits for, and the addresses
of the last look-up serve until the next one is done.
"""

import asyncio
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from exporter.clock import Clock

# Long enough that a fleet's names cost little, short enough for a name that moves.
_FRESH_SECONDS = 30.0
_MOST_LOOKUPS = 64

AddrInfo = tuple[int, int, int, str, Any]


@dataclass
class _Name:
    infos: list[AddrInfo] = field(default_factory=list)
    until: float = 0.0
    looking: "asyncio.Future[list[AddrInfo]] | None" = None


class Resolver(AbstractResolver):
    """Resolves names for both clients."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._names: dict[tuple[str, int], _Name] = {}
        self._places = threading.BoundedSemaphore(_MOST_LOOKUPS)

    async def infos(self, host: str, port: int) -> list[AddrInfo]:
        """Return the addresses of a host.

        Raises:
            OSError: The name cannot be resolved.
            UnicodeError: It cannot be a name.
        """
        name = self._names.setdefault((host, port), _Name())
        now = self._clock.monotonic()
        if now < name.until:
            return name.infos
        if name.looking is None:
            name.looking = asyncio.get_running_loop().create_future()
            # That nobody may wait for it any more is no error.
            name.looking.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._start(host, port, name, name.looking)
        if name.infos:
            return name.infos
        return await asyncio.shield(name.looking)

    def _start(
        self, host: str, port: int, name: _Name, looking: "asyncio.Future[list[AddrInfo]]"
    ) -> None:
        loop = asyncio.get_running_loop()

        def found(outcome: list[AddrInfo] | OSError | UnicodeError) -> None:
            name.looking = None
            if isinstance(outcome, list):
                name.infos, name.until = outcome, self._clock.monotonic() + _FRESH_SECONDS
                looking.set_result(outcome)
            else:
                name.infos = []
                looking.set_exception(outcome)

        def look() -> None:
            outcome: list[AddrInfo] | OSError | UnicodeError
            with self._places:
                try:
                    outcome = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
                except (OSError, UnicodeError) as error:
                    outcome = error
            with suppress(RuntimeError):  # The loop was closed meanwhile: nobody waits any more.
                loop.call_soon_threadsafe(found, outcome)

        threading.Thread(target=look, daemon=True, name=f"resolve {host}").start()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses as aiohttp wants them."""
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in await self.infos(host, port)
            if family in {socket.AF_UNSPEC, kind}
        ]

    async def close(self) -> None:
        """Do nothing: what is under way ends by itself, unheard."""
