"""A gateway in front of the contact server that wants a bearer token, and the endpoint giving it."""

from http import HTTPStatus
from random import Random

from aiohttp import web

from exporter.simulator.access import Account, verdict
from exporter.simulator.genesys_ucs import BASE, GenesysUcs
from exporter.simulator.pace import Clock

ACCOUNT = Account("status-exporter", "gateway-demo", reads=True)

LIFE_SECONDS = 300


class Gateway:
    """One gateway; `denied`, `by_body` and `life_seconds` may be set at any time."""

    def __init__(self, clock: Clock, random: Random, ucs: GenesysUcs) -> None:
        self.count = 0
        """How many tokens were asked for, refused ones too."""
        self.denied = False
        self.by_body = False
        """Whether the id and secret must stand in the body, not in the header."""
        self.life_seconds: int | None = LIFE_SECONDS
        self._clock = clock
        self._random = random
        self._ucs = ucs
        self._until: dict[str, float] = {}

    def routes(self) -> list[web.RouteDef]:
        """List what there is."""
        return [
            web.post("/oauth2/token", self._answer_token),
            web.get(f"/gw{BASE}/server/status", self._answer_status),
        ]

    def expire(self) -> None:
        """Let every token pass its time."""
        self._until.clear()

    async def _answer_token(self, request: web.Request) -> web.Response:
        self.count += 1
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            return _error(HTTPStatus.BAD_REQUEST, "unsupported_grant_type")
        if self.by_body:
            given = (form.get("client_id"), form.get("client_secret"))
            is_right = given == (ACCOUNT.username, ACCOUNT.password)
        else:
            is_right = verdict(request, (ACCOUNT,)) is HTTPStatus.OK
        if self.denied or not is_right:
            return _error(HTTPStatus.UNAUTHORIZED, "invalid_client")
        token = f"gw-{self._random.getrandbits(128):032x}"
        life = LIFE_SECONDS if self.life_seconds is None else self.life_seconds
        self._until[token] = self._clock() + life
        granted: dict[str, str | int] = {"access_token": token, "token_type": "Bearer"}
        if self.life_seconds is not None:
            granted["expires_in"] = self.life_seconds
        return web.json_response(granted, headers={"Cache-Control": "no-store"})

    async def _answer_status(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._until.get(token, 0.0) < self._clock():
            return _error(HTTPStatus.UNAUTHORIZED, "invalid_token", {"WWW-Authenticate": "Bearer"})
        return web.json_response(self._ucs.status())


def _error(status: HTTPStatus, code: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": code}, status=status.value, headers=headers)
