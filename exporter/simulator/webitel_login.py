"""The logins and tokens of a Webitel engine, refused as its code did between 2015 and 3.6."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from random import Random
from typing import Any, Literal
from uuid import UUID

from aiohttp import web

from exporter.simulator.access import Account
from exporter.simulator.pace import DAY, Clock

Generation = Literal["2015", "3.3", "3.6"]
"""Releases that refuse in the same way: 3.3 to 3.5 do."""

USER = Account("monitor@example.com", "webitel-demo", reads=True)

# The headers of a login that is known from the start, and of one that has expired. Since 3.6 a
# domain can have tokens, which need no key.
LOGIN = {"X-Access-Token": "demo-access-token", "X-Key": "0d3e0000-0000-4000-8000-0000000000d3"}
EXPIRED_LOGIN = LOGIN | {"X-Access-Token": "demo-expired-token"}
DOMAIN_LOGIN = {"X-Access-Token": "demo-domain-token"}
REMOVED_DOMAIN_LOGIN = {"X-Access-Token": "demo-removed-domain-token"}

LIFE_DAYS = 100


class WebitelLogins:
    """The logins of one engine; `denied` may be set at any time."""

    def __init__(self, clock: Clock, random: Random, generation: Generation) -> None:
        self.count = 0
        """The number of logins, refused ones included."""
        self.denied = False
        """Whether every password is wrong."""
        self._clock = clock
        self._random = random
        self._generation = generation
        # A domain's token has no key.
        logins = (LOGIN, EXPIRED_LOGIN, DOMAIN_LOGIN, REMOVED_DOMAIN_LOGIN)
        self._keys = {one["X-Access-Token"]: one.get("X-Key") for one in logins}
        self._expired = {EXPIRED_LOGIN["X-Access-Token"]}

    def expire(self) -> None:
        """Let every token expire."""
        self._expired |= self._keys.keys()

    def refusal(self, headers: Mapping[str, str]) -> web.Response | None:
        """Return the refusal of a request for the status; None if its token and key are right."""
        token, key = headers.get("X-Access-Token", ""), headers.get("X-Key", "")
        check = self._check_since_36 if self._generation == "3.6" else self._check_until_35
        found = check(token, key)
        if found is None:
            return None
        status, text = found
        if self._generation == "2015":
            return _answer(status, {"status": status.value, "message": text})
        return _error(status, text)

    def _check_since_36(self, token: str, key: str) -> tuple[HTTPStatus, str] | None:
        if token not in self._keys:
            return HTTPStatus.UNAUTHORIZED, "Invalid token"
        if token in self._expired:
            return HTTPStatus.UNAUTHORIZED, "Token Expired"
        if token == REMOVED_DOMAIN_LOGIN["X-Access-Token"]:
            return HTTPStatus.UNAUTHORIZED, "Not found token"
        if self._keys[token] is None:
            return None
        if not key:
            return HTTPStatus.UNAUTHORIZED, "Invalid Token or Key"
        return None if self._keys[token] == key else (HTTPStatus.UNAUTHORIZED, "Invalid User")

    def _check_until_35(self, token: str, key: str) -> tuple[HTTPStatus, str] | None:
        if token and key and token not in self._keys and self._generation == "2015":
            return HTTPStatus.INTERNAL_SERVER_ERROR, "Oops something went wrong"
        if not key or token not in self._keys:
            return HTTPStatus.UNAUTHORIZED, "Invalid Token or Key"
        if token in self._expired:
            return HTTPStatus.BAD_REQUEST, "Token Expired"
        return None if self._keys[token] == key else (HTTPStatus.UNAUTHORIZED, "Invalid User")

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a POST to /login."""
        self.count += 1
        # Any other body is ignored, so that it has no user name.
        is_json = request.content_type == "application/json"
        try:
            given = json.loads(await request.read()) if is_json else {}
        except ValueError:
            return _error(HTTPStatus.BAD_REQUEST, "Unexpected end of JSON input")
        username = given.get("username") if isinstance(given, dict) else None
        if not username:
            status = HTTPStatus.UNAUTHORIZED
            return _answer(status, {"status": status.value, "message": "Invalid credentials"})
        if username != USER.username:
            return _error(HTTPStatus.UNAUTHORIZED, "-ERR [Not found user]\n")
        if self.denied or given.get("password") != USER.password:
            text = "Bad password." if self._generation == "2015" else "secret incorrect"
            return _error(HTTPStatus.UNAUTHORIZED, text)
        return _answer(HTTPStatus.OK, self._grant())

    def _grant(self) -> dict[str, Any]:
        key = str(UUID(int=self._random.getrandbits(128), version=4))
        token = f"demo.{self._random.getrandbits(128):032x}.signature"
        self._keys[token] = key
        return {
            "key": key,
            "username": USER.username,
            "domain": USER.username.partition("@")[2],
            "expires": round((self._clock() + LIFE_DAYS * DAY) * 1000),
            "token": token,
            "role": 0,
            "roleName": "user",
            "acl": {"cdr": ["r"]},
        }


def _error(status: HTTPStatus, info: str) -> web.Response:
    return _answer(status, {"status": "error", "info": info})


def _answer(status: HTTPStatus, body: Mapping[str, Any]) -> web.Response:
    return web.json_response(body, status=status.value)
