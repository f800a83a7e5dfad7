"""Messages to systemd by the protocol of sd_notify(3).

Without systemd nothing is sent, and a missing or broken socket does no harm.
"""

import asyncio
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

# Work that has made no progress for longer than this hangs.
_MAX_STANDSTILL_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class Supervisor:
    """The address of systemd's socket, if any, and its watchdog's interval."""

    address: str = ""
    watchdog_seconds: float = 0.0

    def ready(self, status: str) -> None:
        """Report that the service listens, or has reloaded, and what it does."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Report that a reload has begun; `ready` has to follow."""
        # systemd compares it with the time of its request.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Report that the service ends."""
        self._send("STOPPING=1", "STATUS=stopping")

    async def watch(
        self, progress: Callable[[], float], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Feed the watchdog while the event loop runs and `progress` returns new numbers."""
        if not self.watchdog_seconds:
            return
        pause = self.watchdog_seconds / 2
        last, changed_at = -1.0, 0.0
        while True:
            current, now = progress(), monotonic()
            if current != last:
                last, changed_at = current, now
            if now - changed_at <= max(_MAX_STANDSTILL_SECONDS, pause):
                self._send("WATCHDOG=1")
            await asyncio.sleep(pause)

    def _send(self, *lines: str) -> None:
        if not self.address:
            return
        # "@" begins the name of an abstract socket.
        address = "\0" + self.address[1:] if self.address[0] == "@" else self.address
        with (
            suppress(OSError, ValueError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        ):
            sock.setblocking(False)
            sock.sendto("\n".join(lines).encode(), address)


NO_SUPERVISOR = Supervisor()
"""Receives nothing."""


def supervisor_of(environ: Mapping[str, str], pid: int) -> Supervisor:
    """Return the supervisor in the environment of the process."""
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return NO_SUPERVISOR
    interval = environ.get("WATCHDOG_USEC", "")
    is_meant = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
    micros = int(interval) if is_meant and re.fullmatch("[0-9]{1,15}", interval) else 0
    return Supervisor(address=address, watchdog_seconds=micros / 1e6)
