"""Reads small regular files; never blocks on a pipe or device, nor reads an endless file."""

import hashlib
import os
import stat
from pathlib import Path

# A chain of certificates is the longest of the usual files.
_MAX_BYTES = 64 * 1024


def read_file(path: Path, max_bytes: int = _MAX_BYTES) -> bytes:
    """Return the content of a regular file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a regular file, or too large.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"more than {max_bytes} bytes")
    return content


def content_digest(content: bytes) -> bytes:
    """Return a digest by which a change of a file is recognized."""
    return hashlib.blake2b(content, digest_size=16).digest()


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file cannot be read, without its path."""
    return getattr(error, "strerror", None) or str(error)
