"""ServerTls settings go in; an SSL context for the exporter's own port comes out."""

import hashlib
import ssl
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from exporter.secret import read_file
from exporter.settings import Tls
from exporter.tls import VERSIONS, check_file, load_certificate, unusable
from exporter.toolkit.web_settings import ServerTls

# The authorities of a whole system are a quarter of it.
LARGEST_FILE = 1024 * 1024
"""What a file of certificates may have of bytes, and the web configuration that can hold them."""

CIPHERS = {
    "TLS_AES_128_GCM_SHA256": None,
    "TLS_AES_256_GCM_SHA384": None,
    "TLS_CHACHA20_POLY1305_SHA256": None,
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""Go's names and OpenSSL's; those of TLS 1.3 have none, as they cannot be chosen one by one."""

CURVES = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
"""Go's names and OpenSSL's."""

CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    # Go asks and takes any answer, or none: not to ask comes to the same.
    "RequestClientCert": ssl.CERT_NONE,
    # Python cannot take a certificate without verifying it.
    "RequireAnyClientCert": ssl.CERT_REQUIRED,
    "RequireClientCert": ssl.CERT_REQUIRED,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""The names of what is asked of clients, and Python's."""


def digests_of(tls: ServerTls) -> tuple[bytes, ...]:
    """Return a digest of each file of the settings, an empty one of what cannot be read."""
    paths = (tls.cert_file, tls.key_file, tls.client_ca_file)
    return tuple(_digest(path) for path in paths if path)


def _digest(path: Path) -> bytes:
    # Times and sizes could be the same for two certificates that are written one after the other.
    try:
        return hashlib.sha256(read_file(path, LARGEST_FILE)).digest()
    except (OSError, ValueError):
        return b""


def make_server_context(tls: ServerTls) -> ssl.SSLContext:
    """Make the context of the settings.

    Raises:
        ValueError: A certificate or key is missing or unusable; the message says which.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _limit_versions(context, tls)
    _limit_ciphers(context, tls)
    _limit_curves(context, tls)
    load_certificate(
        context, Tls(cert_file=tls.cert_file, cert=tls.cert, key_file=tls.key_file, key=tls.key)
    )
    context.verify_mode = CLIENT_AUTH[tls.client_auth]
    if context.verify_mode != ssl.CERT_NONE:
        _trust(context, tls)
    if tls.allowed_sans is not None:
        context.sslobject_class = _checking(frozenset(tls.allowed_sans))
    return context


def unnameable_curve(tls: ServerTls) -> str | None:
    """Return the only curve of the settings if the ssl module cannot name it, or None.

    Debian 12's Python 3.11.2 with OpenSSL 3.0 cannot name X25519.
    """
    return None if _limit_curves(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls) else tls.curves[0]


def _limit_curves(context: ssl.SSLContext, tls: ServerTls) -> bool:
    """Limit the context to the only curve of the settings; return False where it cannot be named.

    OpenSSL's default groups then remain, and X25519, the only such curve known, is among the first.
    """
    if len(tls.curves) != 1:
        return True
    try:
        context.set_ecdh_curve(CURVES[tls.curves[0]])
    except (ssl.SSLError, ValueError):
        return False
    return True


def _limit_versions(context: ssl.SSLContext, tls: ServerTls) -> None:
    context.minimum_version = VERSIONS[tls.min_version]
    context.maximum_version = VERSIONS[tls.max_version]
    if tls.min_version in {"TLS10", "TLS11"}:
        # Their signatures are below what OpenSSL allows unless it is told to.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")


def _limit_ciphers(context: ssl.SSLContext, tls: ServerTls) -> None:
    if not tls.prefer_own_order:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if not tls.cipher_suites:
        return
    names = [CIPHERS[name] for name in tls.cipher_suites]
    older = [name for name in names if name]
    if older:
        level = ["@SECLEVEL=0"] if tls.min_version in {"TLS10", "TLS11"} else []
        try:
            context.set_ciphers(":".join(older + level))
        except ssl.SSLError as error:
            raise ValueError(unusable("cipher_suites", error)) from None
    elif tls.max_version == "TLS13":
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    else:
        raise ValueError(f"none of cipher_suites can be used up to {tls.max_version}")


def _trust(context: ssl.SSLContext, tls: ServerTls) -> None:
    if not (tls.client_ca_file or tls.client_ca):
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    # An authority that was signed by another one can be named alone, as in Go.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    check_file("client_ca_file", tls.client_ca_file)
    file = str(tls.client_ca_file) if tls.client_ca_file else None
    try:
        context.load_verify_locations(cafile=file, cadata=None if file else tls.client_ca)
    except (OSError, TypeError, ValueError) as error:
        what = f"client_ca_file {file}" if file else "client_ca"
        raise ValueError(unusable(what, error)) from None


def _checking(allowed: frozenset[str]) -> type[ssl.SSLObject]:
    """Make the class of connections whose handshake fails for other certificates."""

    class Checking(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            if not allowed & _names_of(self.getpeercert() or {}):
                raise ssl.SSLCertVerificationError("no subject alternative name that is allowed")

    return Checking


def _names_of(certificate: Any) -> set[str]:
    names = set()
    for kind, value in certificate.get("subjectAltName", ()):
        if kind in {"DNS", "email", "URI"}:
            names.add(value)
        elif kind == "IP Address":
            with suppress(ValueError):
                # OpenSSL writes every part of an IPv6 address out.
                names.add(str(ip_address(value.strip())))
    return names
