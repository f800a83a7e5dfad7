"""One poll of a target: its requests one after the other, under one deadline."""

import asyncio
import logging
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from msgspec.structs import replace

from exporter.clock import Clock
from exporter.declare.extraction import Extraction, Fault
from exporter.errors import UNEXPECTED, PollError, Reason
from exporter.http.answer import Answer, StatusError
from exporter.http.connections import Connections
from exporter.http.deadlines import Deadline
from exporter.http.http_connection import HttpConnection
from exporter.http.message import Headers, credentials, with_query
from exporter.http.shared_login import SharedLogin
from exporter.pipeline.advice import add_hint
from exporter.pipeline.read import EndpointReader, ReadAnswer, join_extractions
from exporter.pipeline.request import EndpointRequest
from exporter.pipeline.snapshot import PollResult, redact_series
from exporter.redact import redact, redact_secrets, secret_forms
from exporter.settings import Target
from exporter.text import printable

_log = logging.getLogger(__name__)

_Owner = TypeVar("_Owner")

# What fits a line of a page or a log; a vendor's own message may be a megabyte.
_MAX_DETAIL = 300
_MAX_READ = 10 * _MAX_DETAIL
# Bytes of an answer that takes longer to read than the event loop should be held: the status of one
# server has a tenth of it, a list of a thousand servers five times as much.
_LARGE = 64 * 1024
# One thread: two would take the GIL from the event loop twice as often.
_READER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")


class PollRun:
    """Polls one target, once at a time; an instance is reused for all polls of the target."""

    __slots__ = (
        "_all_requests",
        "_at",
        "_began",
        "_caches",
        "_clock",
        "_connections",
        "_deadline",
        "_exchange",
        "_failure",
        "_found",
        "_headers",
        "_http",
        "_is_whole",
        "_keeps_answers",
        "_login",
        "_on_done",
        "_owner",
        "_readers",
        "_reading",
        "_requests",
        "_target",
        "_task",
        "_waiter",
        "answers",
    )

    def __init__(
        self,
        target: Target,
        requests: tuple[EndpointRequest, ...],
        connections: Connections,
        clock: Clock,
    ) -> None:
        self._target = target
        self._all_requests = requests
        self._connections = connections
        self._clock = clock
        self._deadline = Deadline(target.timeout)
        self._on_done: Callable[[Any, PollResult], None] | None = None
        self._exchange: HttpConnection | None = None
        self._reading: asyncio.Future[Extraction | ReadAnswer] | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[Extraction] | None = None
        self._login: SharedLogin | None = None
        self._readers = [EndpointReader(one.endpoint, target.params) for one in requests]
        self.answers: tuple[ReadAnswer, ...] = ()
        """The answers of the last poll, if it was started with `keeps_answers`."""

    def start(
        self,
        on_done: Callable[[_Owner, PollResult], None],
        owner: _Owner,
        *,
        is_whole: bool = False,
        keeps_answers: bool = False,
    ) -> None:
        """Poll the target, and call `on_done(owner, result)`, never before this returns.

        If `is_whole`, the answers are read from the start and unmapped values are counted.
        """
        target, connections = self._target, self._connections
        self._began = self._clock.monotonic()
        self._on_done, self._owner = on_done, owner
        self._is_whole = is_whole
        self._keeps_answers = keeps_answers
        self._deadline.on_over = self._expire
        connections.pool.deadlines.restart(self._deadline)
        client, requests = target.client, self._all_requests
        try:
            self._login = connections.login(target) if client.login else None
            self._http = connections.client_of(target)
            self._requests = with_query(requests, client)
            headers = credentials(client)
            if self._login is not None:
                self._task = asyncio.create_task(self._with_login(self._login, headers))
            else:
                self._begin(headers)
        except PollError as error:
            asyncio.get_running_loop().call_soon(self._end, error)
        except Exception:  # noqa: BLE001 - a bug ends one poll alone
            asyncio.get_running_loop().call_soon(self._end, self._crashed())

    def cancel(self) -> None:
        """Cancel the poll, without a call of `on_done`."""
        self._on_done = None
        self._deadline.end()
        self._give_up()

    def _give_up(self) -> None:
        exchange, self._exchange = self._exchange, None
        reading, self._reading = self._reading, None
        if exchange is not None:
            exchange.cancel()
        if reading is not None:
            reading.cancel()
            # The thread may still use the reader; the next poll has a new one.
            request = self._requests[self._at]
            self._readers[self._at] = EndpointReader(request.endpoint, self._target.params)
        if self._task is not None:
            self._task.cancel()

    def _expire(self) -> None:
        """End with a timeout while no request is under way; a request has its own."""
        self._give_up()
        if self._task is None:  # Else the task ends the poll.
            self._end(self._timeout())

    def _timeout(self) -> PollError:
        login = self._login
        where = "login: " if login and login.held_up(self._target.name) else ""
        text = f"{where}no complete answer within {self._target.timeout:g}s"
        return PollError(Reason.TIMEOUT, text)

    async def _with_login(self, login: SharedLogin, headers: Headers) -> None:
        """Send the requests with the headers of the login, and once more after a new login."""
        target = self._target
        outcome: Extraction | PollError

        async def attempt(held: Headers) -> Extraction:
            self._waiter = asyncio.get_running_loop().create_future()
            self._begin((*headers, *held))
            return await self._waiter

        try:
            extraction = await login.through(target.name, target.timeout, attempt)
            # A vendor may echo a token in a label.
            known = secret_forms(target.client, login.obtained_secrets)
            outcome = replace(extraction, series=redact_series(extraction.series, known))
        except asyncio.CancelledError:
            if not self._deadline.is_over:
                raise
            outcome = self._timeout()
        except PollError as error:
            outcome = error
        except Exception:  # noqa: BLE001 - a bug ends one poll alone
            outcome = self._crashed()
        self._task = self._waiter = None
        self._end(outcome)

    def _begin(self, headers: Headers) -> None:
        self._headers = headers
        self._at = 0
        self._found: tuple[Extraction, ...] = ()
        self._failure: PollError | None = None
        self.answers = ()
        self._send()

    def _send(self) -> None:
        request = self._requests[self._at]
        self._exchange = self._http.start(request, self._headers, self._deadline, self._on_answer)

    def _on_answer(self, outcome: Answer | PollError) -> None:
        self._exchange = None
        if isinstance(outcome, PollError):
            self._on_failure(outcome)
            return
        if len(outcome.body) > _LARGE:
            self._read_beside(outcome)
            return
        try:
            reader = self._readers[self._at]
            if self._is_whole:
                extraction = self._kept(reader.read_whole(outcome))
            else:
                extraction = reader.read(outcome)
        except PollError as error:
            self._on_failure(error)
        except Exception:  # noqa: BLE001 - a bug ends one poll alone
            self._end(self._crashed())
        else:
            self._add(extraction)

    def _reader(self) -> Callable[[Answer], Extraction | ReadAnswer]:
        reader = self._readers[self._at]
        return reader.read_whole if self._is_whole else reader.read

    def _kept(self, one: Extraction | ReadAnswer) -> Extraction:
        if isinstance(one, Extraction):
            return one
        if self._keeps_answers:
            self.answers += (one,)
        return one.extraction

    def _read_beside(self, answer: Answer) -> None:
        """Read a large answer in a thread; until then its bytes count as held."""
        held, size = self._connections.pool.held, len(answer.body)
        loop = asyncio.get_running_loop()
        try:
            held.take(size, size)
            reading = loop.run_in_executor(_READER, self._reader(), answer)
        except (PollError, RuntimeError) as error:  # Too many bytes wait, or no thread can start.
            held.release(size)
            self._on_failure(error if isinstance(error, PollError) else self._crashed())
            return
        self._reading = reading
        self._deadline.on_over = self._expire

        def on_read(done: "asyncio.Future[Extraction | ReadAnswer]") -> None:
            held.release(size)
            if done is not self._reading:
                return  # The poll was given up.
            self._reading = None
            try:
                extraction = self._kept(done.result())
            except PollError as error:
                # This frame refers to it by `done`: a cycle, with the answer in it.
                error.__traceback__ = None
                self._on_failure(error)
            except Exception:  # noqa: BLE001 - a bug ends one poll alone
                self._end(self._crashed())
            else:
                self._add(extraction)

        reading.add_done_callback(on_read)

    def _on_failure(self, error: PollError) -> None:
        error = add_hint(error, self._requests[self._at], self._target)
        endpoint, login = self._requests[self._at].endpoint, self._login
        # A rejected token requires a new login; it is not a failure of the endpoint.
        is_rejected = login and isinstance(error, StatusError) and login.is_refusal(error)
        if is_rejected or not endpoint.optional:
            self._end(error)
            return
        self._failure = error
        fault = Fault(endpoint.fields[0].metric, f"{error.reason}: {error.detail}")
        self._add(Extraction((), (), (fault,)))

    def _add(self, extraction: Extraction) -> None:
        if len(self._requests) == 1 and len(extraction.values) <= self._target.max_series:
            self._end(extraction)  # Nearly all targets.
            return
        self._found += (extraction,)
        self._at += 1
        if self._at < len(self._requests):
            self._send()
            return
        found = join_extractions(self._found, self._target.max_series)
        # If all endpoints are optional, at least one must answer.
        is_all_optional = all(one.endpoint.optional for one in self._requests)
        is_nothing = is_all_optional and not found.series
        self._end(self._failure if self._failure and is_nothing else found)

    def _end(self, outcome: Extraction | PollError) -> None:
        """End the poll, or the requests alone while a login has to see their outcome."""
        if self._waiter is not None:
            self._deadline.on_over = self._expire
            if isinstance(outcome, PollError):
                self._waiter.set_exception(outcome)
            else:
                self._waiter.set_result(outcome)
            return
        self._deadline.end()
        on_done, self._on_done = self._on_done, None
        if on_done is None:
            return
        if isinstance(outcome, PollError):
            outcome = outcome.with_detail(self._message(outcome.detail))
        elif outcome.faults:
            faults = (Fault(one.metric, self._message(one.message)) for one in outcome.faults)
            outcome = replace(outcome, faults=tuple(faults))
        ended = self._clock.monotonic()
        on_done(self._owner, PollResult(outcome, ended - self._began, self._clock.wall(), ended))

    def _crashed(self) -> PollError:
        """Log the exception that is being handled."""
        trace = redact_secrets(traceback.format_exc(), self._target.client, self.obtained_secrets)
        facts = {"target": self._target.name, "traceback": trace}
        _log.error("poll crashed", extra={"facts": facts})
        return PollError(Reason.INTERNAL, UNEXPECTED)

    def _message(self, message: str) -> str:
        """Return a message from a vendor, ready to be shown: redacted first, then truncated."""
        known = secret_forms(self._target.client, self.obtained_secrets)
        longest = len(known[0]) if known else 0
        text = redact(message[: _MAX_READ + longest], known)
        if len(message) > _MAX_READ + longest:
            # A truncated secret cannot be recognized, so drop what may be one.
            text = text[: max(0, len(text) - longest)]
        return printable(text)[:_MAX_DETAIL]

    @property
    def obtained_secrets(self) -> tuple[str, ...]:
        """The tokens of the login, which must not be shown."""
        return self._login.obtained_secrets if self._login else ()


async def poll(run: PollRun, *, keeps_answers: bool = False) -> PollResult:
    """Poll a target once and return the outcome; with `keeps_answers`, unmapped values are counted."""
    done: asyncio.Future[PollResult] = asyncio.get_running_loop().create_future()

    def finish(_: None, result: PollResult) -> None:
        if not done.done():  # Cancelled in this turn of the event loop.
            done.set_result(result)

    run.start(finish, None, is_whole=keeps_answers, keeps_answers=keeps_answers)
    try:
        return await done
    except asyncio.CancelledError:
        run.cancel()
        raise
