"""Accepts connections; each counts as one from the beginning of its TLS handshake.

The event loop's own servers report a connection only after its handshake, and when open files run
out, they close connections that wait to be accepted. They also delete Unix sockets that systemd
passed.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from exporter.toolkit.connection_limits import (
    ClientConnection,
    ConnectionLimiter,
    normalized_address,
)

# The limiter closes handshakes that take longer than the head of a request; this is for the end of
# TLS.
_TLS_SECONDS = 15.0
# After an error such as a lack of open files. Connections wait in the system's queue meanwhile.
_PAUSE_SECONDS = 0.05


class _Accepted(asyncio.Transport):
    """A connection that is not open yet, for the limiter."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._sock = sock
        self._is_closing = False

    def abort(self) -> None:
        """End the handshake, and the connection with it."""
        self._is_closing = True
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    close = abort

    def is_closing(self) -> bool:
        """Return whether it was ended."""
        return self._is_closing

    def get_write_buffer_size(self) -> int:
        """Return 0: nothing is written yet."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Acceptor:
    """Accepts the connections of a server."""

    make_protocol: Callable[[ClientConnection], asyncio.Protocol]
    limiter: ConnectionLimiter
    tls: ssl.SSLContext | None

    async def accept(self, listener: socket.socket) -> None:
        """Accept connections until cancelled, then close the listener."""
        loop = asyncio.get_running_loop()
        opening = set[asyncio.Task[None]]()
        listener.setblocking(False)
        try:
            while True:
                try:
                    sock, name = await loop.sock_accept(listener)
                except OSError as error:
                    self.limiter.make_room(error)
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                transport = _Accepted(sock)
                client = self.limiter.add(transport, normalized_address(name))
                if transport.is_closing():
                    sock.close()
                else:
                    opening.add(task := asyncio.create_task(self._open(sock, transport, client)))
                    task.add_done_callback(opening.discard)
                # A connection that was closed for it releases its file only then.
                await asyncio.sleep(0)
        finally:
            # New connections must be refused while the last responses are read.
            listener.close()

    async def _open(
        self, sock: socket.socket, transport: _Accepted, client: ClientConnection
    ) -> None:
        seconds = _TLS_SECONDS if self.tls else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self.make_protocol(client),
                sock,
                ssl=self.tls,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=seconds,
            )
        except OSError:
            pass  # The client broke the handshake off, or has left.
        finally:
            if client.transport is transport:  # It was never open.
                self.limiter.remove(client)
