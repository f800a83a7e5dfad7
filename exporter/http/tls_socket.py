"""A TLS connection that reads a bounded number of bytes at a time.

OpenSSL, when it reads a socket by itself, processes messages for as long as they arrive. A server
that sends session tickets without end would hold the event loop for as long as it likes.
"""

import socket
import ssl

# A response of the usual size arrives in one read. To process as many bytes of tickets takes 2 ms.
_MAX_BYTES_A_READ = 32 * 1024
# Bytes in a row that are no part of an answer: servers send a few tickets, of 250 bytes each.
_MAX_SILENT_BYTES = 64 * 1024


class TlsSocket:
    """The client's end of a connection, with the methods of a non-blocking SSLSocket."""

    def __init__(self, one: socket.socket, context: ssl.SSLContext, server_name: str) -> None:
        self._socket = one
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._unsent = b""
        self._written = 0
        self._silent = 0
        self._is_over = False

    def fileno(self) -> int:
        """Return the number of the open file."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def pending(self) -> int:
        """Return the number of decrypted bytes that were not returned."""
        return self._tls.pending()

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
        """Return the bytes that have arrived; none at the end of the connection.

        Raises:
            SSLWantReadError, BlockingIOError: No bytes of an answer have arrived.
            OSError: The connection is broken, or has too many other messages.
        """
        if self._is_over:
            return b""
        received = self._receive()
        pieces = []
        try:
            while piece := self._tls.read(size):
                pieces.append(piece)
                if not self._incoming.pending:
                    break
            else:
                self._is_over = True  # The last bytes and the end may arrive together.
        except ssl.SSLWantReadError:
            if not pieces:
                self._note_silence(received)
                raise
        except ssl.SSLEOFError:
            pass
        finally:
            if self._outgoing.pending:
                self._flush()
        self._silent = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def send(self, data: bytes) -> int:
        """Send the data, or its beginning, and return how many bytes that is.

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
            data = self._socket.recv(_MAX_BYTES_A_READ)
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

    def _note_silence(self, received: int) -> None:
        self._silent += received
        if self._silent > _MAX_SILENT_BYTES:
            error = ssl.SSLError(ssl.SSL_ERROR_SSL, "too many messages that are no answer")
            error.reason = "TOO_MANY_MESSAGES"
            raise error
