"""The handlers of `/probe` and `/sd`, with which Prometheus scrapes each target by itself.

A probe without a result by its deadline fails with an HTTP status, so that Prometheus sets `up` to
0. A target that was polled and is down is a result.
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
from exporter.web.query import check_systems, read_query, short_word
from exporter.web.sd import PROBE_PATH, SdGroups, requested_address

_TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
_TIMEOUT = re.compile(r"\d{1,9}(?:\.\d{1,9})?|\.\d{1,9}", re.ASCII)
# Without the header; the same as in blackbox_exporter.
_DEFAULT_TIMEOUT = 120.0
# Reserved for sending the response: half a second, or a tenth of a short timeout.
_MARGIN = 0.5
_MARGIN_SHARE = 0.1
_GZIP_LEVEL = 1
# Rendering more series would hold the event loop too long.
_MAX_SERIES_IN_LOOP = 1000


class _UnknownTargetError(ExporterError):
    """No target has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProbeRequest:
    """The parameters of a probe; durations in seconds."""

    name: str
    max_age: float
    within: float
    without_base_labels: bool


class Prober:
    """The handlers of `/probe` and `/sd`."""

    def __init__(self, targets: Targets, schedule: Schedule | None) -> None:
        self._targets = targets
        self._schedule = schedule
        self._groups = SdGroups(targets)
        # One thread at a time: several would compete with the event loop for the interpreter.
        self._lock = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        """Return both routes."""
        return [web.get(PROBE_PATH, self.probe), web.get("/sd", self.service_discovery)]

    async def probe(self, request: web.Request) -> web.Response:
        """Serve the series of one target: of a new poll, or of the last one within `max_age`."""
        try:
            return await self._respond(request, _read_probe(request))
        except QueryError as error:
            return _error_response(400, str(error))
        except _UnknownTargetError as error:
            return _error_response(404, str(error))
        except ProbeDeadlineError as error:
            return _error_response(504 if error.began else 503, str(error))

    async def _respond(self, request: web.Request, probe: _ProbeRequest) -> web.Response:
        if request.method == "HEAD" and self._targets.find(probe.name):
            return _metrics_response(
                request, b""
            )  # Without a poll: a response to HEAD has no body.
        target, snapshot = await self._poll(probe)
        if snapshot is None:
            return _error_response(
                503, f'"{probe.name}" was not polled: the exporter is shutting down'
            )
        form = _form(request)

        def render() -> web.Response:
            page = expose_targets(
                [(target, snapshot)], form, with_base=not probe.without_base_labels
            )
            return _metrics_response(request, b"".join(page) + END[form])

        if len(snapshot.values) <= _MAX_SERIES_IN_LOOP:
            return render()
        async with self._lock:
            return await asyncio.to_thread(render)

    async def _poll(self, probe: _ProbeRequest) -> tuple[Target, Snapshot | None]:
        """Return the target with a snapshot within `max_age`; a reload may have replaced the target.

        Raises:
            ProbeDeadlineError: There was none in time.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + probe.within
        while tracked := self._targets.find(probe.name):
            if self._schedule:
                max_age = _max_age(probe.max_age, tracked.target)
                await self._schedule.poll_now(tracked, max_age, end - loop.time())
            if self._targets.find(probe.name) is tracked:
                return tracked.target, tracked.snapshot
        raise _UnknownTargetError(f'there is no target "{short_word(probe.name)}"')

    async def service_discovery(self, request: web.Request) -> web.StreamResponse:
        """Serve the list of targets for Prometheus' HTTP service discovery."""
        try:
            systems = read_query(request.query, repeated=("system",)).get("system", ())
            check_systems(systems, self._targets.systems if systems else ())
        except QueryError as error:
            return _error_response(400, str(error))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        with suppress(ConnectionError):  # The client closed the connection.
            address, targets = requested_address(request), tuple(self._targets)
            for chunk in self._groups.render(
                targets, address, secure=request.secure, systems=systems
            ):
                if chunk:
                    await response.write(chunk)
                await asyncio.sleep(0)  # Writing returns at once to a fast reader; let polls run.
        return response


def _max_age(requested: float, target: Target) -> float:
    """Return the maximum age of a result: at least half the interval.

    Otherwise clients that probe in a loop would poll the target as fast as it answers.
    """
    return requested if target.on_probe else max(requested, target.interval / 2)


def deadline(headers: list[str]) -> float:
    """Return the seconds that a probe may take: Prometheus' timeout less a margin.

    Raises:
        QueryError: The header is not a number of seconds, or occurs twice.
    """
    if not headers:
        return _DEFAULT_TIMEOUT - _MARGIN
    timeout = float(headers[0]) if _TIMEOUT.fullmatch(headers[0]) else 0.0
    if len(headers) > 1 or not timeout:
        raise QueryError(f"the header {_TIMEOUT_HEADER} must be a number of seconds above 0")
    return timeout - min(_MARGIN, timeout * _MARGIN_SHARE)


def _read_probe(request: web.Request) -> _ProbeRequest:
    given = read_query(request.query, single=("target", "max_age", "labels"))
    if "target" not in given:
        raise QueryError("the parameter target is missing: /probe?target=NAME")
    if given.get("labels", ("sd",)) != ("sd",):
        raise QueryError("the parameter labels can only be sd")
    (max_age,) = given.get("max_age", ("0s",))
    try:
        seconds = read_duration(max_age)
    except ValueError as error:
        raise QueryError(f'max_age: "{short_word(max_age)}" {error}') from None
    within = deadline(request.headers.getall(_TIMEOUT_HEADER, []))
    return _ProbeRequest(
        name=given["target"][0],
        max_age=seconds,
        within=within,
        without_base_labels="labels" in given,
    )


def _form(request: web.Request) -> Format:
    return choose_format(", ".join(request.headers.getall("Accept", [])))


def _metrics_response(request: web.Request, body: bytes) -> web.Response:
    headers = {"Content-Type": _form(request).value, "Vary": "Accept, Accept-Encoding"}
    if accepts_gzip(", ".join(request.headers.getall("Accept-Encoding", []))):
        headers["Content-Encoding"] = "gzip"
        body = igzip.compress(body, _GZIP_LEVEL)
    return web.Response(body=body, headers=headers)


def _error_response(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
