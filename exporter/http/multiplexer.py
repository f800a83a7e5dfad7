"""Non-blocking sockets in one epoll, which the event loop watches as a single descriptor.

A transport for each socket would make a request several times as expensive. Servers that hang cause
no wake-ups.
"""

import asyncio
import logging
import select
from contextlib import suppress
from time import monotonic
from typing import Protocol

_log = logging.getLogger(__name__)

READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT

# Limits of one turn of the event loop, so that other tasks can run: a TLS handshake takes half a
# millisecond, an answer a fiftieth of that.
_MAX_EVENTS_PER_TURN = 64
_MAX_SECONDS_PER_TURN = 0.003


class SocketOwner(Protocol):
    """The owner of a socket in the multiplexer."""

    def on_ready(self, mask: int) -> None:
        """Handle these epoll events, which may be spurious."""
        ...

    def on_crash(self) -> None:
        """Fail after an unexpected exception, which is logged."""
        ...

    def close(self) -> None:
        """Close the socket, without a callback."""
        ...


class Multiplexer:
    """The watched sockets; their epoll is opened for the first one."""

    def __init__(self) -> None:
        self._owners: dict[int, SocketOwner] = {}
        self._epoll: select.epoll | None = None

    def __len__(self) -> int:
        """Return the number of watched sockets."""
        return len(self._owners)

    def watch(self, fd: int, owner: SocketOwner, mask: int) -> None:
        """Call the owner for these events of the socket; also changes owner or events."""
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._on_events)
        if fd in self._owners:
            self._epoll.modify(fd, mask)
        else:
            self._epoll.register(fd, mask)
        self._owners[fd] = owner

    def forget(self, fd: int) -> None:
        """Stop watching a socket; to be called before it is closed."""
        if self._owners.pop(fd, None) is not None and self._epoll is not None:
            with suppress(OSError):
                self._epoll.unregister(fd)

    def ready(self) -> int:
        """Return how many sockets have events, up to the maximum of one turn."""
        return 0 if self._epoll is None else len(self._epoll.poll(0, _MAX_EVENTS_PER_TURN))

    def handle(self, owner: SocketOwner, mask: int) -> None:
        """Call the owner of a socket, ahead of its turn."""
        try:
            owner.on_ready(mask)
        except Exception:  # noqa: BLE001 - the same
            _crash(owner)

    def owners(self) -> tuple[SocketOwner, ...]:
        """Return the owners of all sockets."""
        return tuple(self._owners.values())

    def close(self) -> None:
        """Close the epoll, but no sockets."""
        self._owners.clear()
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _on_events(self) -> None:
        if self._epoll is None:
            return
        until = monotonic() + _MAX_SECONDS_PER_TURN
        owners = self._owners
        for fd, mask in self._epoll.poll(0, _MAX_EVENTS_PER_TURN):
            owner = owners.get(fd)
            if owner is None:
                continue
            try:
                owner.on_ready(mask)
            except Exception:  # noqa: BLE001 - a bug ends one connection alone
                _crash(owner)
            if monotonic() > until:
                return  # The others stay ready for the next turn.


def _crash(owner: SocketOwner) -> None:
    _log.exception("connection crashed")
    owner.on_crash()
