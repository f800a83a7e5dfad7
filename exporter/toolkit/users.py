"""An Authorization header and the users there are go in; whether it names one of them comes out."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from enum import Enum

import bcrypt

from exporter.secret import Secret

# What bcrypt looks at of a password; the rest makes no difference, as in Go.
_LONGEST_PASSWORD = 72
# As many results are kept as exporter-toolkit keeps.
_MOST_RESULTS = 100
# Each takes a tenth of a second or more, one at a time.
_MOST_WAITING = 20
# No password's hash. With the cost of the users' own put in front, it takes as long as theirs.
_NOBODYS = "7EvXzcchF67478F8/eTZcOMYn5qmd4DdYk3o2kWdT4yfhbsbW9J1q"
_COST = slice(4, 6)


class Verdict(Enum):
    """What came of looking: BUSY where too many others are waiting for the same."""

    RIGHT = "right"
    WRONG = "wrong"
    BUSY = "busy"


class Users:
    """Checks passwords one at a time, and remembers what came of it.

    Right and wrong results are kept apart, so that no flood of guesses makes a scraper wait.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, None] = {}
        self._wrong: dict[bytes, None] = {}
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def look_up(self, header: str, users: Mapping[str, Secret]) -> Verdict:
        """Tell whether the header has the name and password of a user."""
        given = credentials(header)
        if given is None:
            return Verdict.WRONG
        name, password = given
        known = _known(name, users)
        hashed = (known or _nobody(users)).encode()
        # A digest, under a key that nobody knows: passwords do not stay in memory.
        parts = (len(name).to_bytes(4), name, hashed, password)
        digest = hmac.digest(self._key, b"".join(parts), "sha256")
        is_right = self._remembered(digest)
        if is_right is None:
            if self._waiting >= _MOST_WAITING:
                return Verdict.BUSY
            is_right = await self._checked(digest, hashed, password)
        return Verdict.RIGHT if is_right and known else Verdict.WRONG

    async def _checked(self, digest: bytes, hashed: bytes, password: bytes) -> bool:
        self._waiting += 1
        try:
            async with self._turn:
                # Many that ask the same at once, as at the start, are one question.
                is_right = self._remembered(digest)
                if is_right is None:
                    password = password[:_LONGEST_PASSWORD]
                    is_right = await asyncio.to_thread(bcrypt.checkpw, password, hashed)
                    _remember(self._right if is_right else self._wrong, digest)
                return is_right
        finally:
            self._waiting -= 1

    def _remembered(self, digest: bytes) -> bool | None:
        if digest in self._right:
            _remember(self._right, digest)  # What is in use is the last to go.
            return True
        return False if digest in self._wrong else None


def _remember(results: dict[bytes, None], digest: bytes) -> None:
    results.pop(digest, None)
    results[digest] = None
    if len(results) > _MOST_RESULTS:
        del results[next(iter(results))]


def credentials(header: str) -> tuple[bytes, bytes] | None:
    """Return the name and password of an Authorization header; None where it has none."""
    scheme, blank, encoded = header.partition(" ")
    if scheme.lower() != "basic" or not blank:
        return None
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    name, colon, password = decoded.partition(b":")
    return (name, password) if colon else None


def _known(name: bytes, users: Mapping[str, Secret]) -> str | None:
    try:
        secret = users.get(name.decode())
    except UnicodeDecodeError:
        return None
    return secret.reveal() if secret else None


def _nobody(users: Mapping[str, Secret]) -> str:
    cost = max(secret.reveal()[_COST] for secret in users.values())
    return f"$2b${cost}${_NOBODYS}"
