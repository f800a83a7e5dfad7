from itertools import groupby, pairwise
from typing import Any

import pytest

from exporter.simulator.app import World
from exporter.simulator.clanforge import ACCOUNT_SERVICE, FLEET, KEYS
from exporter.simulator.game_server import Phase
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

AUTHORIZED = {"Authorization": KEYS.authorization}
MORNING = 1710753164.25
ONE = "1200345"
# The types of the Server Status page.
TYPES = {
    "active": int,
    "allocated_uuid": str,
    "admin_locked": int,
    "country_code": str,
    "game_port": int,
    "ip": str,
    "locationid": str,
    "machineid": int,
    "name": str,
    "profileid": int,
    "query_port": str,
    "serverid": int,
}


async def status(client: Client, serverid: str = ONE, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/cfp/v1/server/{serverid}/status{query}", headers=AUTHORIZED)
    assert answer.status == 200
    body = await answer.json()
    assert set(body) == {"server"}
    server = body["server"]
    assert isinstance(server, dict)
    return server


async def test_every_server_has_the_page_s_fields_and_types(world: World, client: Client) -> None:
    bodies = [await status(client, serverid) for serverid in world.clanforge.servers]
    assert [body["serverid"] for body in bodies] == list(range(1200345, 1200350))
    for body in bodies:
        assert {name: type(value) for name, value in body.items()} == TYPES
    assert any("$$location$$" in body["name"] for body in bodies)
    for varied in ("country_code", "locationid", "profileid"):
        assert len({body[varied] for body in bodies}) > 1


async def test_query_is_made_only_when_asked_for(world: World, client: Client) -> None:
    world.clanforge.servers[ONE].hold("available")
    assert "query_info" not in await status(client)
    assert "query_info" not in await status(client, query="?query_info=false")
    assert (await status(client, query="?query_info=true"))["query_info"] == {
        "players": 0,
        "max_players": 16,
        "map": "lobby",
        "status": "idle",
        "name": "eu-west #17",
    }


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("available", {(1, 0)}),
        ("allocated", {(1, 0)}),
        ("restarting", {(2, 0), (3, 0)}),
        ("stopped", {(0, 0)}),
        ("locked", {(1, 1)}),
    ],
)
async def test_a_server_can_be_held_in_a_phase(
    clock: HandClock, world: World, client: Client, phase: Phase, expected: set[tuple[int, int]]
) -> None:
    server = world.clanforge.servers[ONE]
    server.hold(phase)
    for _ in range(2):
        body = await status(client)
        assert (body["active"], body["admin_locked"]) in expected
        assert bool(body["allocated_uuid"]) == (phase == "allocated")
        assert server.phase == phase
        clock.now += 86400
    server.free()
    phases = set()
    for _ in range(60):
        clock.now += 60
        await status(client)
        phases.add(server.phase)
    assert len(phases) > 1


async def test_no_query_of_a_server_that_is_not_up(world: World, client: Client) -> None:
    server = world.clanforge.servers[ONE]
    server.hold("stopped")
    assert "query_info" not in await status(client, query="?query_info=true")
    server.hold("restarting")
    assert (await status(client, query="?query_info=true"))["query_info"] is None


async def test_a_query_can_fail(world: World, client: Client) -> None:
    for server in world.clanforge.servers.values():
        server.hold("allocated")
    world.clanforge.query_failed.add(ONE)
    body = await status(client, query="?query_info=true")
    assert body["active"] == 1
    assert body["query_info"] == {"error": "query timed out"}
    other = await status(client, "1200346", query="?query_info=true")
    assert other["query_info"]["max_players"] == 16


@pytest.mark.parametrize("serverid", ["1", "1200350", "none"])
async def test_an_unknown_server_is_an_error_with_a_good_status(
    client: Client, serverid: str
) -> None:
    answer = await client.get(f"/cfp/v1/server/{serverid}/status", headers=AUTHORIZED)
    assert answer.status == 200
    assert await answer.json() == {
        "messages": [],
        "error_code": 1,
        "error_message": "server not found",
        "_debug": [],
        "success": False,
        "error": True,
    }


@pytest.mark.parametrize("authorization", [None, "Basic bm9ib2R5Om5vdGhpbmc=", "Basic"])
async def test_the_keys_are_needed(client: Client, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await client.get(f"/cfp/v1/server/{ONE}/status", headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    body = await answer.json()
    assert body["success"] is False
    assert body["error_code"] == 401
    assert body["error_message"] == "Authentication required"


async def test_types_can_be_those_of_the_server_list(world: World, client: Client) -> None:
    world.clanforge.servers[ONE].hold("locked")
    world.clanforge.loose_types = True
    body = await status(client)
    assert body["active"] is True
    assert body["admin_locked"] == "1"
    assert body["query_port"] == 9010
    world.clanforge.servers[ONE].hold("stopped")
    body = await status(client)
    assert body["active"] is False
    assert body["admin_locked"] == "0"


async def test_requests_can_be_throttled(world: World, client: Client) -> None:
    world.clanforge.throttled = True
    answer = await client.get(f"/cfp/v1/server/{ONE}/status", headers=AUTHORIZED)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert (await answer.json())["error_message"] == "rate limited"
    world.clanforge.throttled = False
    assert (await status(client))["serverid"] == 1200345


def test_servers_live(clock: HandClock, world: World) -> None:
    fleet = world.clanforge
    phases: list[tuple[Phase, float]] = []
    matches: set[str] = set()
    crowds: set[int] = set()
    for _ in range(6 * 3600):
        clock.now += 1
        body = fleet.status(ONE, query_info=True)["server"]
        phase = fleet.servers[ONE].phase
        if not phases or phases[-1][0] != phase:
            phases.append((phase, clock.now))
        players = (body.get("query_info") or {"players": 0})["players"]
        assert players == 0 or phase == "allocated"
        assert players <= 16
        matches.add(body["allocated_uuid"])
        crowds.add(players)
    assert {phase for phase, _ in phases} >= {"available", "allocated", "restarting"}
    assert crowds == set(range(17))
    names = [phase for phase, _ in phases]
    # Every match is another one; before the first there was none.
    assert len(matches - {""}) == names.count("allocated")
    for (phase, start), (_, end) in pairwise(phases):
        if phase == "restarting":
            assert 20 <= end - start <= 41


def test_a_player_joins_or_leaves_every_few_seconds(clock: HandClock, world: World) -> None:
    fleet = world.clanforge
    server = fleet.servers[ONE]
    server.hold("allocated")
    seen = []
    for _ in range(3600):
        clock.now += 1
        fleet.status(ONE, query_info=True)
        seen.append(server.players)

    assert max(len(list(spell)) for _, spell in groupby(seen)) <= 5
    assert max(seen) == server.listing.max_players


def test_a_match_begins_where_none_is_left(clock: HandClock, world: World) -> None:
    servers = list(world.clanforge.servers.values())
    for server in servers[:3]:
        server.hold("locked")
    for server, until in zip(servers[3:], (900.0, 600.0), strict=True):
        server.enter("available", clock.now)
        server.until = clock.now + until
    clock.now += 1
    world.clanforge.status(ONE, query_info=False)

    assert [server.phase for server in servers] == ["locked"] * 3 + ["available", "allocated"]


def test_every_phase_is_seen_in_the_fleet_within_a_day(clock: HandClock, world: World) -> None:
    seen = set()
    for _ in range(24 * 60):
        clock.now += 60
        world.clanforge.status(ONE, query_info=False)
        seen |= {server.phase for server in world.clanforge.servers.values()}
    assert seen == {"available", "allocated", "restarting", "stopped", "locked"}


async def test_the_list_has_every_server_or_those_of_a_profile(client: Client) -> None:
    url = f"/cfp/v1/server/list?accountserviceid={ACCOUNT_SERVICE}"
    headers = {"Authorization": KEYS.authorization}
    found = []
    for more in ("&query_info=1", "&profileid=1002"):
        async with client.get(url + more, headers=headers) as answer:
            found.append((await answer.json())["servers"])
    async with client.get("/cfp/v1/server/list?accountserviceid=1", headers=headers) as answer:
        refused = await answer.json()
    async with client.get(url) as answer:
        unknown = answer.status

    assert [len(servers) for servers in found] == [len(FLEET), 2]
    assert any("query_info" in one for one in found[0])
    assert not any("query_info" in one for one in found[1])
    assert refused["error"] is True
    assert unknown == 401
