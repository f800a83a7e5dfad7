"""The Universal Contact Server: Query Server Status and Set Server Mode, under /cv."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from random import Random
from typing import Literal, get_args

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.simulator.access import Account, challenge, verdict
from exporter.simulator.heap import Heap, HeapLimits
from exporter.simulator.pace import Clock, Pace, Step
from exporter.simulator.traffic import DAY, Traffic, Wave, poisson

Mode = Literal["production", "maintenance"]

MONITOR = Account("monitor", "monitor-demo", reads=True)
ADMIN = Account("admin", "admin-demo", reads=True, writes=True)
GUEST = Account("guest", "guest-demo")
ACCOUNTS = (MONITOR, ADMIN, GUEST)

BASE = "/cv"

# The Set Server Mode page: one minute unless configured otherwise.
SWITCH_SECONDS = 60.0
# A week makes a plausible age and puts the start on another day than the first poll.
FIRST_UPTIME = 6.5 * DAY
# In the page's example the last request is that much older than the start.
BEFORE_START = 0.704

REQUESTS = Wave(low=0.1, high=0.9)
MAINTENANCE_SHARE = 0.02
CLIENT_ERROR_SHARE = 0.02
SERVER_ERROR_SHARE = 0.001

# In KiB. HotSpot aligns the heap to 64 KiB.
HEAP = HeapLimits(initial=262144, maximum=1037952, alignment=64, live_low=61440, live_high=560000)
IDLE_ALLOCATION = 400
REQUEST_ALLOCATION = 600


class GenesysUcs:
    """One server; `mode`, `clock_offset` and `stuck_switching` may be set at any time."""

    def __init__(
        self,
        clock: Clock,
        random: Random,
        *,
        clock_offset: float = 0.0,
        switch_seconds: float = SWITCH_SECONDS,
        version: str = "8.5.300.21",
    ) -> None:
        self.mode: Mode = "production"
        self.clock_offset = clock_offset
        self.switch_seconds = switch_seconds
        self.stuck_switching = False
        self.version = version
        self._clock = clock
        self._random = random
        self._traffic = Traffic(REQUESTS, random)
        self._heap = Heap(HEAP, random)
        self._switch_ends = -math.inf
        now = clock()
        self._started = now - FIRST_UPTIME
        self._last_request = self._started - BEFORE_START
        self._requests = self._client_errors = self._server_errors = 0
        self._day = self._day_of(now)
        self._pace = Pace(self._midnight())
        self._advance()

    def routes(self) -> list[web.RouteDef]:
        """List the operations of the two API pages."""
        return [
            web.get(f"{BASE}/server/status", self._answer_status),
            web.post(f"{BASE}/server/mode", self._answer_mode),
        ]

    @property
    def switching(self) -> bool:
        """Whether the server is between two modes and denies everything."""
        return self.stuck_switching or self._clock() < self._switch_ends

    def restart(self) -> None:
        """Start the process anew: counters, heap and a running switch are gone, the mode stays."""
        self._advance()
        self._started = self._clock()
        self._last_request = self._started - BEFORE_START
        self._requests = self._client_errors = self._server_errors = 0
        self._switch_ends = -math.inf
        self._heap.reset()

    def status(self) -> dict[str, str | int]:
        """Say what Query Server Status answers now."""
        self._advance()
        return {
            "max_memory": self._heap.limits.maximum,
            "server_errors_today": self._server_errors,
            "client_errors_today": self._client_errors,
            "request_today": self._requests,
            "system_time": self._timestamp(self._clock()),
            "used_memory": self._heap.used,
            "allocated_memory": self._heap.committed,
            "started": self._timestamp(self._started),
            "free_memory": self._heap.committed - self._heap.used,
            "last_request": self._timestamp(self._last_request),
            "mode": self.mode,
            "version": self.version,
        }

    def switch(self, mode: Mode) -> None:
        """Change the mode; until the switch is over the server denies everything."""
        if mode == self.mode:
            return
        self._advance()
        self.mode = mode
        self._switch_ends = self._clock() + self.switch_seconds

    @web.middleware
    async def deny_while_switching(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Answer 503 to whatever is asked below the base address during a switch."""
        if not (request.path + "/").startswith(f"{BASE}/") or not self.switching:
            return await handler(request)
        left = self._switch_ends - self._clock()
        wait = left if left > 0 else self.switch_seconds
        return _message(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"Method unavailable: the server is switching to {self.mode} mode",
            {"Retry-After": str(math.ceil(wait))},
        )

    async def _answer_status(self, request: web.Request) -> web.Response:
        refusal = _refusal(request, write=False)
        return web.json_response(self.status()) if refusal is None else refusal

    async def _answer_mode(self, request: web.Request) -> web.Response:
        refusal = _refusal(request, write=True)
        if refusal is not None:
            return refusal
        try:
            wish = json.loads(await request.read())
        except (ValueError, RecursionError):
            return _message(HTTPStatus.BAD_REQUEST, "The body is not JSON")
        mode = _mode(wish.get("mode")) if isinstance(wish, dict) else None
        if mode is None:
            return _message(HTTPStatus.BAD_REQUEST, "mode must be production or maintenance")
        self.switch(mode)
        # The page gives the address without the base path.
        return web.json_response({"server changed": mode}, headers={"Location": "/server/status"})

    def _advance(self) -> None:
        now = self._clock()
        for step in self._pace.steps(now):
            self._turn_day(step.end)
            self._serve(step.since(max(self._midnight(), self._started)))
        self._turn_day(now)

    def _serve(self, step: Step) -> None:
        share = MAINTENANCE_SHARE if self.mode == "maintenance" else 1.0
        requests = self._traffic.arrivals(step, share=share)
        allocated = step.seconds * IDLE_ALLOCATION + requests * REQUEST_ALLOCATION
        self._heap.allocate(allocated * self._random.uniform(0.7, 1.3))
        if not requests:
            return
        client_errors = min(requests, poisson(self._random, requests * CLIENT_ERROR_SHARE))
        rest = requests - client_errors
        self._requests += requests
        self._client_errors += client_errors
        self._server_errors += min(rest, poisson(self._random, requests * SERVER_ERROR_SHARE))
        self._last_request = step.end - step.seconds * self._random.random() / requests

    def _turn_day(self, moment: float) -> None:
        if self._day_of(moment) != self._day:
            self._day = self._day_of(moment)
            self._requests = self._client_errors = self._server_errors = 0

    def _day_of(self, moment: float) -> int:
        return math.floor((moment + self.clock_offset) / DAY)

    def _midnight(self) -> float:
        return self._day * DAY - self.clock_offset

    def _timestamp(self, moment: float) -> str:
        own = datetime.fromtimestamp(moment + self.clock_offset, UTC)
        return own.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _mode(wish: object) -> Mode | None:
    text = wish.lower() if isinstance(wish, str) else None
    return next((mode for mode in get_args(Mode) if mode == text), None)


def _refusal(request: web.Request, *, write: bool) -> web.Response | None:
    found = verdict(request, ACCOUNTS, write=write)
    if found is HTTPStatus.UNAUTHORIZED:
        return _message(found, "Authentication required", challenge("UCS"))
    if found is HTTPStatus.FORBIDDEN:
        return web.json_response(
            {"message": "Operation not allowed for this role"}, status=found.value
        )
    return None


def _message(
    status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.json_response(
        {"code": status.value, "message": text}, status=status.value, headers=headers
    )
