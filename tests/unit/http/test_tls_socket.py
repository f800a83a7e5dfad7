"""TLS whose reads are bounded, and otherwise are those of an SSLSocket."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from unittest.mock import Mock

import pytest
import trustme

from exporter.http.tls_socket import TlsSocket

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("127.0.0.1")
SIZE = 65536


class Peers:
    """Both ends of a connection; the server runs in a thread."""

    def __init__(self, context: ssl.SSLContext) -> None:
        ours, self.theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ours.setblocking(False)
        self.client = TlsSocket(ours, context, "127.0.0.1")
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        CERTIFICATE.configure_cert(self.context)
        self.thread: threading.Thread | None = None

    def serve(self, handle: Callable[[ssl.SSLSocket], object]) -> None:
        def run() -> None:
            with (
                suppress(OSError),
                self.context.wrap_socket(self.theirs, server_side=True) as tls,
            ):
                handle(tls)

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.client.close()
        if self.thread:
            self.thread.join(60)
        self.theirs.close()


def until_done(step: Callable[[], bytes | int | None]) -> bytes | int | None:
    """Repeat a step until it does not have to wait any more."""
    while True:
        try:
            return step()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            continue


@pytest.fixture
def peers() -> Iterator[Peers]:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    one = Peers(context)
    yield one
    one.close()


def test_what_is_sent_and_received_is_the_same_in_any_size(peers: Peers) -> None:
    sent = bytes(range(256)) * 4000
    received = bytearray()

    def echo(tls: ssl.SSLSocket) -> None:
        while len(received) < len(sent):
            received.extend(tls.recv(SIZE))
        tls.sendall(bytes(received))
        tls.unwrap()

    peers.serve(echo)
    until_done(peers.client.do_handshake)
    assert until_done(lambda: peers.client.send(sent)) == len(sent)
    answer = b""
    while piece := until_done(lambda: peers.client.recv(SIZE)):
        assert isinstance(piece, bytes)
        answer += piece

    assert bytes(received) == sent
    assert answer == sent


def test_a_connection_that_breaks_ends_like_that_of_a_socket(peers: Peers) -> None:
    peers.serve(lambda tls: tls.sendall(b"part"))
    until_done(peers.client.do_handshake)

    assert until_done(lambda: peers.client.recv(SIZE)) == b"part"
    assert until_done(lambda: peers.client.recv(SIZE)) == b""


@pytest.mark.parametrize("authority", [trustme.CA(), None], ids=["another", "none"])
def test_a_certificate_that_is_not_trusted_is_refused(authority: trustme.CA | None) -> None:
    context = ssl.create_default_context()
    if authority:
        authority.configure_trust(context)
    peers = Peers(context)
    peers.serve(lambda tls: tls.recv(1))
    with pytest.raises(ssl.SSLCertVerificationError):
        until_done(peers.client.do_handshake)
    peers.close()


def test_tickets_without_end_are_refused_after_a_few_reads(peers: Peers) -> None:
    peers.context.num_tickets = 5000
    peers.serve(lambda tls: tls.recv(1))
    until_done(peers.client.do_handshake)
    with pytest.raises(ssl.SSLError, match="too many messages") as caught:
        until_done(lambda: peers.client.recv(SIZE))

    assert caught.value.reason == "TOO_MANY_MESSAGES"


def test_an_answer_counts_although_the_server_reads_no_more(
    peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    peers.serve(lambda tls: tls.sendall(b"part"))
    until_done(peers.client.do_handshake)
    monkeypatch.setattr(peers.client, "_outgoing", Mock(pending=1, **{"read.return_value": b"x"}))
    broken = Mock(wraps=peers.client._socket)
    broken.send.side_effect = BrokenPipeError
    monkeypatch.setattr(peers.client, "_socket", broken)

    assert until_done(lambda: peers.client.recv(SIZE)) == b"part"
    assert until_done(lambda: peers.client.recv(SIZE)) == b""
