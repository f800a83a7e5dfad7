"""Clanforge: the life of its game servers, its two pages and its errors."""

from itertools import groupby
from typing import Any

import pytest

from exporter.simulator.app import SimulatedServers
from exporter.simulator.clanforge import ACCOUNT_SERVICE, FLEET, KEYS
from exporter.simulator.game_server import Phase
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

AUTHORIZED = {"Authorization": KEYS.authorization}
MORNING = 1710753164.25
ONE = "1200345"
LIST = f"/cfp/v1/server/list?accountserviceid={ACCOUNT_SERVICE}"


async def fetch(client: Client, path: str) -> dict[str, Any]:
    answer = await client.get(path, headers=AUTHORIZED)
    assert answer.status == 200
    body = await answer.json()
    assert isinstance(body, dict)
    return body


async def status(client: Client, query: str = "") -> dict[str, Any]:
    found = (await fetch(client, f"/cfp/v1/server/{ONE}/status{query}"))["server"]
    assert isinstance(found, dict)
    return found


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
    phase: Phase,
    expected: set[tuple[int, int]],
    clock: HandClock,
    world: SimulatedServers,
    client: Client,
) -> None:
    world.clanforge.servers[ONE].hold(phase)
    clock.now += 500
    body = await status(client)
    assert (body["active"], body["admin_locked"]) in expected
    assert bool(body["allocated_uuid"]) == (phase == "allocated")


async def test_only_a_running_server_is_queried_and_only_on_request(
    world: SimulatedServers, client: Client
) -> None:
    server = world.clanforge.servers[ONE]
    server.hold("available")
    assert "query_info" not in await status(client)
    assert (await status(client, "?query_info=true"))["query_info"] == {
        "players": 0,
        "max_players": 16,
        "map": "lobby",
        "status": "idle",
        "name": "eu-west #17",
    }
    world.clanforge.query_failed.add(ONE)
    assert "error" in (await status(client, "?query_info=true"))["query_info"]
    server.hold("restarting")
    assert (await status(client, "?query_info=true"))["query_info"] is None
    server.hold("stopped")
    assert "query_info" not in await status(client, "?query_info=true")


@pytest.mark.parametrize(
    "path", ["/cfp/v1/server/1/status", "/cfp/v1/server/list?accountserviceid=1"]
)
async def test_an_error_comes_with_http_200_and_messages(path: str, client: Client) -> None:
    assert await fetch(client, path) == {"success": False, "messages": ["No rows in result set"]}


async def test_keys_are_required_and_requests_can_be_throttled(
    world: SimulatedServers, client: Client
) -> None:
    path = f"/cfp/v1/server/{ONE}/status"
    assert (await client.get(path)).status == 401
    assert (await client.get(LIST)).status == 401
    world.clanforge.throttled = True
    answer = await client.get(path, headers=AUTHORIZED)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0


async def test_the_list_has_its_own_types_and_can_be_narrowed_down(
    world: SimulatedServers, client: Client
) -> None:
    world.clanforge.servers[ONE].hold("restarting")
    world.clanforge.servers["1200346"].hold("locked")
    servers = (await fetch(client, f"{LIST}&query_info=1"))["servers"]

    assert [one["serverid"] for one in servers] == [one.serverid for one in FLEET]
    assert (servers[0]["active"], servers[0]["query_port"]) == (True, 9010)
    assert servers[1]["admin_locked"] == "1"
    assert len((await fetch(client, f"{LIST}&profileid=1002"))["servers"]) == 2


def test_players_join_and_leave_running_servers(clock: HandClock, world: SimulatedServers) -> None:
    fleet = world.clanforge
    phases: list[Phase] = []
    crowds: list[int] = []
    for _ in range(4 * 3600):
        clock.now += 1
        fleet.status(ONE, query_info=True)
        server = fleet.servers[ONE]
        phases.append(server.phase)
        assert 0 <= server.players <= (16 if server.phase == "allocated" else 0)
        if server.phase == "allocated":
            crowds.append(server.players)
    assert set(phases) >= {"available", "allocated", "restarting"}
    assert max(crowds) == 16
    # Figures change every few seconds; a match may begin as the last one ended.
    assert max(len(list(spell)) for _, spell in groupby(crowds)) <= 10


def test_a_match_begins_where_none_is_left(clock: HandClock, world: SimulatedServers) -> None:
    servers = list(world.clanforge.servers.values())
    for server in servers[:3]:
        server.hold("locked")
    for server, until in zip(servers[3:], (900.0, 600.0), strict=True):
        server.enter("available", clock.now)
        server.until = clock.now + until
    clock.now += 1
    world.clanforge.status(ONE, query_info=False)

    assert [server.phase for server in servers] == ["locked"] * 3 + ["available", "allocated"]
