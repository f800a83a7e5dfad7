"""A login that many polls share: renewed when due or refused, never made for each poll.

How it is made is the method's; when is decided here. A login that fails or does not help is tried
again after 30 s, then after twice as long each time, up to 10 minutes, until polls are good again.
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

# A sixth of its life before a token ends it is replaced, but not more than this: a poll that
# leaves with it must come back before.
_LONGEST_MARGIN = 300.0
_MARGIN = 1 / 6
# Tokens that a vendor may still repeat in an answer to a poll that left with them.
_REMEMBERED = 8

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a login gave: headers to send, the secrets in them, and for how long they are valid."""

    headers: Headers = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    """The values that must not be shown, in full or within a header."""
    seconds: float = math.inf


class Method(Protocol):
    """How one kind of login asks."""

    client: Client
    """How to connect for it, and whose secrets no message may hold."""

    def seen(self) -> int | str:
        """Return what tells whether the secrets have changed, without holding them."""
        ...

    async def ask(self, client: PooledClient) -> Grant:
        """Ask once, or raise PollError."""
        ...

    def is_refusal(self, error: StatusError) -> bool:
        """Say whether a vendor refused what the last login gave."""
        ...


OnLogin = Callable[[str, PollError | None], None]


@dataclass(frozen=True)
class _HeldToken:
    headers: Headers = field(repr=False)
    due: float
    """When it is to be replaced, a while before its end."""
    end: float


class SharedLogin:
    """One login at one place, and all that is known of it."""

    def __init__(
        self,
        method: Method,
        pool: ConnectionPool,
        clock: Clock,
        on_login: OnLogin,
    ) -> None:
        self._method = method
        self._pool = pool
        self._clock = clock
        self._on_login = on_login
        self._held: _HeldToken | None = None
        self._error: PollError | None = None
        self._seen: int | str | None = None
        self._failures = 0
        self._asked_at = self._next_at = -math.inf
        # Who was refused with what is held: that others are not says nothing of whether the next
        # login would help.
        self._refused: set[str] = set()
        self._held_up: set[str] = set()
        self._obtained: deque[Secret] = deque(maxlen=_REMEMBERED)
        self._task: asyncio.Task[None] | None = None

    @property
    def obtained_secrets(self) -> tuple[str, ...]:
        """What must not be shown of the last logins."""
        return tuple(one.reveal() for one in self._obtained)

    def held_up(self, name: str) -> bool:
        """Say, once, whether it was the login that a poll was waiting for as its time was over."""
        is_one = name in self._held_up
        self._held_up.discard(name)
        return is_one

    async def through(
        self, name: str, seconds: float, attempt: Callable[[Headers], Awaitable[_T]]
    ) -> _T:
        """Make an attempt with the headers of the login, and once more if it is refused with them.

        A login that is needed may take so many seconds.

        Raises:
            PollError: There is no login, or the attempt failed.
        """
        held = await self._current(name, seconds)
        try:
            result = await attempt(held.headers)
        except StatusError as error:
            if not self.is_refusal(error):
                raise
            self._refused.add(name)
            held = await self._another(name, held, error, seconds)
            try:
                result = await attempt(held.headers)
            except StatusError as again:
                if not self.is_refusal(again):
                    raise
                told = f"{again.detail}, with a new login too; {self._next()}"
                raise PollError(again.reason, told) from None
        self._note_good(name)
        return result

    def is_refusal(self, error: StatusError) -> bool:
        """Return whether an answer says that what the login gave is refused."""
        return self._method.is_refusal(error)

    async def close(self) -> None:
        """Give up what is under way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _current(self, name: str, seconds: float) -> _HeldToken:
        now, held = self._clock.monotonic(), self._held
        if held is not None and now < held.due:
            return held
        if self._task is not None or self._may_ask():
            asking = self._ask(seconds)
            # While a token still serves, no poll need wait for the next.
            if held is None or now >= held.end:
                await self._wait(name, asking)
        if self._held is None:
            raise self._failure()
        return self._held  # Past its end, too: only the vendor knows whether it still serves.

    async def _another(
        self, name: str, refused: _HeldToken, error: StatusError, seconds: float
    ) -> _HeldToken:
        """Return what was not refused yet, as far as a login is allowed."""
        if self._held is refused and (self._task is not None or self._may_ask()):
            await self._wait(name, self._ask(seconds))
        if self._held is None or self._held is refused:
            if self._error is not None:
                raise self._failure()
            raise PollError(error.reason, f"{error.detail}; {self._next()}")
        return self._held

    def _may_ask(self) -> bool:
        if self._clock.monotonic() >= self._next_at:
            return True
        return self._method.seen() != self._seen

    def _ask(self, seconds: float) -> "asyncio.Task[None]":
        """Return the login that is under way, begun now if there is none."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(seconds))
            # Those who wait hear of a mistake of ours; that nobody may wait any more is none.
            self._task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._task

    async def _wait(self, name: str, asking: "asyncio.Task[None]") -> None:
        try:
            # A poll that is over its time must not take the login from the others that wait.
            await asyncio.shield(asking)
        except asyncio.CancelledError:
            self._held_up.add(name)
            raise

    async def _run(self, seconds: float) -> None:
        seen = self._method.seen()
        if seen != self._seen:
            self._failures = 0
        self._seen = seen
        # As if it were to fail: whatever happens, the next one is not before its time.
        self._failures += 1
        self._asked_at = self._clock.monotonic()
        self._next_at = self._asked_at + _pause(self._failures)
        try:
            async with asyncio.timeout(seconds):
                granted = await self._method.ask(PooledClient(self._method.client, self._pool))
        except TimeoutError:
            self._note_failure(PollError(Reason.TIMEOUT, f"no complete answer within {seconds:g}s"))
        except PollError as error:
            self._note_failure(error)
        except Exception:  # noqa: BLE001 - a mistake of ours costs a login, and is not silent
            trace = redact_secrets(
                traceback.format_exc(), self._method.client, self.obtained_secrets
            )
            facts = {"client": self._method.client.name, "traceback": trace}
            _log.error("login crashed", extra={"facts": facts})
            told = PollError(Reason.INTERNAL, UNEXPECTED)
            self._note_failure(told)
        else:
            self._hold(granted)
            self._on_login(self._method.client.name, None)
        finally:
            self._task = None

    def _hold(self, granted: Grant) -> None:
        self._error = None
        if not self._refused:
            self._failures, self._next_at = 0, -math.inf
        self._obtained.extend(map(Secret, granted.secrets))
        # What is over as it begins tells of a wrong clock, and would mean a login a poll.
        life = granted.seconds if granted.seconds > 0 else math.inf
        life = max(life, FIRST_PAUSE)
        due = max(life - min(life * _MARGIN, _LONGEST_MARGIN), FIRST_PAUSE)
        self._held = _HeldToken(granted.headers, self._asked_at + due, self._asked_at + life)

    def _note_failure(self, error: PollError) -> None:
        client = self._method.client
        detail = printable(redact_secrets(error.detail, client, self.obtained_secrets))
        self._error = PollError(error.reason, detail, error.retry_after)
        self._on_login(client.name, self._error)
        asked_for = min(error.retry_after, LONGEST_PAUSE)
        self._next_at = max(self._next_at, self._clock.monotonic() + asked_for)
        facts = {"client": client.name, "reason": error.reason, "detail": detail}
        _log.warning("login failed", extra={"facts": facts})

    def _note_good(self, name: str) -> None:
        self._refused.discard(name)
        is_due = self._held is None or self._clock.monotonic() >= self._held.due
        if self._failures and not self._refused and not is_due:
            self._failures, self._error = 0, None
            self._next_at = min(self._next_at, self._asked_at + FIRST_PAUSE)

    def _failure(self) -> PollError:
        error = self._error or PollError(Reason.INTERNAL, UNEXPECTED)
        pause = self._left() if error.retry_after else 0.0
        return PollError(error.reason, f"login: {error.detail}; {self._next()}", pause)

    def _left(self) -> float:
        return max(0.0, self._next_at - self._clock.monotonic())

    def _next(self) -> str:
        return f"the next login is tried in {math.ceil(self._left())}s"


def _pause(failures: int) -> float:
    return float(min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE))
