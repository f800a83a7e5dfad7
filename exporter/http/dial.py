"""Connects a socket to the first address of a host that accepts (Happy Eyeballs, RFC 8305)."""

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Callable
from itertools import chain, zip_longest
from select import EPOLLERR, EPOLLHUP

from exporter.http.multiplexer import WRITABLE, Multiplexer
from exporter.http.resolve import Address

# RFC 8305 section 5: how long to wait before the next address is tried.
_NEXT_ADDRESS_SECONDS = 0.25
# A name may have hundreds of addresses, and each attempt holds an open file.
_MAX_ATTEMPTS = 8

OnDialled = Callable[[socket.socket | OSError], None]


class Dial:
    """Attempts to connect; calls `on_done` once, maybe before `try_next` returns."""

    def __init__(
        self, multiplexer: Multiplexer, addresses: tuple[Address, ...], on_done: OnDialled
    ) -> None:
        self.multiplexer = multiplexer
        self._left = deque(_interleaved(addresses))
        self._on_done = on_done
        self._attempts: list[_Attempt] = []
        self._timer: asyncio.TimerHandle | None = None
        self._error = OSError(errno.EHOSTUNREACH, "")

    def cancel(self) -> None:
        """Stop, without a call of `on_done`."""
        if self._timer is not None:
            self._timer.cancel()
        for attempt in self._attempts:
            attempt.close()
        self._attempts.clear()

    def try_next(self) -> None:
        """Try the first address, or the next one beside those under way."""
        self._timer = None
        if self._left and len(self._attempts) >= _MAX_ATTEMPTS:
            self._attempts.pop(0).close()  # It has had two seconds.
        while self._left:
            family, address = self._left.popleft()
            try:
                one = _connecting_socket(family, address)
            except OSError as error:
                self._error = error
                continue
            attempt = _Attempt(self, one)
            self._attempts.append(attempt)
            self.multiplexer.watch(one.fileno(), attempt, WRITABLE)
            if self._left:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(_NEXT_ADDRESS_SECONDS, self.try_next)
            return
        if not self._attempts:
            self._on_done(self._error)

    def succeed(self, attempt: "_Attempt") -> None:
        """Return the socket of the first attempt that connects, and stop the others."""
        self.multiplexer.forget(attempt.socket.fileno())
        self._attempts.remove(attempt)
        self.cancel()
        self._on_done(attempt.socket)

    def fail(self, attempt: "_Attempt", error: OSError) -> None:
        """Try the next address at once, unless the attempt has ended before."""
        if attempt not in self._attempts:
            return
        self._error = error
        self._attempts.remove(attempt)
        attempt.close()
        if self._timer is not None:
            self._timer.cancel()
        self.try_next()


class _Attempt:
    """The attempt to connect to one address."""

    def __init__(self, dial: Dial, one: socket.socket) -> None:
        self._dial = dial
        self.socket = one

    def on_ready(self, mask: int) -> None:
        number = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._dial.fail(self, OSError(number, ""))
            return
        try:
            self.socket.getpeername()
        except OSError as error:
            # Without these bits it is a late event of a closed socket with the same number.
            if mask & (EPOLLERR | EPOLLHUP):
                self._dial.fail(self, error)
            return
        self._dial.succeed(self)

    def on_crash(self) -> None:
        self._dial.fail(self, OSError("unexpected exception"))

    def close(self) -> None:
        self._dial.multiplexer.forget(self.socket.fileno())
        self.socket.close()


def _connecting_socket(family: int, address: object) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        if family != socket.AF_UNIX:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = one.connect_ex(address)  # type: ignore[arg-type]
    except BaseException:
        one.close()
        raise
    if number not in {0, errno.EINPROGRESS}:
        one.close()
        raise OSError(number, "")
    return one


def _interleaved(addresses: tuple[Address, ...]) -> list[Address]:
    """Return the addresses with alternating families, that of the first address first."""
    first = [one for one in addresses if one[0] == addresses[0][0]]
    others = [one for one in addresses if one[0] != addresses[0][0]]
    return [one for one in chain.from_iterable(zip_longest(first, others)) if one is not None]
