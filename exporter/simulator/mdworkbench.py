"""An MDWorkbench server: its state, which can be read and set, and its launch queue."""

from datetime import UTC, datetime
from http import HTTPStatus
from random import Random
from typing import Any, Literal, get_args

from aiohttp import web

from exporter.simulator.access import Account, challenge, verdict
from exporter.simulator.pace import Clock, Pace, Step
from exporter.simulator.traffic import HOUR, Traffic, Wave

State = Literal["active", "suspended", "maintenance"]
XmlStyle = Literal["attributes", "elements"]

# Only members of mdw-admin may do anything here.
ADMIN = Account("admin", "admin-demo", reads=True, writes=True)
VIEWER = Account("viewer", "viewer-demo")
ACCOUNTS = (ADMIN, VIEWER)

PATH = "/mdworkbench/server/state"
QUEUE_PATH = "/mdworkbench/launch"

SERVICES = ("com.example.rhapsody.export", "com.example.doors.sync")

SLOTS = 2
SHORTEST_LAUNCH, LONGEST_LAUNCH = 20.0, 90.0
MEAN_LAUNCH = (SHORTEST_LAUNCH + LONGEST_LAUNCH) / 2
# At the top of the day the two slots are almost, but not quite, enough.
REQUESTS = Wave(low=0.006, high=0.034)
# A short launch on a schedule, which needs no slot, so that figures change at any hour. Usual polling
# intervals are no multiple of seven seconds: they would find the same figure each time.
SCHEDULE_SECONDS = 7
SCHEDULED_LAUNCH = 3.5
# Enough for the first answer to show a queue at work.
WARM_UP = HOUR

UNAUTHORIZED_PAGE = (
    "<!doctype html><html><head><title>HTTP Status 401 - Unauthorized</title></head>"
    "<body><h1>HTTP Status 401 - Unauthorized</h1></body></html>"
)


class MDWorkbench:
    """One server; `state`, `waiting`, `queue_stuck` and `xml_style` may be set at any time."""

    def __init__(
        self,
        clock: Clock,
        random: Random,
        *,
        slots: int = SLOTS,
        xml_style: XmlStyle = "attributes",
    ) -> None:
        self.state: State = "active"
        self.resume_on_restart = True
        self.slots = slots
        self.xml_style: XmlStyle = xml_style
        self.queue_stuck = False
        self.waiting = 0
        self._ends: list[float] = []
        # When what waits and what runs was asked for, the oldest first.
        self._asked: list[float] = []
        self._begun: dict[float, float] = {}
        self._clock = clock
        self._random = random
        self._traffic = Traffic(REQUESTS, random)
        self._pace = Pace(clock() - WARM_UP)
        self._advance()

    def routes(self) -> list[web.RouteDef]:
        """List the operations of the Integrating Server State page, and the launch queue's."""
        return [
            web.get(QUEUE_PATH, self._answer_queue),
            web.get(PATH, self._answer_get),
            web.put(PATH, self._answer_put),
        ]

    @property
    def running(self) -> int:
        """How many launches are being executed."""
        return len(self._ends)

    def stick_queue(self) -> None:
        """Let the queue stand still although the server is active."""
        self._advance()
        self.queue_stuck = True

    def change(self, state: State, *, resume_on_restart: bool = True) -> None:
        """Set the state, as the page's PUT does."""
        self._advance()
        self.state = state
        self.resume_on_restart = resume_on_restart

    def status(self) -> dict[str, dict[str, Any]]:
        """Say what the page's GET answers now."""
        self._advance()
        return {
            "state": {"value": self.state, "resumeOnRestart": self.resume_on_restart},
            "launch": {"running": self.running, "waiting": self.waiting},
        }

    def launches(self) -> list[dict[str, Any]]:
        """Say what the launch queue holds now, what runs before what waits."""
        self._advance()
        now = self._clock()
        self._asked = self._asked[max(0, len(self._asked) - self.waiting) :]
        self._asked += [now] * (self.waiting - len(self._asked))
        self._begun = {end: self._begun.get(end, now) for end in self._ends}
        running = [("running", began, began) for began in self._begun.values()]
        waiting = [("waiting", asked, None) for asked in self._asked]
        return [
            {
                "id": f"l-{number:04}",
                "uri": f"http://mdw.example.org{QUEUE_PATH}/l-{number:04}",
                "service": SERVICES[number % len(SERVICES)],
                "state": state,
                "requestNumber": number,
                "requestTime": _iso(asked),
                **({"startTime": _iso(began)} if began is not None else {}),
            }
            for number, (state, asked, began) in enumerate((*running, *waiting), 1)
        ]

    async def _answer_queue(self, request: web.Request) -> web.Response:
        refusal = _refusal(request)
        return refusal if refusal is not None else web.json_response(self.launches())

    async def _answer_get(self, request: web.Request) -> web.Response:
        refusal = _refusal(request)
        if refusal is not None:
            return refusal
        if _prefers_xml(",".join(request.headers.getall("Accept", []))):
            return web.Response(
                text=_xml(self.status(), self.xml_style),
                content_type="application/xml",
                charset="UTF-8",
            )
        return web.json_response(self.status())

    async def _answer_put(self, request: web.Request) -> web.Response:
        refusal = _refusal(request, write=True)
        if refusal is not None:
            return refusal
        value = request.query.get("value")
        state = next((known for known in get_args(State) if known == value), None)
        if state is None:
            return _bad_request("value must be active, suspended or maintenance")
        resume = request.query.get("resumeOnRestart", "true")
        if resume not in {"true", "false"}:
            return _bad_request("resumeOnRestart must be true or false")
        self.change(state, resume_on_restart=resume == "true")
        return web.Response()

    def _advance(self) -> None:
        for step in self._pace.steps(self._clock()):
            self._ends = [end for end in self._ends if end > step.end]
            if self.state != "maintenance":
                self.waiting += self._traffic.arrivals(step)
            if self.state == "active" and not self.queue_stuck:
                self._start_launches(step)
                if step.end % SCHEDULE_SECONDS == 0:
                    self._ends.append(step.end + SCHEDULED_LAUNCH)

    def _start_launches(self, step: Step) -> None:
        if step.leap:
            # Those which also ended within the leap.
            done = int(step.seconds * self.slots / MEAN_LAUNCH)
            self.waiting = max(0, self.waiting - done)
        while self.waiting and self.running < self.slots:
            self.waiting -= 1
            duration = self._random.uniform(SHORTEST_LAUNCH, LONGEST_LAUNCH)
            self._ends.append(step.end + duration)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _prefers_xml(accept: str) -> bool:
    # JSON is the page's default, so XML must be wanted more.
    return _quality(accept, "application/xml") > _quality(accept or "*/*", "application/json")


def _quality(accept: str, wanted: str) -> float:
    """How much a media type is wanted, by the range that names it most exactly."""
    qualities = {}
    for entry in accept.split(","):
        media_range, *parameters = (part.strip() for part in entry.lower().split(";"))
        given = next((text[2:] for text in parameters if text.startswith("q=")), "1")
        try:
            qualities[media_range] = float(given)
        except ValueError:
            qualities[media_range] = 0.0
    ranges = (wanted, wanted.partition("/")[0] + "/*", "*/*")
    return next((qualities[known] for known in ranges if known in qualities), 0.0)


def _xml(status: dict[str, dict[str, Any]], style: XmlStyle) -> str:
    nodes = []
    for name, fields in status.items():
        texts = {key: str(value).lower() for key, value in fields.items()}
        if style == "attributes":
            attributes = "".join(f' {key}="{text}"' for key, text in texts.items())
            nodes.append(f"<{name}{attributes}/>")
        else:
            children = "".join(f"<{key}>{text}</{key}>" for key, text in texts.items())
            nodes.append(f"<{name}>{children}</{name}>")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<server>{"".join(nodes)}</server>\n'


def _refusal(request: web.Request, *, write: bool = False) -> web.Response | None:
    found = verdict(request, ACCOUNTS, write=write)
    if found is HTTPStatus.UNAUTHORIZED:
        return web.Response(
            status=found.value,
            text=UNAUTHORIZED_PAGE,
            content_type="text/html",
            headers=challenge("MDWorkbench"),
        )
    if found is HTTPStatus.FORBIDDEN:
        return web.Response(status=found.value)
    return None


def _bad_request(text: str) -> web.Response:
    return web.Response(status=HTTPStatus.BAD_REQUEST.value, text=f"{text}\n")
