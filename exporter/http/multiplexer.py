"""Non-blocking sockets in one epoll, which the event loop watches as a single descriptor.

A transport or a watcher of the event loop for each socket would cost several times as much for
each request. Nothing wakes up while nothing arrives, however many servers hang.
"""

import asyncio
import logging
import select
from contextlib import suppress
from time import monotonic
from typing import Protocol

_log = logging.getLogger(__name__)

READABLE, WRITABLE = select.EPOLLIN, select.EPOLLOUT

# Other tasks of the event loop get their turn after so many sockets or so long: a TLS handshake
# takes half a millisecond, an answer that is read at once a fiftieth.
_MAX_EVENTS_A_TURN = 64
_MAX_SECONDS_A_TURN = 0.003


class SocketOwner(Protocol):
    """What owns a socket in the multiplexer."""

    def on_ready(self, mask: int) -> None:
        """Go on after these epoll events; they may be spurious."""
        ...

    def on_crash(self) -> None:
        """End after an unexpected exception, which is logged."""
        ...

    def close(self) -> None:
        """End without a report to anything."""
        ...


class Multiplexer:
    """The watched sockets; opens its epoll when the first one is added."""

    def __init__(self) -> None:
        self._owners: dict[int, SocketOwner] = {}
        self._epoll: select.epoll | None = None

    def __len__(self) -> int:
        """Return the number of watched sockets."""
        return len(self._owners)

    def watch(self, fd: int, owner: SocketOwner, mask: int) -> None:
        """Report events of the socket to its owner; also changes owner or events."""
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._look)
        if fd in self._owners:
            self._epoll.modify(fd, mask)
        else:
            self._epoll.register(fd, mask)
        self._owners[fd] = owner

    def forget(self, fd: int) -> None:
        """Report nothing more; to be called before the socket is closed."""
        if self._owners.pop(fd, None) is not None and self._epoll is not None:
            with suppress(OSError):
                self._epoll.unregister(fd)

    def ready(self) -> int:
        """Return how many sockets wait for `on_ready`, up to what one turn handles."""
        return 0 if self._epoll is None else len(self._epoll.poll(0, _MAX_EVENTS_A_TURN))

    def handle(self, owner: SocketOwner, mask: int) -> None:
        """Call `on_ready`, before the socket's turn in the event loop."""
        try:
            owner.on_ready(mask)
        except Exception:  # noqa: BLE001 - the same
            _crash(owner)

    def owners(self) -> tuple[SocketOwner, ...]:
        """Return the owners of all sockets."""
        return tuple(self._owners.values())

    def close(self) -> None:
        """Close the epoll; the sockets are their owners'."""
        self._owners.clear()
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _look(self) -> None:
        if self._epoll is None:
            return
        until = monotonic() + _MAX_SECONDS_A_TURN
        owners = self._owners
        for fd, mask in self._epoll.poll(0, _MAX_EVENTS_A_TURN):
            owner = owners.get(fd)
            if owner is None:
                continue
            try:
                owner.on_ready(mask)
            except Exception:  # noqa: BLE001 - a bug ends one connection alone
                _crash(owner)
            if monotonic() > until:
                return  # What is left stays ready and comes up next time.


def _crash(owner: SocketOwner) -> None:
    _log.exception("connection crashed")
    owner.on_crash()
