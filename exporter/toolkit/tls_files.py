"""Certificates and keys, from files or text, loaded into an SSL context; for servers and clients."""

import ssl
import tempfile
from pathlib import Path

from exporter.toolkit.read_file import read_file, reason_of

# All certificate authorities of an operating system have 220 KB.
MAX_PEM_BYTES = 4 * 1024 * 1024
"""The maximum size of a file of certificates."""

VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
"""The names of TLS versions in Prometheus' `tls_config`."""


def load_certificate(
    context: ssl.SSLContext,
    *,
    cert_file: Path | None,
    cert: str | None,
    key_file: Path | None,
    key: str | None,
) -> None:
    """Load the certificate and key that the context presents.

    Raises:
        ValueError: One of them is missing or unusable; the message says which.
    """
    check_file("cert_file", cert_file)
    check_file("key_file", key_file)
    # The ssl module takes files only. Only this user can enter the folder, which is removed before
    # anything is sent.
    with tempfile.TemporaryDirectory(prefix="exporter-") as folder:
        cert_path, key_path = cert_file, key_file
        try:
            if cert:
                cert_path = Path(folder, "cert.pem")
                cert_path.write_text(cert, encoding="utf-8")
            if key:
                key_path = Path(folder, "key.pem")
                key_path.touch(mode=0o600)
                key_path.write_text(key, encoding="utf-8")
            # OpenSSL would prompt for the password of an encrypted key; an empty one fails.
            context.load_cert_chain(
                str(cert_path), str(key_path) if key_path else None, password=""
            )
        except OSError as error:
            cert_part = f"cert_file {cert_file}" if cert_file else "cert"
            key_part = f"key_file {key_file}" if key_file else "key"
            raise ValueError(unusable(f"{cert_part} with {key_part}", error)) from None


def check_file(what: str, path: Path | None) -> None:
    """Refuse a file that OpenSSL would block on, such as a pipe, a device or an endless file.

    Raises:
        ValueError: It is such a file, or cannot be read; the message says which.
    """
    if path is None:
        return
    try:
        read_file(path, MAX_PEM_BYTES)
    except (OSError, ValueError) as error:
        raise ValueError(f"{what} {path} cannot be used: {reason_of(error)}") from None


def unusable(what: str, error: Exception) -> str:
    """Return the message that something cannot be used, and why."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "not PEM"
    return f"{what} cannot be used: {reason}"
