"""A Webitel engine: /api/v2/status of 2015, of 3.3 and of 3.6, as the engine's code answers."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from aiohttp import web

from exporter.simulator.freeswitch import FreeSwitch
from exporter.simulator.pace import Clock, Pace, Wave
from exporter.simulator.webitel_body import Body, body_of_2015, body_since_34, body_until_33
from exporter.simulator.webitel_login import Generation, WebitelLogins
from exporter.simulator.webitel_worker import Console, WebitelWorker

FreeSwitchState = Literal[
    "ready", "not ready", "disconnected", "closed", "no command", "hang", "absent"
]

# How often a request that hangs checks whether its client is still there.
HOLD_SECONDS = 0.05

# With `outages`: the first begins early enough for a visitor of the demo to see it. Polls back off,
# so that the target is down for up to ten seconds more.
OUTAGE_PERIOD = 90.0
OUTAGE_START = 20.0
OUTAGE_SECONDS = 20.0

CLOSED_TEXT = "-ERR: FreeSWITCH server connect close!"
# mod_event_socket writes it where mod_commands is not loaded.
NO_COMMAND_TEXT = "-ERR status Command not found!\n"


@dataclass(frozen=True, kw_only=True)
class Release:
    """What differs between the releases."""

    version: str
    node_version: str
    freeswitch_version: str
    body: Callable[[WebitelWorker, float, str, str], Body]
    refuses_as: Generation
    disconnected_text: str
    total_memory: int
    sessions: Wave


RELEASE_2015 = Release(
    version="2.1",
    node_version="v0.12.7",
    freeswitch_version="1.4.20 git 1b4ffe8 2015-06-26 20:49:32Z 64bit",
    body=body_of_2015,
    refuses_as="2015",
    disconnected_text="Connect server error.",
    total_memory=4_127_195_136,
    sessions=Wave(low=0.02, high=0.3),
)
RELEASE_33 = Release(
    version="3.3.0-sha1:5e0c1b7a94d2",
    node_version="v6.2.0",
    freeswitch_version="1.6.8 git 99de0ad 2016-05-05 15:38:32Z 64bit",
    body=body_until_33,
    refuses_as="3.3",
    disconnected_text="Connect server error.",
    total_memory=8_254_390_272,
    sessions=Wave(low=0.02, high=0.4),
)
RELEASE_36 = Release(
    version="v3.6#412-sha1:7c3d90e1b2a4",
    node_version="v12.22.1",
    freeswitch_version="1.10.7-release git 883d2cb 2021-10-24 16:39:33Z 64bit",
    body=body_since_34,
    refuses_as="3.6",
    disconnected_text="No ESL connect.",
    total_memory=16_731_197_440,
    sessions=Wave(low=0.05, high=1.4),
)


class Webitel:
    """One engine; `freeswitch`, `console` and `outages` may be set at any time.

    With `outages`, FreeSWITCH's socket is half-dead from time to time: the status hangs.
    """

    def __init__(self, clock: Clock, random: Random, release: Release, prefix: str = "") -> None:
        self.freeswitch: FreeSwitchState = "ready"
        self.outages = False
        self.is_closing = False
        """Whether the simulator ends; requests that hang end with it."""
        self.held = 0
        """The number of requests that hang."""
        self.release = release
        now = self._made = clock()
        self.worker = WebitelWorker(random, now=now, total_memory=release.total_memory)
        self.switch = FreeSwitch(
            random, now=now, version=release.freeswitch_version, sessions=release.sessions
        )
        self.logins = WebitelLogins(clock, Random(f"logins {prefix}"), release.refuses_as)
        self._clock = clock
        self._prefix = prefix
        self._pace = Pace(clock)
        self._advance()

    def routes(self) -> list[web.RouteDef]:
        """List the status, and the login that leads to it."""
        return [
            web.get(f"{self._prefix}/api/v2/status", self._answer),
            web.post(f"{self._prefix}/login", self.logins.answer),
        ]

    @property
    def console(self) -> Console:
        """The link to the Webitel console."""
        return self.worker.console

    @console.setter
    def console(self, state: Console) -> None:
        self._advance()
        self.worker.drop_queues()
        self.worker.console = state

    def crash_worker(self) -> None:
        """Let the worker die and be replaced."""
        self._advance()
        self.worker.crash(self._clock())

    def restart_freeswitch(self) -> None:
        """Restart FreeSWITCH."""
        self._advance()
        self.switch.restart(self._clock())

    @property
    def hangs(self) -> bool:
        """Whether a request for the status is not answered."""
        moment = (self._clock() - self._made) % OUTAGE_PERIOD - OUTAGE_START
        return self.freeswitch == "hang" or (self.outages and 0 <= moment < OUTAGE_SECONDS)

    def status(self) -> Body:
        """Return the body of /api/v2/status."""
        self._advance()
        release, uptime = self.release, self._clock() - self.worker.started
        body = release.body(self.worker, uptime, release.version, release.node_version)
        if self.freeswitch != "absent":
            body["freeSWITCH"] = self._freeswitch_text()
        return body

    def _freeswitch_text(self) -> str:
        texts = {
            "disconnected": self.release.disconnected_text,
            "closed": CLOSED_TEXT,
            "no command": NO_COMMAND_TEXT,
        }
        ready = self.freeswitch != "not ready"
        return texts.get(self.freeswitch) or self.switch.text(self._clock(), ready=ready)

    async def _answer(self, request: web.Request) -> web.Response:
        refusal = self.logins.refusal(request.headers)
        if refusal is not None:
            return refusal
        if self.hangs:
            await self._hold(request)
        return web.json_response(self.status())

    async def _hold(self, request: web.Request) -> None:
        """Keep the client waiting until it goes away, and close the connection at the latest then."""
        self.held += 1
        try:
            # No event shows that the clock has ended an outage.
            while self.hangs and not self.is_closing and _is_connected(request):  # noqa: ASYNC110
                await asyncio.sleep(HOLD_SECONDS)
        finally:
            self.held -= 1
        if request.transport is not None:
            request.transport.close()

    def _advance(self) -> None:
        for moment in self._pace.seconds():
            self.worker.live(moment)
            self.switch.live(moment, accepting=self.freeswitch != "not ready")


def _is_connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()
