"""Probes by name and the list that leads to them: Prometheus scrapes each target by itself.

A probe that cannot say how the target is by its deadline says so by its status, so that `up` is 0
and nothing is made up. A target that was polled and is down is an answer like any other.
"""

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web
from isal import igzip

from exporter.duration import read_duration
from exporter.errors import ExporterError, ProbeDeadlineError, QueryError
from exporter.pipeline.snapshot import Snapshot
from exporter.runtime.schedule import Schedule
from exporter.runtime.targets import Targets
from exporter.settings import Target
from exporter.toolkit.negotiate import Format, accepts_gzip, choose_format
from exporter.web.exposition import END, expose_targets
from exporter.web.query import check_systems, quoted, read_query
from exporter.web.sd import PROBE_PATH, SdGroups, asked_by

_TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
_TIMEOUT = re.compile(r"\d{1,9}(?:\.\d{1,9})?|\.\d{1,9}", re.ASCII)
# As blackbox_exporter has it, where the header is missing.
_DEFAULT_TIMEOUT = 120.0
# What the answer takes on its way back: so much, or a tenth where the timeout is short.
_MARGIN = 0.5
_MARGIN_SHARE = 0.1
_GZIP_LEVEL = 1
# More take longer to write than the event loop should be held.
_MAX_SERIES_AT_ONCE = 1000


class _UnknownError(ExporterError):
    """A name that no target has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProbeRequest:
    """What a probe wants; durations in seconds."""

    name: str
    max_age: float
    within: float
    is_bare: bool


class Prober:
    """The handlers of `/probe` and `/sd`."""

    def __init__(self, targets: Targets, schedule: Schedule | None) -> None:
        self._targets = targets
        self._schedule = schedule
        self._groups = SdGroups(targets)
        # Threads of several clients would together hold up the event loop.
        self._turn = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Return both routes."""
        return [web.get(PROBE_PATH, self.probe), web.get("/sd", self.discover)]

    async def probe(self, request: web.Request) -> web.Response:
        """Serve one target's series: of a poll made now, or of one that is young enough."""
        try:
            return await self._answer(request, _read(request))
        except QueryError as error:
            return _refusal(400, str(error))
        except _UnknownError as error:
            return _refusal(404, str(error))
        except ProbeDeadlineError as error:
            return _refusal(504 if error.began else 503, str(error))

    async def _answer(self, request: web.Request, asked: _ProbeRequest) -> web.Response:
        if request.method == "HEAD" and self._targets.named(asked.name):
            return _page(request, b"")  # Nobody would see what a poll says.
        target, snapshot = await self._polled(asked)
        if snapshot is None:
            return _refusal(503, f'"{asked.name}" was not polled: the exporter is ending')
        form = _form(request)

        def respond() -> web.Response:
            page = expose_targets([(target, snapshot)], form, with_base=not asked.is_bare)
            return _page(request, b"".join(page) + END[form])

        if len(snapshot.values) <= _MAX_SERIES_AT_ONCE:
            return respond()
        async with self._turn:
            return await asyncio.to_thread(respond)

    async def _polled(self, asked: _ProbeRequest) -> tuple[Target, Snapshot | None]:
        """Return the target with a snapshot that is young enough, whatever a reload makes of it.

        Raises:
            LateError: There was none in time.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + asked.within
        while tracked := self._targets.named(asked.name):
            if self._schedule:
                max_age = _max_age(asked.max_age, tracked.target)
                await self._schedule.poll_now(tracked, max_age, end - loop.time())
            if self._targets.named(asked.name) is tracked:
                return tracked.target, tracked.snapshot
        raise _UnknownError(f'there is no target "{quoted(asked.name)}"')

    async def discover(self, request: web.Request) -> web.StreamResponse:
        """Serve the list of targets for Prometheus' HTTP service discovery."""
        try:
            wanted = read_query(request.query, often=("system",)).get("system", ())
            check_systems(wanted, self._targets.systems if wanted else ())
        except QueryError as error:
            return _refusal(400, str(error))
        targets = [one for one in self._targets if not wanted or one.target.system.name in wanted]
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        with suppress(ConnectionError):  # Whoever asked went away.
            for piece in self._groups.listed(targets, asked_by(request), secure=request.secure):
                await response.write(piece)
                await asyncio.sleep(0)  # Polls must have their turn as well.
        return response


def _max_age(requested: float, target: Target) -> float:
    """Return how old a result may be; half the interval is as good as new.

    Else clients that probe in a loop would poll the target as fast as it answers.
    """
    return requested if target.on_probe else max(requested, target.interval / 2)


def deadline(headers: list[str]) -> float:
    """Return how many seconds a probe may take: Prometheus' timeout less a margin.

    Raises:
        QueryError: The header is there and no number of seconds.
    """
    if not headers:
        return _DEFAULT_TIMEOUT - _MARGIN
    timeout = float(headers[0]) if _TIMEOUT.fullmatch(headers[0]) else 0.0
    if len(headers) > 1 or not timeout:
        raise QueryError(f"the header {_TIMEOUT_HEADER} must be a number of seconds above 0")
    return timeout - min(_MARGIN, timeout * _MARGIN_SHARE)


def _read(request: web.Request) -> _ProbeRequest:
    given = read_query(request.query, once=("target", "max_age", "labels"))
    if "target" not in given:
        raise QueryError("the parameter target is missing: /probe?target=NAME")
    if given.get("labels", ("sd",)) != ("sd",):
        raise QueryError("the parameter labels can only be sd")
    (max_age,) = given.get("max_age", ("0s",))
    try:
        seconds = read_duration(max_age)
    except ValueError as error:
        raise QueryError(f'max_age: "{quoted(max_age)}" {error}') from None
    within = deadline(request.headers.getall(_TIMEOUT_HEADER, []))
    return _ProbeRequest(
        name=given["target"][0], max_age=seconds, within=within, is_bare="labels" in given
    )


def _form(request: web.Request) -> Format:
    return choose_format(", ".join(request.headers.getall("Accept", [])))


def _page(request: web.Request, body: bytes) -> web.Response:
    headers = {"Content-Type": _form(request).value, "Vary": "Accept, Accept-Encoding"}
    if accepts_gzip(", ".join(request.headers.getall("Accept-Encoding", []))):
        headers["Content-Encoding"] = "gzip"
        body = igzip.compress(body, _GZIP_LEVEL)
    return web.Response(body=body, headers=headers)


def _refusal(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
