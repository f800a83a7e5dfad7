"""A login that many polls share, renewed before it expires or when it is refused.

A login that fails, or after which polls are still refused, is retried after 30 s, and then after
twice the pause each time, up to 10 minutes, until polls succeed.
"""

import asyncio
import logging
import math
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from exporter.clock import Clock
from exporter.errors import UNEXPECTED, PollError, Reason
from exporter.http.answer import StatusError
from exporter.http.client import PooledClient
from exporter.http.message import Headers
from exporter.http.pool import ConnectionPool
from exporter.redact import redact_secrets
from exporter.secret import Secret
from exporter.settings import Client
from exporter.text import printable

_log = logging.getLogger(__name__)

FIRST_PAUSE = 30.0
LONGEST_PAUSE = 600.0

# A token is renewed when a sixth of its lifetime is left, or this if that is less, so that it does
# not expire during a poll.
_LONGEST_MARGIN = 300.0
_MARGIN = 1 / 6
# Recent tokens, which answers to polls under way may still contain.
_MAX_REDACTED_TOKENS = 8

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Grant:
    """The result of a login: headers to send, the secrets in them, and for how long they are valid."""

    headers: Headers = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    """The values to redact."""
    seconds: float = math.inf


class LoginMethod(Protocol):
    """A kind of login."""

    client: Client
    """How to connect, and the secrets to redact in messages."""

    def secrets(self) -> tuple[str, ...]:
        """Return the current secrets that it sends, or raise PollError if one cannot be read."""
        ...

    async def log_in(self, client: PooledClient) -> Grant:
        """Log in once, or raise PollError."""
        ...

    def is_refusal(self, error: StatusError) -> bool:
        """Return whether an answer means that the token was refused."""
        ...


OnLogin = Callable[[str, PollError | None], None]


@dataclass(frozen=True)
class _Token:
    headers: Headers = field(repr=False)
    due: float
    """When it is to be renewed, by the monotonic clock."""
    end: float


class SharedLogin:
    """A login of one client at one server."""

    def __init__(
        self,
        method: LoginMethod,
        pool: ConnectionPool,
        clock: Clock,
        on_login: OnLogin,
    ) -> None:
        self._method = method
        self._pool = pool
        self._clock = clock
        self._on_login = on_login
        self._held: _Token | None = None
        self._error: PollError | None = None
        self._stamp: int | str | None = None
        self._failures = 0
        self._started_at = self._next_at = -math.inf
        # Targets that were refused with the current token: the success of another target must not
        # reset the pause.
        self._refused: set[str] = set()
        self._held_up: set[str] = set()
        self._obtained: deque[Secret] = deque(maxlen=_MAX_REDACTED_TOKENS)
        self._task: asyncio.Task[None] | None = None

    @property
    def obtained_secrets(self) -> tuple[str, ...]:
        """The values of recent logins to redact."""
        return tuple(one.reveal() for one in self._obtained)

    def held_up(self, name: str) -> bool:
        """Return, once, whether the poll of a target timed out while it waited for the login."""
        is_held_up = name in self._held_up
        self._held_up.discard(name)
        return is_held_up

    async def through(
        self, name: str, seconds: float, attempt: Callable[[Headers], Awaitable[_T]]
    ) -> _T:
        """Call `attempt` with the headers of the login, and again after a new login if it is refused.

        A login may take so many seconds.

        Raises:
            PollError: The login or the attempt failed.
        """
        held = await self._current(name, seconds)
        try:
            result = await attempt(held.headers)
        except StatusError as error:
            if not self.is_refusal(error):
                raise
            self._refused.add(name)
            held = await self._renewed(name, held, error, seconds)
            try:
                result = await attempt(held.headers)
            except StatusError as again:
                if not self.is_refusal(again):
                    raise
                text = f"{again.detail}, with a new login too; {self._next_login()}"
                raise PollError(again.reason, text) from None
        self._note_good(name)
        return result

    def is_refusal(self, error: StatusError) -> bool:
        """Return whether an answer means that the token was refused."""
        return self._method.is_refusal(error)

    async def close(self) -> None:
        """Cancel a login that is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _current(self, name: str, seconds: float) -> _Token:
        now, held = self._clock.monotonic(), self._held
        if held is not None and now < held.due:
            return held
        under_way = self._log_in(seconds)
        # While the token is valid, polls do not wait for the next.
        if held is None or now >= held.end:
            await self._wait(name, under_way)
        if self._held is None:
            raise self._failure()
        return self._held  # Even if it has expired: the server may still accept it.

    async def _renewed(
        self, name: str, refused: _Token, error: StatusError, seconds: float
    ) -> _Token:
        """Return a token that was not refused, after a new login if it is time for one."""
        if self._held is refused:
            await self._wait(name, self._log_in(seconds))
        if self._held is None or self._held is refused:
            if self._error is not None:
                raise self._failure()
            raise PollError(error.reason, f"{error.detail}; {self._next_login()}")
        return self._held

    def _log_in(self, seconds: float) -> "asyncio.Task[None] | None":
        """Return the login under way, after starting one if it is time for it."""
        is_due = self._clock.monotonic() >= self._next_at
        if self._task is None and (is_due or self._secrets_stamp() != self._stamp):
            self._task = asyncio.create_task(self._run(seconds))
            # Waiting polls raise its exception; without any, asyncio must not log it.
            self._task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._task

    def _secrets_stamp(self) -> int | str:
        """Return a value that changes when the secrets change, and does not reveal them."""
        try:
            return hash(self._method.secrets())
        except PollError as error:
            return error.detail

    async def _wait(self, name: str, under_way: "asyncio.Task[None] | None") -> None:
        if under_way is None:
            return
        try:
            # A poll that times out must not cancel the login of the others.
            await asyncio.shield(under_way)
        except asyncio.CancelledError:
            self._held_up.add(name)
            raise

    async def _run(self, seconds: float) -> None:
        stamp = self._secrets_stamp()
        if stamp != self._stamp:
            self._failures = 0
        self._stamp = stamp
        # Counted as failed until it succeeds, so that any exception is followed by a pause.
        self._failures += 1
        self._started_at = self._clock.monotonic()
        self._next_at = self._started_at + _pause(self._failures)
        try:
            async with asyncio.timeout(seconds):
                grant = await self._method.log_in(PooledClient(self._method.client, self._pool))
        except TimeoutError:
            self._note_failure(PollError(Reason.TIMEOUT, f"no complete answer within {seconds:g}s"))
        except PollError as error:
            self._note_failure(error)
        except Exception:  # noqa: BLE001 - a bug fails one login, and is logged
            trace = redact_secrets(
                traceback.format_exc(), self._method.client, self.obtained_secrets
            )
            facts = {"client": self._method.client.name, "traceback": trace}
            _log.error("login crashed", extra={"facts": facts})
            self._note_failure(PollError(Reason.INTERNAL, UNEXPECTED))
        else:
            self._use(grant)
            self._on_login(self._method.client.name, None)
        finally:
            self._task = None

    def _use(self, grant: Grant) -> None:
        self._error = None
        if not self._refused:
            self._failures, self._next_at = 0, -math.inf
        self._obtained.extend(map(Secret, grant.secrets))
        # A token that is expired on arrival means clock skew: treat it as non-expiring.
        life = grant.seconds if grant.seconds > 0 else math.inf
        life = max(life, FIRST_PAUSE)
        due = max(life - min(life * _MARGIN, _LONGEST_MARGIN), FIRST_PAUSE)
        self._held = _Token(grant.headers, self._started_at + due, self._started_at + life)

    def _note_failure(self, error: PollError) -> None:
        client = self._method.client
        detail = printable(redact_secrets(error.detail, client, self.obtained_secrets))
        self._error = PollError(error.reason, detail, error.retry_after)
        self._on_login(client.name, self._error)
        requested = min(error.retry_after, LONGEST_PAUSE)
        self._next_at = max(self._next_at, self._clock.monotonic() + requested)
        facts = {"client": client.name, "reason": error.reason, "detail": detail}
        _log.warning("login failed", extra={"facts": facts})

    def _note_good(self, name: str) -> None:
        self._refused.discard(name)
        is_due = self._held is None or self._clock.monotonic() >= self._held.due
        if self._failures and not self._refused and not is_due:
            self._failures, self._error = 0, None
            self._next_at = min(self._next_at, self._started_at + FIRST_PAUSE)

    def _failure(self) -> PollError:
        error = self._error or PollError(Reason.INTERNAL, UNEXPECTED)
        pause = self._left() if error.retry_after else 0.0
        return PollError(error.reason, f"login: {error.detail}; {self._next_login()}", pause)

    def _left(self) -> float:
        return max(0.0, self._next_at - self._clock.monotonic())

    def _next_login(self) -> str:
        return f"the next login is tried in {math.ceil(self._left())}s"


def _pause(failures: int) -> float:
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE))
