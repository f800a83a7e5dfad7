"""The Universal Contact Server: Query Server Status and Set Server Mode, under /cv.

Invented, because the vendor documents only the status codes: the bodies of errors, and Retry-After.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from random import Random
from typing import Any, Literal, get_args

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.simulator.access import Account, challenge, verdict
from exporter.simulator.heap import Heap
from exporter.simulator.pace import DAY, WARM_UP, Clock, Pace, Traffic, Wave, poisson

Mode = Literal["production", "maintenance"]

MONITOR = Account("monitor", "monitor-demo", reads=True)
ADMIN = Account("admin", "admin-demo", reads=True, writes=True)
GUEST = Account("guest", "guest-demo")
ACCOUNTS = (MONITOR, ADMIN, GUEST)

BASE = "/cv"
VERSION = "8.5.300.21"

# A week makes a plausible age and puts the start on another day than the first poll.
FIRST_UPTIME = 6.5 * DAY
# In the page's example the last request is that much older than the start.
BEFORE_START = 0.704

REQUESTS = Wave(low=0.1, high=0.9)
MAINTENANCE_SHARE = 0.02
CLIENT_ERROR_SHARE = 0.02
SERVER_ERROR_SHARE = 0.001

# In KiB, as is the heap.
IDLE_ALLOCATION = 400
REQUEST_ALLOCATION = 600


class GenesysUcs:
    """One server; `mode`, `clock_offset` and `stuck_switching` may be set at any time."""

    def __init__(self, clock: Clock, random: Random, *, switch_seconds: float = 60.0) -> None:
        self.mode: Mode = "production"
        self.clock_offset = 0.0
        self.switch_seconds = switch_seconds
        """The duration of a switch of the mode; a minute by default, as in the vendor's page."""
        self.stuck_switching = False
        self.traffic = Traffic(REQUESTS, random)
        # HotSpot aligns the heap to 64 KiB.
        self.heap = Heap(
            random, initial=262144, maximum=1037952, alignment=64, live=(61440, 560000)
        )
        self._clock = clock
        self._random = random
        self._switch_ends = -math.inf
        self._start(clock() - FIRST_UPTIME)
        self._pace = Pace(clock)
        # The day so far, up to where the pace begins.
        self._day, today = divmod(clock() - WARM_UP, DAY)
        self.requests = round(today * REQUESTS.mean)
        self.client_errors = round(self.requests * CLIENT_ERROR_SHARE)
        self.server_errors = round(self.requests * SERVER_ERROR_SHARE)
        self._advance()

    def _start(self, now: float) -> None:
        self.started = now
        self.last_request = now - BEFORE_START
        self.requests = self.client_errors = self.server_errors = 0

    def routes(self) -> list[web.RouteDef]:
        """List the operations of the two API pages."""
        return [
            web.get(f"{BASE}/server/status", self._answer_status),
            web.post(f"{BASE}/server/mode", self._answer_mode),
        ]

    @property
    def is_switching(self) -> bool:
        """Whether the server is between two modes and denies every request."""
        return self.stuck_switching or self._clock() < self._switch_ends

    def restart(self) -> None:
        """Restart the process: counters, heap and a running switch are gone, the mode stays."""
        self._advance()
        self._start(self._clock())
        self._switch_ends = -math.inf
        self.heap.reset()

    def status(self) -> dict[str, Any]:
        """Return the answer to Query Server Status."""
        self._advance()
        return {
            "max_memory": self.heap.maximum,
            "server_errors_today": self.server_errors,
            "client_errors_today": self.client_errors,
            "request_today": self.requests,
            "system_time": self._timestamp(self._clock()),
            "used_memory": self.heap.used,
            "allocated_memory": self.heap.committed,
            "started": self._timestamp(self.started),
            "free_memory": self.heap.committed - self.heap.used,
            "last_request": self._timestamp(self.last_request),
            "mode": self.mode,
            "version": VERSION,
        }

    def switch(self, mode: Mode) -> None:
        """Change the mode; until the switch is over, the server denies every request."""
        if mode == self.mode:
            return
        self._advance()
        self.mode = mode
        self._switch_ends = self._clock() + self.switch_seconds

    @web.middleware
    async def deny_while_switching(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        """Answer 503 to every request below the base path during a switch."""
        if not request.path.startswith(f"{BASE}/") or not self.is_switching:
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
            wanted = json.loads(await request.read())
            mode = next(one for one in get_args(Mode) if one == str(wanted["mode"]).lower())
        except (ValueError, TypeError, KeyError, StopIteration):
            return _message(HTTPStatus.BAD_REQUEST, "mode must be production or maintenance")
        self.switch(mode)
        # The page gives the address without the base path.
        return web.json_response({"server changed": mode}, headers={"Location": "/server/status"})

    def _advance(self) -> None:
        for moment in self._pace.seconds():
            self._turn_day(moment)
            if moment > self.started:
                self._serve(moment)
        self._turn_day(self._clock())

    def _serve(self, moment: float) -> None:
        share = MAINTENANCE_SHARE if self.mode == "maintenance" else 1.0
        requests = self.traffic.arrivals(moment, share=share)
        allocated = IDLE_ALLOCATION + requests * REQUEST_ALLOCATION
        self.heap.allocate(allocated * self._random.uniform(0.7, 1.3))
        if not requests:
            return
        self.requests += requests
        self.client_errors += min(requests, poisson(self._random, requests * CLIENT_ERROR_SHARE))
        self.server_errors += min(requests, poisson(self._random, requests * SERVER_ERROR_SHARE))
        self.last_request = moment - self._random.random()

    def _turn_day(self, moment: float) -> None:
        day = (moment + self.clock_offset) // DAY
        if day != self._day:
            self._day = day
            self.requests = self.client_errors = self.server_errors = 0

    def _timestamp(self, moment: float) -> str:
        own = datetime.fromtimestamp(moment + self.clock_offset, UTC)
        return own.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _refusal(request: web.Request, *, write: bool) -> web.Response | None:
    found = verdict(request, ACCOUNTS, write=write)
    if found is HTTPStatus.UNAUTHORIZED:
        return _message(found, "Authentication required", challenge("UCS"))
    if found is HTTPStatus.FORBIDDEN:
        return _message(found, "Operation not allowed for this role")
    return None


def _message(
    status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.json_response(
        {"code": status.value, "message": text}, status=status.value, headers=headers
    )
