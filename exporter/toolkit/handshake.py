"""Connections that come go in; those whose TLS handshake ends well become the site's.

The event loop's own servers would tell of a connection only then, and limit none before: each takes
one of the open files, for as long as a handshake may last.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from exporter.toolkit.connection import Connection, peer_of
from exporter.toolkit.inbound import Inbound

# `inbound` closes those that take longer than for the head of a request; this is for the farewell.
_PATIENCE = 15.0
# Without an open file to spare none can be accepted: they wait in the system's queue.
_PAUSE = 0.5


class _Door(asyncio.Transport):
    """What `inbound` holds of a connection that is not in yet."""

    def __init__(self, one: socket.socket) -> None:
        super().__init__()
        self._one = one
        self._is_closing = False

    def abort(self) -> None:
        """End the handshake, and the connection with it."""
        self._is_closing = True
        with suppress(OSError):
            self._one.shutdown(socket.SHUT_RDWR)

    close = abort

    def is_closing(self) -> bool:
        """Say whether it was ended."""
        return self._is_closing

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing is answered yet."""
        return 0


async def accept(
    listener: socket.socket, make: Callable[[], Connection], tls: ssl.SSLContext, inbound: Inbound
) -> None:
    """Take in who comes; once cancelled, the socket is closed."""
    loop = asyncio.get_running_loop()
    entering = set[asyncio.Task[None]]()
    listener.setblocking(False)
    try:
        while True:
            try:
                one, name = await loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(_PAUSE)
                continue
            entering.add(task := asyncio.create_task(_enter(one, name, make, tls, inbound)))
            task.add_done_callback(entering.discard)
    finally:
        # At the end, others must be refused while the last answers are read.
        listener.close()


async def _enter(
    one: socket.socket,
    name: object,
    make: Callable[[], Connection],
    tls: ssl.SSLContext,
    inbound: Inbound,
) -> None:
    door = _Door(one)
    caller = inbound.enter(door, peer_of(name))
    if door.is_closing():
        one.close()
        return

    def behind_the_door() -> Connection:
        connection = make()
        connection.door = caller
        return connection

    with suppress(OSError):
        await asyncio.get_running_loop().connect_accepted_socket(
            behind_the_door,
            one,
            ssl=tls,
            ssl_handshake_timeout=_PATIENCE,
            ssl_shutdown_timeout=_PATIENCE,
        )
    inbound.leave(caller)
