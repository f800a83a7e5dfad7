"""An MDWorkbench server: its state, which can be read and set, and its launch queue.

Nested as the vendor's pages describe. No example of an answer is published, so the root and the
attributes of the XML, and the bodies of errors, are invented.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from random import Random
from typing import Any, Literal, get_args

from aiohttp import web

from exporter.simulator.access import Account, challenge, verdict
from exporter.simulator.pace import Clock, Pace, Traffic, Wave

State = Literal["active", "suspended", "maintenance"]

# Only members of mdw-admin may do anything here.
ADMIN = Account("admin", "admin-demo", reads=True, writes=True)
VIEWER = Account("viewer", "viewer-demo")
ACCOUNTS = (ADMIN, VIEWER)

PATH = "/mdworkbench/server/state"
QUEUE_PATH = "/mdworkbench/launch"

SERVICES = ("com.example.rhapsody.export", "com.example.doors.sync")

SLOTS = 2
SHORTEST_LAUNCH, LONGEST_LAUNCH = 20.0, 90.0
# At the top of the day the two slots are almost, but not quite, enough.
REQUESTS = Wave(low=0.006, high=0.034)
# A short launch on a schedule, which needs no slot, so that figures change at any hour. Usual polling
# intervals are no multiple of seven seconds: they would see the same figure each time.
SCHEDULE_SECONDS = 7
SCHEDULED_LAUNCH = 3.5


@dataclass(frozen=True)
class Launch:
    """A launch that runs, with its times in Unix seconds."""

    requested: float
    started: float
    ends: float


class MDWorkbench:
    """One server; its attributes may be set at any time."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self.state: State = "active"
        self.resume_on_restart = True
        self.queue_stuck = False
        """Whether no launch starts although the server is active."""
        self.running: list[Launch] = []
        self.waiting: list[float] = []
        """When the launches that wait were requested, in Unix seconds."""
        self._clock = clock
        self._random = random
        self._traffic = Traffic(REQUESTS, random)
        self._pace = Pace(clock)
        self._advance()

    def routes(self) -> list[web.RouteDef]:
        """List the operations of the Integrating Server State page, and the launch queue's."""
        return [
            web.get(QUEUE_PATH, self._answer_queue),
            web.get(PATH, self._answer_get),
            web.put(PATH, self._answer_put),
        ]

    def change(self, state: State, *, resume_on_restart: bool = True) -> None:
        """Set the state, as the page's PUT does."""
        self._advance()
        self.state = state
        self.resume_on_restart = resume_on_restart

    def status(self) -> dict[str, dict[str, Any]]:
        """Return the answer to the page's GET."""
        self._advance()
        return {
            "state": {"value": self.state, "resumeOnRestart": self.resume_on_restart},
            "launch": {"running": len(self.running), "waiting": len(self.waiting)},
        }

    def launches(self) -> list[dict[str, Any]]:
        """Return the launch queue: launches that run, then launches that wait."""
        self._advance()
        running = [
            {"state": "running", "requestTime": _iso(one.requested), "startTime": _iso(one.started)}
            for one in self.running
        ]
        waiting = [{"state": "waiting", "requestTime": _iso(moment)} for moment in self.waiting]
        return [
            {
                "id": f"l-{number:04}",
                "uri": f"http://mdw.example.org{QUEUE_PATH}/l-{number:04}",
                "service": SERVICES[number % len(SERVICES)],
                "requestNumber": number,
                **launch,
            }
            for number, launch in enumerate((*running, *waiting), 1)
        ]

    async def _answer_queue(self, request: web.Request) -> web.Response:
        refusal = _refusal(request)
        return refusal if refusal is not None else web.json_response(self.launches())

    async def _answer_get(self, request: web.Request) -> web.Response:
        refusal = _refusal(request)
        if refusal is not None:
            return refusal
        # JSON is the page's default.
        accept = request.headers.get("Accept", "")
        if "application/xml" not in accept or "application/json" in accept:
            return web.json_response(self.status())
        return web.Response(
            text=_xml(self.status()), content_type="application/xml", charset="UTF-8"
        )

    async def _answer_put(self, request: web.Request) -> web.Response:
        refusal = _refusal(request, write=True)
        if refusal is not None:
            return refusal
        state = next((one for one in get_args(State) if one == request.query.get("value")), None)
        resume = request.query.get("resumeOnRestart", "true")
        if state is None or resume not in {"true", "false"}:
            return web.Response(status=HTTPStatus.BAD_REQUEST.value)
        self.change(state, resume_on_restart=resume == "true")
        return web.Response()

    def _advance(self) -> None:
        for moment in self._pace.seconds():
            self.running = [one for one in self.running if one.ends > moment]
            if self.state != "maintenance":
                self.waiting += [moment] * self._traffic.arrivals(moment)
            if self.state == "active" and not self.queue_stuck:
                self._start_launches(moment)

    def _start_launches(self, now: float) -> None:
        while self.waiting and len(self.running) < SLOTS:
            ends = now + self._random.uniform(SHORTEST_LAUNCH, LONGEST_LAUNCH)
            self.running.append(Launch(self.waiting.pop(0), now, ends))
        if now % SCHEDULE_SECONDS == 0:
            self.running.append(Launch(now, now, now + SCHEDULED_LAUNCH))


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _xml(status: dict[str, dict[str, Any]]) -> str:
    nodes = []
    for name, fields in status.items():
        attributes = "".join(f' {key}="{str(value).lower()}"' for key, value in fields.items())
        nodes.append(f"<{name}{attributes}/>")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<server>{"".join(nodes)}</server>\n'


def _refusal(request: web.Request, *, write: bool = False) -> web.Response | None:
    found = verdict(request, ACCOUNTS, write=write)
    if found is HTTPStatus.OK:
        return None
    page = f"<!doctype html><html><body><h1>HTTP Status {found}</h1></body></html>"
    headers = challenge("MDWorkbench") if found is HTTPStatus.UNAUTHORIZED else None
    return web.Response(status=found.value, text=page, content_type="text/html", headers=headers)
