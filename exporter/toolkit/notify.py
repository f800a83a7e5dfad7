"""What the service goes through becomes messages for systemd, by the protocol of sd_notify(3).

Without systemd nothing is sent, and a socket that is missing or broken never hurts the service.
"""

import asyncio
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from exporter.clock import Clock

# The schedule's longest tick is half a second: one that stood still for longer than this hangs.
_LONGEST_STILL = 2.0


@dataclass(frozen=True, kw_only=True)
class Supervisor:
    """Where messages go, if anywhere, and how often it wants a sign of life."""

    address: str = ""
    watchdog_seconds: float = 0.0

    def ready(self, status: str) -> None:
        """Say that the service listens, or is done with a reload, and what it does."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that the configuration is being loaded anew; `ready` has to follow."""
        # systemd compares it with when it asked.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._send("STOPPING=1", "STATUS=stopping")

    async def watch(self, ticks: Callable[[], float], clock: Clock) -> None:
        """Give signs of life for as long as the event loop turns and the schedule ticks."""
        if not self.watchdog_seconds:
            return
        pause = self.watchdog_seconds / 2
        last, moved = -1.0, 0.0
        while True:
            seen, now = ticks(), clock.monotonic()
            if seen != last:
                last, moved = seen, now
            if now - moved <= max(_LONGEST_STILL, pause):
                self._send("WATCHDOG=1")
            await asyncio.sleep(pause)

    def _send(self, *lines: str) -> None:
        if not self.address:
            return
        # A name that begins with `@` is of the abstract kind.
        address = "\0" + self.address[1:] if self.address[0] == "@" else self.address
        with (
            suppress(OSError, ValueError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one,
        ):
            one.setblocking(False)
            one.sendto("\n".join(lines).encode(), address)


NOBODY = Supervisor()
"""To whom nothing is sent."""


def supervisor_of(environ: Mapping[str, str], pid: int) -> Supervisor:
    """Return the supervisor that the environment of the process names."""
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return NOBODY
    every = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
    micros = int(every) if meant and re.fullmatch("[0-9]{1,15}", every) else 0
    return Supervisor(address=address, watchdog_seconds=micros / 1e6)
