"""TLS to a vendor: certificates, versions and client certificates."""

import socket
import socketserver
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from exporter.client_tls import make_context
from exporter.errors import PollError
from exporter.secret import Secret
from exporter.settings import Client, Tls
from exporter.toolkit.tls_files import VERSIONS
from support.client_certificates import AUTHORITY, FOREIGN, HOST, OURS, TRUSTED, chain, key, result
from support.polling import Polls, make_target
from support.vendor import response

GOOD = AUTHORITY.issue_cert(HOST)
TODAY = datetime.now(UTC)


class Https(socketserver.ThreadingTCPServer):
    """A server that sends a client the reason of a rejection, unlike asyncio's."""

    daemon_threads = True
    context: ssl.SSLContext


class Handler(socketserver.BaseRequestHandler):
    server: Https

    def handle(self) -> None:
        stream = self.server.context.wrap_socket(
            self.request, server_side=True, do_handshake_on_connect=False
        )
        with stream, suppress(OSError):
            try:
                stream.do_handshake()
                if stream.recv(65536):
                    stream.sendall(response(b'{"mode":"production"}', more="Connection: close\r\n"))
            finally:
                # Closing with bytes unread would send RST, and the alert would be lost.
                stream.shutdown(socket.SHUT_WR)
                while socket.socket.recv(stream, 65536):
                    pass


@contextmanager
def serving(
    certificate: trustme.LeafCert = GOOD,
    *,
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    wants_certificate: bool = False,
) -> Iterator[str]:
    """Serve one endpoint over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    context.maximum_version = newest
    if wants_certificate:
        AUTHORITY.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with Https((HOST, 0), Handler) as server:
        server.context = context
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"https://{HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


MISMATCH = "tls: the server's certificate: {} mismatch, certificate is not valid for"
UNKNOWN_CA = "tls: the server's certificate: unable to get local issuer certificate"
CHECKS = {
    "trusted": (GOOD, Tls(ca=TRUSTED), "ok"),
    "unknown CA": (
        GOOD,
        Tls(),
        UNKNOWN_CA,
    ),
    "another CA": (
        GOOD,
        Tls(ca=trustme.CA().cert_pem.bytes().decode()),
        UNKNOWN_CA,
    ),
    "unchecked": (GOOD, Tls(insecure_skip_verify=True), "ok"),
    "another host, unchecked": (
        AUTHORITY.issue_cert("ucs.example.com"),
        Tls(insecure_skip_verify=True),
        "ok",
    ),
    "another host": (
        AUTHORITY.issue_cert("ucs.example.com"),
        Tls(ca=TRUSTED),
        f"{MISMATCH.format('IP address')} '127.0.0.1'.",
    ),
    "another host that is meant": (
        AUTHORITY.issue_cert("ucs.example.com"),
        Tls(ca=TRUSTED, server_name="ucs.example.com"),
        "ok",
    ),
    "another name that is meant": (
        GOOD,
        Tls(ca=TRUSTED, server_name="ucs.example.com"),
        f"{MISMATCH.format('Hostname')} 'ucs.example.com'.",
    ),
    "expired": (
        AUTHORITY.issue_cert(
            HOST, not_before=TODAY - timedelta(days=9), not_after=TODAY - timedelta(days=1)
        ),
        Tls(ca=TRUSTED),
        "tls: the server's certificate: certificate has expired",
    ),
    "not yet": (
        AUTHORITY.issue_cert(
            HOST, not_before=TODAY + timedelta(days=1), not_after=TODAY + timedelta(days=9)
        ),
        Tls(ca=TRUSTED),
        "tls: the server's certificate: certificate is not yet valid",
    ),
}


@pytest.mark.parametrize(("certificate", "tls", "expected"), CHECKS.values(), ids=CHECKS)
async def test_a_certificate_is_checked(
    certificate: trustme.LeafCert, tls: Tls, expected: str, poll: Polls
) -> None:
    with serving(certificate) as url:
        # From OpenSSL 3.6 on, "not yet valid" names the system clock, too.
        assert (await result(url, tls, poll)).startswith(expected)


@pytest.mark.parametrize(
    ("check", "hint"),
    [
        ("unknown CA", "to trust it, set ca_file in the client's tls_config"),
        ("another host", "if the server is right, set server_name in the client's tls_config"),
        ("another name that is meant", "if the server is right, set server_name"),
        ("expired", ""),
    ],
)
async def test_a_certificate_that_a_client_can_accept_has_a_hint(
    check: str, hint: str, poll: Polls
) -> None:
    certificate, tls, _ = CHECKS[check]
    with serving(certificate) as url:
        done = await poll(make_target(url=url, client=Client(name="", tls=tls)))

    assert isinstance(done.outcome, PollError)
    assert done.outcome.hint.startswith(hint)
    assert bool(done.outcome.hint) == bool(hint)


async def test_a_ca_can_be_a_file(tmp_path: Path, poll: Polls) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(TRUSTED, encoding="utf-8")

    with serving() as url:
        assert await result(url, Tls(ca_file=path), poll) == "ok"


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        (ssl.TLSVersion.TLSv1_3, "ok"),
        (ssl.TLSVersion.TLSv1_2, "tls: TLS: TLSV1_ALERT_PROTOCOL_VERSION"),
    ],
)
async def test_a_version_below_the_minimum_is_refused(
    newest: ssl.TLSVersion, expected: str, poll: Polls
) -> None:
    with serving(newest=newest) as url:
        assert await result(url, Tls(ca=TRUSTED, min_version="TLS13"), poll) == expected


@pytest.mark.parametrize("name", VERSIONS)
def test_a_version_has_prometheus_name(name: str) -> None:
    with warnings.catch_warnings():
        # TLS 1.0 and 1.1 are what some servers still speak.
        warnings.filterwarnings("ignore", "ssl.TLSVersion.TLSv1", DeprecationWarning)
        context = make_context(Tls(min_version=name, max_version=name))

        assert context.minimum_version == context.maximum_version == VERSIONS[name]


def test_tls_1_2_is_the_minimum_by_default() -> None:
    assert make_context(Tls()).minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("inline", [False, True], ids=["files", "inline"])
async def test_a_client_certificate_is_presented(
    inline: bool, newest: ssl.TLSVersion, tmp_path: Path, poll: Polls
) -> None:
    cert_file, key_file = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert_file.write_text(chain(OURS), encoding="utf-8")
    key_file.write_text(key(OURS), encoding="utf-8")
    tls = Tls(ca=TRUSTED, cert_file=cert_file, key_file=key_file)
    if inline:
        tls = Tls(ca=TRUSTED, cert=chain(OURS), key=Secret(key(OURS)))

    with serving(newest=newest, wants_certificate=True) as url:
        assert await result(url, tls, poll) == "ok"


@pytest.mark.parametrize(
    "newest",
    [
        ssl.TLSVersion.TLSv1_2,
        # TLS 1.3 ends the client's handshake first, and the alert comes instead of an answer.
        ssl.TLSVersion.TLSv1_3,
    ],
)
@pytest.mark.parametrize(
    "tls",
    [Tls(ca=TRUSTED), Tls(ca=TRUSTED, cert=chain(FOREIGN), key=Secret(key(FOREIGN)))],
    ids=["none", "foreign"],
)
async def test_a_rejected_client_certificate_is_a_tls_failure(
    tls: Tls, newest: ssl.TLSVersion, poll: Polls
) -> None:
    with serving(newest=newest, wants_certificate=True) as url:
        actual = await result(url, tls, poll)

    assert actual.startswith("tls: ")


async def test_a_server_without_tls_is_reported(poll: Polls) -> None:
    class Plain(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(response(b"", status="400 Bad Request"))

    with socketserver.ThreadingTCPServer((HOST, 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        actual = await result(f"https://{HOST}:{server.server_address[1]}", Tls(), poll)
        server.shutdown()
        thread.join()

    assert (
        actual == "tls: the answer is not TLS: the server seems to speak plain HTTP, write http://"
    )
