"""Runs the stages for one target once, under one deadline; an outcome comes out, never an error."""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, cast

from exporter.clock import Clock
from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import Extraction, Fault, Sample
from exporter.declare.unmapped import unmapped
from exporter.errors import PollError, Reason
from exporter.http.answer import Answer, StatusError
from exporter.http.client import HttpClient
from exporter.http.connections import Connections
from exporter.http.deadlines import Deadlines
from exporter.http.message import Headers, credentials, with_query
from exporter.http.shared_login import Login
from exporter.pipeline.parse import parse
from exporter.pipeline.render import Poll
from exporter.pipeline.request import EndpointRequest
from exporter.redact import known_secrets, scrub, take_out
from exporter.settings import Target
from exporter.text import printable

_log = logging.getLogger(__name__)

Trees = list[tuple[Endpoint, Any, float]]
"""Answers as they were parsed, each with its endpoint and the time of the poll."""

# What fits a line of a page or a log; a vendor's own message may be a megabyte.
_LONGEST_DETAIL = 300
_LONGEST_READ = 10 * _LONGEST_DETAIL
# Bytes of an answer whose reading takes longer than the event loop should be held: the status of one
# server has a tenth of it, a list of a thousand servers five times as much.
_LARGE = 64 * 1024


class _Timeout:
    """Cancels the current task after some seconds: asyncio.timeout at a fifth of its cost."""

    __slots__ = ("_deadline", "_task")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        task = self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._deadline = deadlines.start(seconds, task.cancel)

    def end(self) -> None:
        self._deadline.end()

    def is_cause(self) -> bool:
        """Return whether a cancellation was this one's alone, and take it back."""
        return self._deadline.is_over and self._task.uncancel() <= 0


async def poll(
    target: Target,
    requests: tuple[EndpointRequest, ...],
    connections: Connections,
    clock: Clock,
    *,
    trees: Trees | None = None,
) -> Poll:
    """Poll the target once; with `trees`, keep the answers there, and look for what none takes."""
    began = clock.monotonic()
    deadline = _Timeout(connections.pool.deadlines, target.timeout)
    outcome: Extraction | PollError
    try:
        outcome = await _read(target, requests, connections, trees)
    except asyncio.CancelledError:
        if not deadline.is_cause():
            raise
        login = connections.login(target)
        where = "login: " if login and login.held_up(target.name) else ""
        outcome = PollError(Reason.TIMEOUT, f"{where}no whole answer within {target.timeout:g}s")
    except PollError as error:
        told = _told(error.detail, target, _obtained(target, connections))
        outcome = PollError(error.reason, told, error.retry_after)
    except Exception:  # noqa: BLE001 - the one place where a mistake of ours stops at one target
        trace = scrub(traceback.format_exc(), target.client, _obtained(target, connections))
        facts = {"target": target.name, "traceback": trace}
        _log.error("poll crashed", extra={"facts": facts})
        outcome = PollError(Reason.INTERNAL, "a fault of the exporter, see its log")
    finally:
        deadline.end()
    ended = clock.monotonic()
    return Poll(outcome, ended - began, clock.wall(), ended)


def _read(
    target: Target,
    requests: tuple[EndpointRequest, ...],
    connections: Connections,
    trees: Trees | None,
) -> Awaitable[Extraction]:
    client = target.client
    http = connections.client_of(target)
    # What most clients do not have costs them nothing.
    if client.query_params:
        requests = with_query(requests, client)
    secrets = credentials(client)
    login = connections.login(target) if client.login else None
    if login:
        return _through(login, target, requests, http, secrets, trees=trees)
    return _take(target, requests, http, secrets, trees=trees)


async def _through(
    login: Login,
    target: Target,
    requests: tuple[EndpointRequest, ...],
    http: HttpClient,
    secrets: Headers,
    *,
    trees: Trees | None,
) -> Extraction:
    """Read with what the login gives, too; no label may give that back."""

    def attempt(held: Headers) -> Awaitable[Extraction]:
        sent = (*secrets, *held)
        return _take(target, requests, http, sent, login, trees=trees)

    reading = await login.through(target.name, target.timeout, attempt)
    known = known_secrets(target.client, login.obtained)
    samples = (
        one._replace(labels=tuple((key, take_out(text, known)) for key, text in one.labels))
        if one.labels
        else one
        for one in reading.samples
    )
    return replace(reading, samples=tuple(samples))


async def _take(
    target: Target,
    requests: tuple[EndpointRequest, ...],
    http: HttpClient,
    secrets: Headers,
    login: Login | None = None,
    *,
    trees: Trees | None,
) -> Extraction:
    samples: tuple[Sample, ...] = ()
    faults: tuple[Fault, ...] = ()
    items = 0
    new = None if trees is None else 0
    last: PollError | None = None
    for request in requests:
        try:
            answer = await http.fetch(request, secrets)
            one = partial(_taken, answer, request.endpoint, target.params, look=trees is not None)
            large = len(answer.body) > _LARGE
            tree, reading = await asyncio.to_thread(one) if large else one()
        except PollError as error:
            # A rejected token is not the endpoint's failure: the login has to be renewed.
            is_rejected = login and isinstance(error, StatusError) and login.is_refusal(error)
            if not request.endpoint.optional or is_rejected:
                raise
            last = error
            faults += (Fault(request.endpoint.fields[0].metric, f"{error.reason}: {error.detail}"),)
            continue
        samples += reading.samples
        faults += reading.faults
        items += reading.dropped_items
        if trees is not None and new is not None:
            trees.append((request.endpoint, tree, answer.middle))
            new += reading.unmapped or 0
    if last and len(requests) == sum(one.endpoint.optional for one in requests) and not samples:
        raise last  # Nothing was read at all.
    obtained = login.obtained if login else ()
    told = tuple(Fault(one.metric, _told(one.message, target, obtained)) for one in faults)
    more = max(0, len(samples) - target.max_series)
    return Extraction(samples[: target.max_series], told, items, more, new)


def _taken(
    answer: Answer, endpoint: Endpoint, params: Mapping[str, str], *, look: bool
) -> tuple[Any, Extraction]:
    """Return what the answer says, as a tree and as it is read; touches nothing else."""
    tree, broken = parse(answer, endpoint)
    found = endpoint.extract(tree, params, answer.middle, broken)
    return tree, replace(found, unmapped=len(unmapped(tree, endpoint))) if look else found


def _told(message: str, target: Target, obtained: Iterable[str] = ()) -> str:
    """Make a message that a vendor had a hand in fit to be shown: the secrets go before the cut."""
    known = known_secrets(target.client, obtained)
    longest = len(known[0]) if known else 0
    text = take_out(message[: _LONGEST_READ + longest], known)
    if len(message) > _LONGEST_READ + longest:
        # What the cut left of a secret cannot be known for one: the end goes, too.
        text = text[: max(0, len(text) - longest)]
    return printable(text)[:_LONGEST_DETAIL]


def _obtained(target: Target, connections: Connections) -> tuple[str, ...]:
    login = connections.login(target)
    return login.obtained if login else ()
