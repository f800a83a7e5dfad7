"""Tls settings go in; an SSL context comes out, that checks certificates unless told not to."""

import ssl
import tempfile
from functools import lru_cache
from pathlib import Path

from exporter.secret import read_file
from exporter.settings import Tls

# A system's whole bundle of certificate authorities has 220 KB.
LARGEST_BUNDLE = 4 * 1024 * 1024
"""What a file of certificates may have of bytes."""

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
"""The names Prometheus' `tls_config` has for the versions."""


Seen = tuple[tuple[int, int, int] | None, ...]


def files_of(tls: Tls) -> Seen:
    """Return what tells whether the files of the settings have changed."""
    return tuple(_seen(path) for path in (tls.ca_file, tls.cert_file, tls.key_file) if path)


def _seen(path: Path) -> tuple[int, int, int] | None:
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_mtime_ns, now.st_size, now.st_ino


def make_context(tls: Tls) -> ssl.SSLContext:
    """Make the context of the settings, or return the one made of the same files before.

    Raises:
        ValueError: A certificate or key is missing or unusable; the message says which.
    """
    return _make(tls, files_of(tls))


# A context takes a fiftieth of a second and a megabyte: clients with equal settings share one.
@lru_cache(maxsize=64)
def _make(tls: Tls, _files: Seen) -> ssl.SSLContext:
    if tls.ca_file or tls.ca:
        # Naming a CA means trusting it alone, as in Prometheus.
        check_file("ca_file", tls.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(
                cafile=str(tls.ca_file) if tls.ca_file else None, cadata=tls.ca
            )
        except (OSError, TypeError) as error:
            what = f"ca_file {tls.ca_file}" if tls.ca_file else "ca"
            raise ValueError(unusable(what, error)) from None
    else:
        context = ssl.create_default_context()
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = VERSIONS[tls.min_version]
    if tls.max_version:
        context.maximum_version = VERSIONS[tls.max_version]
    if tls.cert_file or tls.cert:
        load_certificate(context, tls)
    return context


def load_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    """Give the context the certificate that is shown, with its key.

    Raises:
        ValueError: One of them is missing or unusable; the message says which.
    """
    check_file("cert_file", tls.cert_file)
    check_file("key_file", tls.key_file)
    # The ssl module takes files only. The folder can be entered by this user alone, and is gone
    # before anything is sent.
    with tempfile.TemporaryDirectory(prefix="status-exporter-") as folder:
        cert, key = tls.cert_file, tls.key_file
        try:
            if tls.cert:
                cert = Path(folder, "cert.pem")
                cert.write_text(tls.cert, encoding="utf-8")
            if tls.key:
                key = Path(folder, "key.pem")
                key.touch(mode=0o600)
                key.write_text(tls.key.reveal(), encoding="utf-8")
            # An encrypted key would make OpenSSL ask on the terminal; an empty phrase fails it.
            context.load_cert_chain(str(cert), str(key) if key else None, password="")
        except OSError as error:
            cert_part = f"cert_file {tls.cert_file}" if tls.cert_file else "cert"
            key_part = f"key_file {tls.key_file}" if tls.key_file else "key"
            raise ValueError(unusable(f"{cert_part} with {key_part}", error)) from None


def check_file(what: str, path: Path | None) -> None:
    """Refuse a file that OpenSSL would hold everything up with: a pipe, a device, one without end.

    Raises:
        ValueError: It is such a file, or cannot be read; the message says which.
    """
    if path is None:
        return
    try:
        read_file(path, LARGEST_BUNDLE)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{what} {path} cannot be used: {why}") from None


def unusable(what: str, error: Exception) -> str:
    """Say what cannot be used, and why."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not PEM"
    return f"{what} cannot be used: {reason}"
