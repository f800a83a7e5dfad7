"""Checks the user and password of an Authorization header, one bcrypt hash at a time."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from enum import Enum

import bcrypt

# bcrypt ignores the rest of a password, as in Go.
_MAX_PASSWORD_BYTES = 72
# As many as exporter-toolkit caches.
_MAX_RESULTS = 100
# Each takes a tenth of a second or more, one at a time.
_MAX_WAITING = 20
# The hash of no password. With the highest cost of the users in front it takes as long as theirs.
_DUMMY = "7EvXzcchF67478F8/eTZcOMYn5qmd4DdYk3o2kWdT4yfhbsbW9J1q"
_COST = slice(4, 6)


class Verdict(Enum):
    """The result of a check: BUSY where too many checks are waiting."""

    RIGHT = "right"
    WRONG = "wrong"
    BUSY = "busy"


class Users:
    """Checks passwords and caches the results.

    Successes and failures are cached separately, so that wrong guesses cannot evict a valid
    scraper.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, None] = {}
        self._wrong: dict[bytes, None] = {}
        self._hashing = asyncio.Lock()
        self._waiting = 0

    async def look_up(self, header: str, users: Mapping[str, str]) -> Verdict:
        """Return whether the header has the name and password of a user."""
        given = credentials(header)
        if given is None:
            return Verdict.WRONG
        name, password = given
        known = _hash_of(name, users)
        hashed = (known or _dummy_hash(users)).encode()
        # A digest under a random key: passwords do not stay in memory.
        parts = (len(name).to_bytes(4), name, hashed, password)
        digest = hmac.digest(self._key, b"".join(parts), "sha256")
        is_right = self._cached(digest)
        if is_right is None:
            if self._waiting >= _MAX_WAITING:
                return Verdict.BUSY
            is_right = await self._check(digest, hashed, password)
        return Verdict.RIGHT if is_right and known else Verdict.WRONG

    async def _check(self, digest: bytes, hashed: bytes, password: bytes) -> bool:
        self._waiting += 1
        try:
            async with self._hashing:
                # Another request with the same credentials may have had its turn meanwhile.
                is_right = self._cached(digest)
                if is_right is None:
                    password = password[:_MAX_PASSWORD_BYTES]
                    is_right = await asyncio.to_thread(bcrypt.checkpw, password, hashed)
                    _cache(self._right if is_right else self._wrong, digest)
                return is_right
        finally:
            self._waiting -= 1

    def _cached(self, digest: bytes) -> bool | None:
        if digest in self._right:
            _cache(self._right, digest)  # The least recently used is evicted first.
            return True
        return False if digest in self._wrong else None


def _cache(results: dict[bytes, None], digest: bytes) -> None:
    results.pop(digest, None)
    results[digest] = None
    if len(results) > _MAX_RESULTS:
        del results[next(iter(results))]


def credentials(header: str) -> tuple[bytes, bytes] | None:
    """Return the name and password of an Authorization header, or None."""
    scheme, blank, encoded = header.partition(" ")
    if scheme.lower() != "basic" or not blank:
        return None
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    name, colon, password = decoded.partition(b":")
    return (name, password) if colon else None


def _hash_of(name: bytes, users: Mapping[str, str]) -> str | None:
    try:
        return users.get(name.decode())
    except UnicodeDecodeError:
        return None


def _dummy_hash(users: Mapping[str, str]) -> str:
    cost = max(hashed[_COST] for hashed in users.values())
    return f"$2b${cost}${_DUMMY}"
