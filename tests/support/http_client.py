"""Sends a request on a new connection, with or without TLS, and returns the answer."""

import base64
import http.client
import ssl
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

import trustme

AUTHORITY = trustme.CA()
STRANGERS = trustme.CA()
SERVER = AUTHORITY.issue_cert("127.0.0.1")


@dataclass(frozen=True)
class Answer:
    """An answer; status 0 means that the connection was refused or aborted."""

    status: int
    headers: Message = field(default_factory=Message)
    body: bytes = b""


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def trusting(
    certificate: trustme.LeafCert | None = None,
    *,
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
    authority: trustme.CA = AUTHORITY,
) -> ssl.SSLContext:
    """Return a client's context that trusts the authority and presents the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    context.maximum_version = newest
    if certificate:
        certificate.configure_cert(context)
    return context


def ask(
    address: str,
    path: str = "/metrics",
    *,
    context: ssl.SSLContext | None = None,
    auth: str | None = None,
    method: str = "GET",
) -> Answer:
    host, _, port = address.rpartition(":")
    connection: http.client.HTTPConnection
    if context is None:
        connection = http.client.HTTPConnection(host, int(port), timeout=60)
    else:
        connection = http.client.HTTPSConnection(host, int(port), timeout=60, context=context)
    try:
        headers = {"Authorization": auth} if auth is not None else {}
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    except (OSError, http.client.HTTPException):
        return Answer(0)
    finally:
        connection.close()


def write_certificates(folder: Path, server: trustme.LeafCert = SERVER) -> None:
    """Write cert.pem, key.pem and ca.pem."""
    (folder / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in server.cert_chain_pems))
    server.private_key_pem.write_to_path(folder / "key.pem")
    AUTHORITY.cert_pem.write_to_path(folder / "ca.pem")
