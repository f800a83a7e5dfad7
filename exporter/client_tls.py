"""Makes SSL contexts of the TLS settings of clients."""

import ssl
from functools import lru_cache
from pathlib import Path

from exporter.settings import Tls
from exporter.toolkit.tls_files import VERSIONS, check_file, load_certificate, unusable

FileStamps = tuple[tuple[int, int, int] | None, ...]


def file_stamps(tls: Tls) -> FileStamps:
    """Return time, size and inode of each file of the settings, which change with the file."""
    return tuple(_stamp(path) for path in (tls.ca_file, tls.cert_file, tls.key_file) if path)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def make_context(tls: Tls) -> ssl.SSLContext:
    """Return a context for the settings, shared by clients with the same settings and files.

    Raises:
        ValueError: A certificate or key is missing or unusable; the message says which.
    """
    return _make_context(tls, file_stamps(tls))


# A context takes 20 ms and a megabyte.
@lru_cache(maxsize=64)
def _make_context(tls: Tls, _files: FileStamps) -> ssl.SSLContext:
    if tls.ca_file or tls.ca:
        # As in Prometheus, a CA replaces those of the system.
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
        key = tls.key.reveal() if tls.key else None
        load_certificate(
            context, cert_file=tls.cert_file, cert=tls.cert, key_file=tls.key_file, key=key
        )
    return context
