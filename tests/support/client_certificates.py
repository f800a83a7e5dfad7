"""Certificates of a test authority, and the outcome of polling over TLS."""

import trustme
from cryptography.hazmat.primitives import serialization

from exporter.errors import PollError
from exporter.settings import Client, Tls
from support.polling import Polls, make_target

HOST = "127.0.0.1"
AUTHORITY = trustme.CA()
TRUSTED = AUTHORITY.cert_pem.bytes().decode()
OURS = AUTHORITY.issue_cert("monitor@example.com")


async def result(url: str, tls: Tls, poll: Polls) -> str:
    outcome = (await poll(make_target(url=url, client=Client(name="", tls=tls)))).outcome
    return str(outcome) if isinstance(outcome, PollError) else "ok"


def chain(certificate: trustme.LeafCert) -> str:
    return "".join(one.bytes().decode() for one in certificate.cert_chain_pems)


def key(certificate: trustme.LeafCert, phrase: bytes = b"") -> str:
    """Return the private key, encrypted where there is a phrase."""
    pem = certificate.private_key_pem.bytes()
    if not phrase:
        return pem.decode()
    return (
        serialization.load_pem_private_key(pem, None)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(phrase),
        )
        .decode()
    )


FOREIGN = trustme.CA().issue_cert("monitor@example.com")
