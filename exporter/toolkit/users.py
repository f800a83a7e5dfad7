"""Checks the user and password of an Authorization header, one bcrypt hash at a time."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections import Counter, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import Enum

import bcrypt

# bcrypt ignores the rest of a password, as in Go.
_MAX_PASSWORD_BYTES = 72
# As many as exporter-toolkit caches.
_MAX_RESULTS = 100
# Each takes a tenth of a second or more, one at a time.
_MAX_WAITING_PER_CLIENT = 20
# The hash of no password. With the highest cost of the users in front it takes as long as theirs.
_DUMMY = "7EvXzcchF67478F8/eTZcOMYn5qmd4DdYk3o2kWdT4yfhbsbW9J1q"
_COST = slice(4, 6)


class Verdict(Enum):
    """The result of a check: BUSY where too many checks of the client are waiting."""

    RIGHT = "right"
    WRONG = "wrong"
    BUSY = "busy"


class FairLock:
    """A lock that clients get in turn, regardless of how often each of them waits for it."""

    def __init__(self) -> None:
        self._is_held = False
        # In the order of the clients' turns.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncIterator[None]:
        """Hold the lock while the context is open."""
        if self._is_held:
            ticket = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(client, deque()).append(ticket)
            try:
                await ticket
            except asyncio.CancelledError:
                if not ticket.cancelled():  # Its turn has come already.
                    self._pass_on()
                raise
        self._is_held = True
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            client = next(iter(self._waiting))
            tickets = self._waiting.pop(client)
            ticket = tickets.popleft()
            if tickets:
                self._waiting[client] = tickets  # Behind all other clients.
            if not ticket.cancelled():
                ticket.set_result(None)
                return
        self._is_held = False


class Users:
    """Checks passwords and caches the results.

    Successes and failures are cached separately, so that wrong guesses cannot evict a valid
    scraper. Hashing is fair between clients, so that the guesses of one cannot delay others.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: dict[bytes, None] = {}
        self._wrong: dict[bytes, None] = {}
        self._hashing = FairLock()
        self._waiting: Counter[str] = Counter()

    async def look_up(self, header: str, users: Mapping[str, str], client: str) -> Verdict:
        """Return whether the header has the name and password of a user; `client` is an address."""
        given = credentials(header)
        if given is None:
            return Verdict.WRONG
        name, password = given
        known = _hash_of(name, users)
        hashed = (known or _dummy_hash(users)).encode()
        # A digest under a random key: passwords do not stay in memory.
        parts = (len(name).to_bytes(4), name, hashed, password)
        digest = hmac.digest(self._key, b"".join(parts), "sha256")
        is_right = self._cached_result(digest)
        if is_right is None:
            if self._waiting[client] >= _MAX_WAITING_PER_CLIENT:
                return Verdict.BUSY
            is_right = await self._check(digest, hashed, password, client)
        return Verdict.RIGHT if is_right and known else Verdict.WRONG

    async def _check(self, digest: bytes, hashed: bytes, password: bytes, client: str) -> bool:
        self._waiting[client] += 1
        try:
            async with self._hashing.turn(client):
                # Another request with the same credentials may have had its turn meanwhile.
                is_right = self._cached_result(digest)
                if is_right is None:
                    password = password[:_MAX_PASSWORD_BYTES]
                    is_right = await asyncio.to_thread(bcrypt.checkpw, password, hashed)
                    _cache(self._right if is_right else self._wrong, digest)
                return is_right
        finally:
            self._waiting[client] -= 1
            self._waiting += Counter()  # Forgets clients that do not wait.

    def _cached_result(self, digest: bytes) -> bool | None:
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
