"""A TLS connection that reads a bounded number of bytes at a time.

When OpenSSL reads from a socket itself, it processes messages for as long as they arrive: a server
that sends session tickets without end would block the event loop.
"""

import socket
import ssl
from contextlib import suppress
from typing import Any

# A usual answer arrives in one read. To process so many bytes of session tickets takes 2 ms.
_MAX_READ_BYTES = 32 * 1024
# Consecutive bytes that are not part of an answer: servers send a few tickets of 250 bytes each.
_MAX_SILENT_BYTES = 64 * 1024


class TlsSocket:
    """The client side of a connection, with the methods of a non-blocking SSLSocket."""

    __slots__ = (
        "_incoming",
        "_outgoing",
        "_silent",
        "_socket",
        "_tls",
        "_unsent",
        "_written",
        "is_over",
    )

    def __init__(self, one: socket.socket, context: ssl.SSLContext, server_name: str) -> None:
        self._socket = one
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        # The methods of an SSLObject only call those of this object.
        self._tls: Any = getattr(tls, "_sslobj", tls)
        self._unsent = b""
        self._written = 0
        self._silent = 0
        self.is_over = False
        """Whether the server has ended the connection; no event of the socket may report that."""

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def do_handshake(self) -> None:
        """Continue the handshake.

        Raises:
            SSLWantReadError, SSLWantWriteError: It has to wait for the socket.
            OSError: It failed.
        """
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            self._receive()
            try:
                self._tls.do_handshake()
            finally:
                self._flush()
        self._flush()

    def recv(self, size: int) -> bytes:
        """Return the bytes that have arrived, or b"" at the end of the connection.

        Raises:
            SSLWantReadError: No bytes of an answer have arrived.
            OSError: The connection is broken, or has too many other messages.
        """
        if self.is_over:
            return b""
        received, data = self._receive(), b""
        try:
            while piece := self._tls.read(size):
                data = data + piece if data else piece
                if not self._incoming.pending:
                    break
            else:
                self.is_over = True  # Maybe together with the last bytes.
        except ssl.SSLWantReadError:
            if not data:
                self._count_silent(received)
                raise
        except ssl.SSLEOFError:
            self.is_over = True
        finally:
            if self._outgoing.pending:
                # What has arrived counts, even if the server has closed its side: an answer may end
                # so. What could not be sent precedes what is sent next, and that reports the error.
                with suppress(OSError):
                    self._flush()
        self._silent = 0
        return data

    def send(self, data: bytes) -> int:
        """Send the data, or its beginning, and return the number of bytes sent.

        Raises:
            SSLWantWriteError: Call it again with the same data once the socket is writable.
            OSError: The connection is broken.
        """
        if not self._written:
            self._written = self._tls.write(data)
        self._flush()
        written, self._written = self._written, 0
        return written

    def _receive(self) -> int:
        try:
            data = self._socket.recv(_MAX_READ_BYTES)
        except BlockingIOError:
            raise ssl.SSLWantReadError from None
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return len(data)

    def _flush(self) -> None:
        data = self._unsent + self._outgoing.read()
        if not data:
            return
        try:
            count = self._socket.send(data)
        except BlockingIOError:
            count = 0
        self._unsent = data[count:]
        if self._unsent:
            raise ssl.SSLWantWriteError

    def _count_silent(self, received: int) -> None:
        self._silent += received
        if self._silent > _MAX_SILENT_BYTES:
            error = ssl.SSLError(ssl.SSL_ERROR_SSL, "too many messages that are no answer")
            error.reason = "TOO_MANY_MESSAGES"
            raise error
