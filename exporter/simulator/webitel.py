"""A Webitel server: /api/v2/status as up to release 3.3 or as since 3.4."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from types import MappingProxyType
from typing import Any, Literal

from aiohttp import web

from exporter.simulator.freeswitch import FreeSwitch
from exporter.simulator.pace import Clock, Pace
from exporter.simulator.traffic import Wave
from exporter.simulator.webitel_body import body_since_34, body_until_33
from exporter.simulator.webitel_login import WebitelLogins
from exporter.simulator.webitel_worker import Console, WebitelWorker

FreeSwitchState = Literal["ready", "not ready", "disconnected", "closed", "hang", "absent"]

# The headers of somebody who has logged in, of a domain, and of somebody who did so long ago.
LOGIN: Mapping[str, str] = MappingProxyType(
    {
        "X-Access-Token": "demo-access-token",
        "X-Key": "0d3e0000-0000-4000-8000-0000000000d3",
    }
)
DOMAIN_LOGIN: Mapping[str, str] = MappingProxyType({"X-Access-Token": "demo-domain-token"})
EXPIRED_LOGIN: Mapping[str, str] = MappingProxyType(
    {
        "X-Access-Token": "demo-expired-token",
        "X-Key": "0d3e0000-0000-4000-8000-0000000000d3",
    }
)

# How often a held request looks whether its client is still there.
HOLD_SECONDS = 0.05

# With `outages`: the first begins early enough for a visitor of the demo to see it. Polls back off,
# so that the target is down for up to ten seconds more.
OUTAGE_PERIOD = 90.0
OUTAGE_START = 20.0
OUTAGE_SECONDS = 20.0

CLOSED_TEXT = "-ERR: FreeSWITCH server connect close!"


@dataclass(frozen=True, kw_only=True)
class Release:
    """What differs between the releases."""

    version: str
    node_version: str
    freeswitch_version: str
    camel_case: bool
    domain_tokens: bool
    expired_status: HTTPStatus
    disconnected_text: str
    total_memory: int
    sessions: Wave


RELEASE_33 = Release(
    version="3.3.0-sha1:5e0c1b7a94d2",
    node_version="v6.2.0",
    freeswitch_version="1.6.8 git 99de0ad 2016-05-05 15:38:32Z 64bit",
    camel_case=False,
    domain_tokens=False,
    expired_status=HTTPStatus.BAD_REQUEST,
    disconnected_text="Connect server error.",
    total_memory=8_254_390_272,
    sessions=Wave(low=0.02, high=0.4),
)
RELEASE_36 = Release(
    version="v3.6#412-sha1:7c3d90e1b2a4",
    node_version="v12.22.1",
    freeswitch_version="1.10.7-release git 883d2cb 2021-10-24 16:39:33Z 64bit",
    camel_case=True,
    domain_tokens=True,
    expired_status=HTTPStatus.UNAUTHORIZED,
    disconnected_text="No ESL connect.",
    total_memory=16_731_197_440,
    sessions=Wave(low=0.05, high=1.4),
)


class Webitel:
    """One server; `freeswitch`, `console`, `login_expired` and `forked` may be set at any time.

    With `outages` set, FreeSWITCH's socket is half-dead from time to time: the status hangs.
    """

    def __init__(
        self,
        clock: Clock,
        random: Random,
        *,
        release: Release = RELEASE_36,
        prefix: str = "",
        forked: bool = True,
    ) -> None:
        self.freeswitch: FreeSwitchState = "ready"
        self.login_expired = False
        self.outages = False
        self.forked = forked
        self.release = release
        self.held = 0
        now = self._made = clock()
        self.worker = WebitelWorker(random, now=now, total_memory=release.total_memory)
        self.switch = FreeSwitch(
            random, now=now, version=release.freeswitch_version, sessions=release.sessions
        )
        self._clock = clock
        self._prefix = prefix
        self.logins = WebitelLogins(clock, Random(f"logins {prefix}"))
        self._pace = Pace(min(self.worker.started, self.switch.started))
        self._closing = asyncio.Event()
        self._advance()

    def routes(self) -> list[web.RouteDef]:
        """List the one operation of the Webitel Status page, and the login that leads to it."""
        return [
            web.get(f"{self._prefix}/api/v2/status", self._answer),
            web.post(f"{self._prefix}/login", self.logins.answer),
        ]

    @property
    def console(self) -> Console:
        """How the link to the Webitel console is."""
        return self.worker.console

    @console.setter
    def console(self, state: Console) -> None:
        self._advance()
        if self.worker.console != "Connected":
            self.worker.drop_queues()
        self.worker.console = state

    def crash_worker(self) -> None:
        """Let the worker die and be replaced."""
        self._advance()
        self.worker.crash(self._clock())

    def restart_freeswitch(self) -> None:
        """Start the telephone switch anew."""
        self._advance()
        self.switch.restart(self._clock())

    @property
    def hangs(self) -> bool:
        """Whether a request for the status is never answered."""
        moment = (self._clock() - self._made) % OUTAGE_PERIOD - OUTAGE_START
        return self.freeswitch == "hang" or (self.outages and 0 <= moment < OUTAGE_SECONDS)

    def release_held(self) -> None:
        """Let go of the requests which hang."""
        self._closing.set()
        self._closing = asyncio.Event()

    def status(self) -> dict[str, Any]:
        """Say what /api/v2/status answers now."""
        self._advance()
        spell = body_since_34 if self.release.camel_case else body_until_33
        body = spell(
            self.worker,
            now=self._clock(),
            version=self.release.version,
            node_version=self.release.node_version,
        )
        crashes = self.worker.crash_count
        # The cluster master hands the count on in an environment variable, which is text.
        count = str(crashes) if self.forked else crashes
        body["crashCount" if self.release.camel_case else "CRASH_WORKER_COUNT"] = count
        if self.freeswitch != "absent":
            body["freeSWITCH"] = self._freeswitch_text()
        return body

    def _freeswitch_text(self) -> str:
        if self.freeswitch == "disconnected":
            return self.release.disconnected_text
        if self.freeswitch == "closed":
            return CLOSED_TEXT
        return self.switch.text(self._clock(), ready=self.freeswitch != "not ready")

    async def _answer(self, request: web.Request) -> web.Response:
        response = self._refusal(request)
        if response is None and self.hangs:
            await self._hold(request)
        if response is None:
            response = web.json_response(self.status())
        response.headers["X-Powered-By"] = "Webitel"
        return response

    def _refusal(self, request: web.Request) -> web.Response | None:
        token = request.headers.get("X-Access-Token")
        key = request.headers.get("X-Key")
        given = {"X-Access-Token": token, "X-Key": key}
        if given == EXPIRED_LOGIN or (given == LOGIN and self.login_expired):
            return _error(self.release.expired_status, "Token Expired")
        if self.logins.is_known(token, key):
            return None
        if self.logins.is_expired(token, key):
            return _error(self.release.expired_status, "Token Expired")
        of_domain = self.release.domain_tokens and token == DOMAIN_LOGIN["X-Access-Token"]
        if given == LOGIN or of_domain:
            return None
        return _error(HTTPStatus.UNAUTHORIZED, "Invalid Token or Key")

    async def _hold(self, request: web.Request) -> None:
        """Keep the client waiting until it goes away, or the simulator does."""
        closing = self._closing
        self.held += 1
        try:
            while not closing.is_set() and _connected(request):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(closing.wait(), HOLD_SECONDS)
        finally:
            self.held -= 1
        if request.transport is not None:
            request.transport.close()

    def _advance(self) -> None:
        for step in self._pace.steps(self._clock()):
            self.worker.live(step)
            self.switch.live(step, accepting=self.freeswitch != "not ready")


def _connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def _error(status: HTTPStatus, info: str) -> web.Response:
    return web.json_response({"status": "error", "info": info}, status=status.value)
