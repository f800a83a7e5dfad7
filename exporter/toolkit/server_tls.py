"""TLS of the server: its settings, the SSL context for them, and a context that follows changes."""

import hashlib
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

from exporter.toolkit.read_file import read_file
from exporter.toolkit.tls_files import VERSIONS, check_file, load_certificate, unusable

_log = logging.getLogger(__name__)

# All certificate authorities of an operating system have a quarter of it.
MAX_FILE_BYTES = 1024 * 1024
"""The maximum size of a web configuration file and of each file that it names."""

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
"""Go's names and OpenSSL's; None for TLS 1.3, whose cipher suites cannot be chosen."""

CURVES = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
"""Go's names and OpenSSL's."""

CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    # Go requests a certificate and accepts any or none, which has the same effect.
    "RequestClientCert": ssl.CERT_NONE,
    # Python cannot accept a certificate without verifying it.
    "RequireAnyClientCert": ssl.CERT_REQUIRED,
    "RequireClientCert": ssl.CERT_REQUIRED,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""Go's names for whether clients need a certificate, and Python's."""


@dataclass(frozen=True, kw_only=True)
class ServerTls:
    """`tls_server_config`; certificates and keys are PEM.

    `client_allowed_sans` is None where any certificate is accepted; an empty one accepts none.
    """

    cert_file: Path | None = None
    cert: str | None = None
    key_file: Path | None = None
    key: str | None = field(default=None, repr=False)
    client_ca_file: Path | None = None
    client_ca: str | None = None
    client_auth_type: str = "NoClientCert"
    client_allowed_sans: tuple[str, ...] | None = None
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()


class Certificates(ssl.SSLContext):
    """A server's context that makes each new connection with the current settings and files.

    It has no certificate itself. While the settings or their files cannot be used, every handshake
    fails. Sessions belong to the context they were made in, so none is resumed after a change.
    """

    def __new__(cls, *_: object) -> Self:
        """Make a context for servers."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(
        self, current: Callable[[], ServerTls | None], report: Callable[[str | None], None]
    ) -> None:
        """Each handshake calls `report` with a fault, or None."""
        self._current = current
        self._report = report
        self._context: ssl.SSLContext | None = None
        self._made_from: tuple[ServerTls, tuple[bytes, ...]] | None = None

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """Make the TLS object of a connection; event loops call this for each one they accept."""
        try:
            context = self._newest()
        except Exception:  # noqa: BLE001 - event loops would not close the connection
            _log.exception("unexpected exception in a TLS handshake")
            context = None
        if context is None:
            return super().wrap_bio(*arguments, **named)
        return context.wrap_bio(*arguments, **named)

    def _newest(self) -> ssl.SSLContext | None:
        tls = self._current()
        if tls is None:
            return None
        made_from = (tls, _digests(tls))
        if self._context is None or made_from != self._made_from:
            try:
                self._context = make_server_context(tls)
            except ValueError as error:
                self._context = None
                self._report(str(error))
                return None
            self._made_from = made_from
        self._report(None)
        return self._context


def _digests(tls: ServerTls) -> tuple[bytes, ...]:
    """Return a digest of each file of the settings; an empty one if it cannot be read."""
    paths = (tls.cert_file, tls.key_file, tls.client_ca_file)
    return tuple(_digest(path) for path in paths if path)


def _digest(path: Path) -> bytes:
    # Two certificates written one after the other may have the same time and size.
    try:
        return hashlib.sha256(read_file(path, MAX_FILE_BYTES)).digest()
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
        context, cert_file=tls.cert_file, cert=tls.cert, key_file=tls.key_file, key=tls.key
    )
    context.verify_mode = CLIENT_AUTH[tls.client_auth_type]
    if context.verify_mode != ssl.CERT_NONE:
        _load_authorities(context, tls)
    if tls.client_allowed_sans is not None:
        context.sslobject_class = _object_class(frozenset(tls.client_allowed_sans))
    return context


def unnameable_curve(tls: ServerTls) -> str | None:
    """Return the only curve of the settings if the ssl module cannot name it, or None.

    Debian 12's Python 3.11.2 with OpenSSL 3.0 cannot name X25519.
    """
    return (
        None
        if _limit_curves(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls)
        else tls.curve_preferences[0]
    )


def _limit_curves(context: ssl.SSLContext, tls: ServerTls) -> bool:
    """Limit the context to the only curve of the settings; return False if ssl cannot name it.

    OpenSSL's default groups then remain, which begin with X25519, the only such curve known.
    """
    if len(tls.curve_preferences) != 1:
        return True
    try:
        context.set_ecdh_curve(CURVES[tls.curve_preferences[0]])
    except (ssl.SSLError, ValueError):
        return False
    return True


def _limit_versions(context: ssl.SSLContext, tls: ServerTls) -> None:
    context.minimum_version = VERSIONS[tls.min_version]
    context.maximum_version = VERSIONS[tls.max_version]
    if tls.min_version in {"TLS10", "TLS11"}:
        # OpenSSL refuses their signatures at its default security level.
        context.set_ciphers("DEFAULT:@SECLEVEL=0")


def _limit_ciphers(context: ssl.SSLContext, tls: ServerTls) -> None:
    if not tls.prefer_server_cipher_suites:
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


def _load_authorities(context: ssl.SSLContext, tls: ServerTls) -> None:
    if not (tls.client_ca_file or tls.client_ca):
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    # An intermediate authority can be given alone, as in Go.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    check_file("client_ca_file", tls.client_ca_file)
    file = str(tls.client_ca_file) if tls.client_ca_file else None
    try:
        context.load_verify_locations(cafile=file, cadata=None if file else tls.client_ca)
    except (OSError, TypeError, ValueError) as error:
        what = f"client_ca_file {file}" if file else "client_ca"
        raise ValueError(unusable(what, error)) from None


def _object_class(allowed: frozenset[str]) -> type[ssl.SSLObject]:
    """Return a class of TLS objects whose handshake fails for certificates without these names."""

    class CheckedSSLObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            if not allowed & _names(self.getpeercert() or {}):
                raise ssl.SSLCertVerificationError("no allowed subject alternative name")

    return CheckedSSLObject


def _names(certificate: Any) -> set[str]:
    names = set()
    for kind, value in certificate.get("subjectAltName", ()):
        if kind in {"DNS", "email", "URI"}:
            names.add(value)
        elif kind == "IP Address":
            with suppress(ValueError):
                # OpenSSL does not abbreviate IPv6 addresses.
                names.add(str(ip_address(value.strip())))
    return names
