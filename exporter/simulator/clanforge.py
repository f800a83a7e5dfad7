"""The Clanforge API: the status of one game server out of a small fleet."""

from collections.abc import Mapping
from http import HTTPStatus
from random import Random
from typing import Any

from aiohttp import web

from exporter.simulator.access import Account, challenge, verdict
from exporter.simulator.game_server import GameServer, Listing
from exporter.simulator.pace import Clock, Pace
from exporter.simulator.traffic import HOUR

# An access key and a secret key; the API knows no others.
KEYS = Account("DEMOACCESSKEY", "demo-clanforge-key", reads=True)

# Enough for the first answers to show servers in the midst of things.
WARM_UP = HOUR
RETRY_AFTER = 7
LIST_PATH = "/sd/clanforge"
NOT_FOUND_CODE = 1

ACCOUNT_SERVICE = "4711"
FILTERS = ("profileid", "locationid", "country_code")

FLEET = (
    Listing(
        serverid=1200345,
        country_code="GB",
        locationid="12",
        machineid=40231,
        profileid=991,
        name="eu-west $$location$$ #17",
        ip="192.0.2.15",
        game_port=9000,
    ),
    Listing(
        serverid=1200346,
        country_code="GB",
        locationid="12",
        machineid=40231,
        profileid=991,
        name="eu-west $$location$$ #18",
        ip="192.0.2.15",
        game_port=9100,
    ),
    Listing(
        serverid=1200347,
        country_code="DE",
        locationid="7",
        machineid=40244,
        profileid=991,
        name="de #2",
        ip="192.0.2.40",
        game_port=9000,
    ),
    Listing(
        serverid=1200348,
        country_code="US",
        locationid="21",
        machineid=40300,
        profileid=1002,
        name="us-east #4",
        ip="198.51.100.17",
        game_port=9100,
        max_players=32,
    ),
    Listing(
        serverid=1200349,
        country_code="SG",
        locationid="33",
        machineid=40412,
        profileid=1002,
        name="apac $$location$$ #1",
        ip="203.0.113.9",
        game_port=9200,
        max_players=32,
    ),
)


class Clanforge:
    """The fleet; `query_failed`, `loose_types` and `throttled` may be set at any time."""

    def __init__(self, clock: Clock, random: Random, *, fleet: tuple[Listing, ...] = FLEET) -> None:
        self.servers = {str(listing.serverid): GameServer(listing, random) for listing in fleet}
        self.query_failed: set[str] = set()
        self.loose_types = False
        self.throttled = False
        self._clock = clock
        self._pace = Pace(clock() - WARM_UP)
        self._advance()

    def routes(self) -> list[web.RouteDef]:
        """List the operations of the Server Status and Server List pages, and a list for http_sd."""
        return [
            web.get("/cfp/v1/server/list", self._answer_list),
            web.get("/cfp/v1/server/{serverid}/status", self._answer),
            web.get(LIST_PATH, self._list),
        ]

    def status(self, serverid: str, *, query_info: bool) -> dict[str, Any]:
        """Say what the API answers now about a server of the fleet."""
        self._advance()
        server = self.servers[serverid]
        listing = server.listing
        fields: dict[str, Any] = {
            "active": server.active,
            "allocated_uuid": server.allocated_uuid,
            "admin_locked": int(server.admin_locked),
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
        if self.loose_types:
            # The server list's page gives the same fields these types.
            fields["active"] = bool(server.active)
            fields["admin_locked"] = str(int(server.admin_locked))
            fields["query_port"] = listing.query_port
        if query_info and server.active:
            fields["query_info"] = self._query(serverid)
        return {"server": fields}

    def listing(self, wanted: Mapping[str, str], *, query_info: bool) -> dict[str, Any]:
        """Say what the API answers now about the servers that have the wanted properties."""
        found = [self.status(one, query_info=query_info)["server"] for one in self.servers]
        return {
            "success": True,
            "messages": [],
            "servers": [
                one for one in found if all(str(one[key]) == value for key, value in wanted.items())
            ],
        }

    def _query(self, serverid: str) -> dict[str, Any] | None:
        server = self.servers[serverid]
        if server.active > 1:
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
            # The API reports its own errors with a good HTTP status.
            return _error(HTTPStatus.OK, "server not found", code=NOT_FOUND_CODE)
        wanted = request.query.get("query_info") == "true"
        return web.json_response(self.status(serverid, query_info=wanted))

    async def _answer_list(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.query.get("accountserviceid") != ACCOUNT_SERVICE:
            return _error(HTTPStatus.OK, "unknown accountserviceid", code=NOT_FOUND_CODE)
        wanted = {key: request.query[key] for key in FILTERS if key in request.query}
        asked = request.query.get("query_info") == "1"
        return web.json_response(self.listing(wanted, query_info=asked))

    def _refusal(self, request: web.Request) -> web.Response | None:
        if verdict(request, (KEYS,)) is not HTTPStatus.OK:
            return _error(
                HTTPStatus.UNAUTHORIZED,
                "Authentication required",
                code=HTTPStatus.UNAUTHORIZED.value,
                headers=challenge("Clanforge"),
            )
        if self.throttled:
            return _error(
                HTTPStatus.TOO_MANY_REQUESTS,
                "rate limited",
                code=HTTPStatus.TOO_MANY_REQUESTS.value,
                headers={"Retry-After": str(RETRY_AFTER)},
            )
        return None

    async def _list(self, _request: web.Request) -> web.Response:
        """Answer as an endpoint for Prometheus' http_sd; the vendor has none such."""
        found = [
            {"targets": [serverid], "labels": {"country": server.listing.country_code}}
            for serverid, server in self.servers.items()
        ]
        return web.json_response(found)

    def _advance(self) -> None:
        for step in self._pace.steps(self._clock()):
            for server in self.servers.values():
                server.live(step)
            self._keep_a_match(step.end)

    def _keep_a_match(self, now: float) -> None:
        """Allocate a server where none is, so that there are players at any hour."""
        servers = self.servers.values()
        if any(server.phase == "allocated" for server in servers):
            return
        free = [one for one in servers if one.phase == "available" and not one.held]
        if free:
            min(free, key=lambda one: one.until).enter("allocated", now)


def _error(
    status: HTTPStatus, text: str, *, code: int, headers: Mapping[str, str] | None = None
) -> web.Response:
    body = {
        "messages": [],
        "error_code": code,
        "error_message": text,
        "_debug": [],
        "success": False,
        "error": True,
    }
    return web.json_response(body, status=status.value, headers=headers)
