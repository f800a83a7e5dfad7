"""Certificates of the port that are replaced while a client is in the middle of its handshake."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from exporter.toolkit.server_tls import Certificates
from support.guarded_site import TLS, guarded, written
from support.http_client import AUTHORITY, trusting, write_certificates

REQUEST = b"GET /-/healthy HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


class SlowClient:
    """A client of TLS that sends its first message in two parts."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._received, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = trusting()
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname="127.0.0.1")

    def begin(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self._socket.send(self._to_send.read(100))

    def complete(self) -> tuple[bytes, bytes]:
        """Return the server's certificate and the answer to a request."""
        self._until_done(self._tls.do_handshake)
        certificate = self._tls.getpeercert(binary_form=True) or b""
        self._tls.write(REQUEST)
        answer = self._until_done(self._tls.read)
        self._socket.close()
        return certificate, answer

    def _until_done(self, step: Callable[[], bytes | None]) -> bytes:
        while True:
            try:
                return step() or b""
            except ssl.SSLWantReadError:
                self._socket.sendall(self._to_send.read())
                data = self._socket.recv(65536)
                if data:
                    self._received.write(data)
                else:
                    self._received.write_eof()  # Else this loop would not end.
            finally:
                if self._to_send.pending:
                    self._socket.sendall(self._to_send.read())


@pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_a_handshake_ends_with_the_certificate_that_it_began_with(
    loop: Callable[[], asyncio.AbstractEventLoop],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_certificates(tmp_path)
    wrap_bio, begun = Certificates.wrap_bio, list[ssl.SSLObject]()

    def note(*given: Any, **named: Any) -> ssl.SSLObject:
        begun.append(wrap_bio(*given, **named))
        return begun[-1]

    monkeypatch.setattr(Certificates, "wrap_bio", note)
    old, new = (tmp_path / "cert.pem").read_text(), AUTHORITY.issue_cert("127.0.0.1")

    async def main() -> tuple[bytes, bytes, bytes, int, int]:
        async with guarded(written(tmp_path / "web.yaml", TLS)) as site:
            client = SlowClient(site.address)
            await asyncio.to_thread(client.begin)
            async with asyncio.timeout(60):
                while not begun:
                    await asyncio.sleep(0.01)
            new.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
            between = await site.ask("/-/healthy", context=trusting())
            new.private_key_pem.write_to_path(tmp_path / "key.pem")
            certificate, answer = await asyncio.to_thread(client.complete)
            after = SlowClient(site.address)
            await asyncio.to_thread(after.begin)
            following, _ = await asyncio.to_thread(after.complete)
            healthy = await site.ask("/-/healthy", context=trusting())
            return certificate, answer, following, between.status, healthy.status

    with asyncio.Runner(loop_factory=loop) as runner:
        certificate, answer, following, between, healthy = runner.run(main())

    assert certificate == ssl.PEM_cert_to_DER_cert(old)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert following == ssl.PEM_cert_to_DER_cert(new.cert_chain_pems[0].bytes().decode())
    assert (between, healthy) == (0, 200)
