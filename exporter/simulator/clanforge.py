"""The Clanforge API: the status of one game server, and the list of a small fleet.

Fields and their types are those of the vendor's two pages, and `No rows in result set` is one of its
documented messages; which of them an unknown id gets is a guess. Invented, because the vendor
documents nothing like it: the answer 429 with Retry-After and its text, and a failed query's error.
"""

from collections.abc import Mapping
from http import HTTPStatus
from random import Random
from typing import Any

from aiohttp import web

from exporter.simulator.access import Account, challenge, verdict
from exporter.simulator.game_server import GameServer, Listing
from exporter.simulator.pace import WARM_UP, Clock, Pace

# An access key and a secret key; the API knows no others.
KEYS = Account("DEMOACCESSKEY", "demo-clanforge-key", reads=True)

RETRY_AFTER = 7
LIST_PATH = "/sd/clanforge"

ACCOUNT_SERVICE = "4711"
FILTERS = ("profileid", "locationid", "country_code")

FLEET = (
    Listing(1200345, "GB", "12", 40231, 991, "eu-west $$location$$ #17", "192.0.2.15", 9000),
    Listing(1200346, "GB", "12", 40231, 991, "eu-west $$location$$ #18", "192.0.2.15", 9100),
    Listing(1200347, "DE", "7", 40244, 991, "de #2", "192.0.2.40", 9000),
    Listing(1200348, "US", "21", 40300, 1002, "us-east #4", "198.51.100.17", 9100, 32),
    Listing(1200349, "SG", "33", 40412, 1002, "apac $$location$$ #1", "203.0.113.9", 9200, 32),
)


class Clanforge:
    """The fleet; `query_failed` and `throttled` may be set at any time."""

    def __init__(self, clock: Clock, random: Random) -> None:
        start = clock() - WARM_UP
        self.servers = {str(one.serverid): GameServer(one, random, start) for one in FLEET}
        self.query_failed: set[str] = set()
        self.throttled = False
        self._clock = clock
        self._pace = Pace(clock)
        self._advance()

    def routes(self) -> list[web.RouteDef]:
        """List the operations of the Server Status and Server List pages, and a list for http_sd."""
        return [
            web.get("/cfp/v1/server/list", self._answer_list),
            web.get("/cfp/v1/server/{serverid}/status", self._answer),
            web.get(LIST_PATH, self._list),
        ]

    def status(self, serverid: str, *, query_info: bool) -> dict[str, Any]:
        """Return the answer about a server of the fleet, with the types of the status page."""
        self._advance()
        server = self.servers[serverid]
        listing = server.listing
        fields: dict[str, Any] = {
            "active": server.active,
            "allocated_uuid": server.allocated_uuid,
            "admin_locked": int(server.phase == "locked"),
            "country_code": listing.country_code,
            "game_port": listing.game_port,
            "ip": listing.ip,
            "locationid": listing.locationid,
            "machineid": listing.machineid,
            "name": listing.name,
            "profileid": listing.profileid,
            "query_port": str(listing.query_port),
            "serverid": listing.serverid,
        }
        if query_info and server.active:
            fields["query_info"] = self._query(serverid)
        return {"server": fields}

    def listing(self, wanted: Mapping[str, str], *, query_info: bool) -> dict[str, Any]:
        """Return the list of the servers with the wanted properties, with the types of its page."""
        found = [self.status(one, query_info=query_info)["server"] for one in self.servers]
        servers = [
            one
            | {
                "active": bool(one["active"]),
                "admin_locked": str(one["admin_locked"]),
                "query_port": int(one["query_port"]),
            }
            for one in found
            if all(str(one[key]) == value for key, value in wanted.items())
        ]
        return {"success": True, "messages": [], "servers": servers}

    def _query(self, serverid: str) -> dict[str, Any] | None:
        server = self.servers[serverid]
        if server.phase == "restarting":
            return None
        if serverid in self.query_failed:
            return {"error": "query timed out"}
        return server.query()

    async def _answer(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        serverid = request.match_info["serverid"]
        if serverid not in self.servers:
            return _no_rows()
        wanted = request.query.get("query_info") == "true"
        return web.json_response(self.status(serverid, query_info=wanted))

    async def _answer_list(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.query.get("accountserviceid") != ACCOUNT_SERVICE:
            return _no_rows()
        wanted = {key: request.query[key] for key in FILTERS if key in request.query}
        queried = request.query.get("query_info") == "1"
        return web.json_response(self.listing(wanted, query_info=queried))

    def _refusal(self, request: web.Request) -> web.Response | None:
        if verdict(request, (KEYS,)) is not HTTPStatus.OK:
            return _error(
                HTTPStatus.UNAUTHORIZED, "Authentication required", challenge("Clanforge")
            )
        if self.throttled:
            headers = {"Retry-After": str(RETRY_AFTER)}
            return _error(HTTPStatus.TOO_MANY_REQUESTS, "rate limited", headers)
        return None

    async def _list(self, _request: web.Request) -> web.Response:
        """Answer as an endpoint for Prometheus' http_sd; the vendor has none."""
        found = [
            {"targets": [serverid], "labels": {"country": server.listing.country_code}}
            for serverid, server in self.servers.items()
        ]
        return web.json_response(found)

    def _advance(self) -> None:
        for moment in self._pace.seconds():
            for server in self.servers.values():
                server.live(moment)
            self._keep_a_match(moment)

    def _keep_a_match(self, now: float) -> None:
        """Allocate a server if none is allocated, so that there are players at any hour."""
        servers = self.servers.values()
        if any(server.phase == "allocated" for server in servers):
            return
        free = [one for one in servers if one.phase == "available" and not one.held]
        if free:
            min(free, key=lambda one: one.until).enter("allocated", now)


def _no_rows() -> web.Response:
    """Report an error as the API does, with HTTP 200 and a reason in `messages`."""
    return web.json_response({"success": False, "messages": ["No rows in result set"]})


def _error(status: HTTPStatus, text: str, headers: Mapping[str, str]) -> web.Response:
    body: dict[str, Any] = {
        "messages": [],
        "error_code": status.value,
        "error_message": text,
        "_debug": [],
        "success": False,
        "error": True,
    }
    return web.json_response(body, status=status.value, headers=headers)
