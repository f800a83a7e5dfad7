"""A Webitel server's login: a user and password become a key and token, and a row in a database."""

import asyncio
import json
from http import HTTPStatus
from random import Random
from typing import Any
from uuid import UUID

from aiohttp import web

from exporter.simulator.access import Account
from exporter.simulator.pace import Clock
from exporter.simulator.traffic import DAY

USER = Account("monitor@example.com", "webitel-demo", reads=True)

LIFE_DAYS = 100


class WebitelLogins:
    """The logins of one server; `denied`, `seconds` and `clock_offset` may be set at any time."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self.count = 0
        """How many there were, refused ones too."""
        self.denied = False
        self.seconds = 0.0
        """How long each takes."""
        self.clock_offset = 0.0
        self._clock = clock
        self._random = random
        self._known: dict[str, str] = {}
        self._expired: dict[str, str] = {}

    def expire(self) -> None:
        """Let every token pass its time."""
        self._expired |= self._known
        self._known.clear()

    def is_known(self, token: str | None, key: str | None) -> bool:
        """Say whether the pair is one that was given out."""
        return token is not None and key is not None and self._known.get(token) == key

    def is_expired(self, token: str | None, key: str | None) -> bool:
        """Say whether the pair was one."""
        return token is not None and key is not None and self._expired.get(token) == key

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a POST to /login."""
        self.count += 1
        if self.seconds:
            await asyncio.sleep(self.seconds)
        try:
            given = json.loads(await request.read())
        except (ValueError, RecursionError):
            return _refusal(HTTPStatus.BAD_REQUEST, "Bad request")
        right = {"username": USER.username, "password": USER.password}
        if self.denied or given != right:
            return _refusal(HTTPStatus.UNAUTHORIZED, "Invalid User")
        return web.json_response(self._granted(), headers={"X-Powered-By": "Webitel"})

    def _granted(self) -> dict[str, Any]:
        key = str(UUID(int=self._random.getrandbits(128), version=4))
        token = f"demo.{self._random.getrandbits(128):032x}.signature"
        self._known[token] = key
        expires = self._clock() + self.clock_offset + LIFE_DAYS * DAY
        return {
            "key": key,
            "username": USER.username,
            "domain": USER.username.partition("@")[2],
            "expires": round(expires * 1000),
            "token": token,
            "role": 0,
            "roleName": "user",
            "acl": {"cdr": ["r"]},
        }


def _refusal(status: HTTPStatus, info: str) -> web.Response:
    return web.json_response(
        {"status": "error", "info": info, "code": status.value},
        status=status.value,
        headers={"X-Powered-By": "Webitel"},
    )
