"""The UCS: its counters, its heap and the switch of its mode."""

from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from exporter.simulator.app import SimulatedServers
from exporter.simulator.genesys_ucs import ADMIN, GUEST, MONITOR
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

MIDNIGHT = 1710720000.0
HOUR = 3600.0
MORNING = MIDNIGHT + 9 * HOUR + 0.108
STATUS, MODE = "/cv/server/status", "/cv/server/mode"


async def status(client: Client) -> dict[str, Any]:
    answer = await client.get(STATUS, headers={"Authorization": MONITOR.authorization})
    assert answer.status == 200
    body = await answer.json()
    assert isinstance(body, dict)
    return body


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_heap_saws_grows_and_adds_up(clock: HandClock, world: SimulatedServers) -> None:
    seen = []
    for _ in range(600):
        clock.now += 30
        seen.append(world.ucs.status())
    for body in seen:
        used, committed = body["used_memory"], body["allocated_memory"]
        assert used == committed - body["free_memory"]
        assert 0 < used <= committed <= body["max_memory"] == 1037952
        assert committed % 64 == 0
    heap = [int(body["used_memory"]) for body in seen]
    assert any(after < before / 2 for before, after in pairwise(heap))
    assert seen[-1]["allocated_memory"] > seen[0]["allocated_memory"]


async def test_counters_rise_and_start_over_at_midnight(clock: HandClock, client: Client) -> None:
    clock.now = MIDNIGHT + 24 * HOUR - 300.5
    before = await status(client)
    clock.now += 300
    evening = await status(client)
    assert evening["request_today"] > before["request_today"] > 0
    assert 0.01 < evening["client_errors_today"] / evening["request_today"] < 0.03
    clock.now += 0.5
    night = await status(client)
    for key in ("request_today", "client_errors_today", "server_errors_today"):
        assert night[key] == 0
    clock.now += 300
    assert 0 < (await status(client))["request_today"] < before["request_today"]


async def test_a_restart_forgets_the_day_and_the_switch(
    world: SimulatedServers, client: Client
) -> None:
    world.ucs.switch("maintenance")
    world.ucs.restart()
    fresh = await status(client)
    assert fresh["mode"] == "maintenance"
    assert fresh["started"] == fresh["system_time"]
    assert seconds(fresh["last_request"]) < seconds(fresh["started"])
    assert fresh["request_today"] == 0


@pytest.mark.parametrize(
    ("authorization", "reading", "writing"),
    [
        (None, 401, 401),
        ("Basic bm9ib2R5Om5vdGhpbmc=", 401, 401),
        ("Bearer ???", 401, 401),
        (GUEST.authorization, 403, 403),
        (MONITOR.authorization, 200, 403),
        (ADMIN.authorization, 200, 200),
    ],
)
async def test_access(
    world: SimulatedServers, client: Client, authorization: str | None, reading: int, writing: int
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    read = await client.get(STATUS, headers=headers)
    write = await client.post(MODE, headers=headers, data='{"mode": "maintenance"}')
    assert (read.status, write.status) == (reading, writing)
    assert (world.ucs.mode == "maintenance") == (writing == 200)


async def test_a_switch_denies_every_request_until_it_is_over(
    clock: HandClock, client: Client
) -> None:
    headers = {"Authorization": ADMIN.authorization}
    answer = await client.post(MODE, headers=headers, data='{"mode": "MainTenance"}')
    assert await answer.json() == {"server changed": "maintenance"}
    clock.now += 9.9
    for method, path in (("GET", STATUS), ("POST", MODE), ("GET", "/cv/profiles")):
        assert (await client.request(method, path, headers=headers)).status == 503
    assert (await client.get("/mdworkbench/server/state")).status == 401
    clock.now += 0.1
    assert (await status(client))["mode"] == "maintenance"


@pytest.mark.parametrize("body", ["", "[]", '"maintenance"', "{}", '{"mode": "off"}'])
async def test_a_bad_mode_is_refused(client: Client, body: str) -> None:
    answer = await client.post(MODE, data=body, headers={"Authorization": ADMIN.authorization})
    assert answer.status == 400
    assert (await status(client))["mode"] == "production"
