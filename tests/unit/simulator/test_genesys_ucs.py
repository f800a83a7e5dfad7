import re
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from exporter.simulator.app import World
from exporter.simulator.genesys_ucs import ADMIN, GUEST, MONITOR, GenesysUcs
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

MIDNIGHT = 1710720000.0
HOUR = 3600.0
MORNING = MIDNIGHT + 9 * HOUR + 0.108

# The keys of the example on the Query Server Status page.
KEYS = {
    "max_memory",
    "server_errors_today",
    "client_errors_today",
    "request_today",
    "system_time",
    "used_memory",
    "allocated_memory",
    "started",
    "free_memory",
    "last_request",
    "mode",
    "version",
}


async def status(client: Client) -> dict[str, Any]:
    answer = await client.get("/cv/server/status", headers={"Authorization": MONITOR.authorization})
    assert answer.status == 200
    body = await answer.json()
    assert isinstance(body, dict)
    return body


async def post(client: Client, body: str, authorization: str = ADMIN.authorization) -> int:
    headers = {"Authorization": authorization}
    return (await client.post("/cv/server/mode", data=body, headers=headers)).status


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_status_has_what_the_page_shows(client: Client) -> None:
    body = await status(client)
    assert set(body) == KEYS
    assert body["mode"] == "production"
    for key in ("system_time", "started", "last_request"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body[key])
    assert body["system_time"] == "2024-03-18T09:00:00.108Z"
    assert seconds(body["started"]) < seconds(body["last_request"])
    assert seconds(body["last_request"]) <= seconds(body["system_time"])
    for key in KEYS - {"mode", "version", "system_time", "started", "last_request"}:
        assert type(body[key]) is int


async def test_heap_saws_grows_and_adds_up(clock: HandClock, world: World, client: Client) -> None:
    seen = [await status(client)]
    for _ in range(60):
        clock.now += 10
        seen.append(await status(client))
    for _ in range(500):
        clock.now += 60
        seen.append(world.ucs.status())
    for body in seen:
        assert body["used_memory"] == body["allocated_memory"] - body["free_memory"]
        assert 0 < body["used_memory"] <= body["allocated_memory"] <= body["max_memory"] == 1037952
        assert body["allocated_memory"] % 64 == 0
    minutes = [body["used_memory"] for body in seen[:61]]
    assert any(after > before for before, after in pairwise(minutes))
    assert any(after < before / 2 for before, after in pairwise(minutes))
    assert seen[-1]["allocated_memory"] > seen[0]["allocated_memory"]


async def test_requests_rise_and_start_over_at_midnight(clock: HandClock, client: Client) -> None:
    before = await status(client)
    clock.now = MIDNIGHT + 24 * HOUR - 0.5
    evening = await status(client)
    assert evening["request_today"] > before["request_today"] > 0
    assert evening["server_errors_today"] > 0
    clock.now += 0.5
    night = await status(client)
    assert night["system_time"].endswith("T00:00:00.000Z")
    for key in ("request_today", "client_errors_today", "server_errors_today"):
        assert night[key] == 0
    clock.now += HOUR
    assert 0 < (await status(client))["request_today"] < evening["request_today"]


async def test_a_poll_after_midnight_counts_nothing_of_the_day_before(
    clock: HandClock, client: Client
) -> None:
    clock.now = MIDNIGHT + 24 * HOUR + 1200
    assert 0 < (await status(client))["request_today"] < 1000


async def test_errors_are_a_small_share_of_the_requests(clock: HandClock, client: Client) -> None:
    clock.now = MIDNIGHT + 23 * HOUR
    body = await status(client)
    assert 0.01 < body["client_errors_today"] / body["request_today"] < 0.03
    assert 0 < body["server_errors_today"] / body["request_today"] < 0.003


async def requests_in_an_hour(clock: HandClock, client: Client) -> int:
    before = (await status(client))["request_today"]
    clock.now += HOUR
    after = (await status(client))["request_today"]
    assert isinstance(before, int)
    assert isinstance(after, int)
    return after - before


async def test_there_is_more_to_do_by_day_than_by_night(clock: HandClock, client: Client) -> None:
    clock.now = MIDNIGHT + 24 * HOUR + 2 * HOUR
    night = await requests_in_an_hour(clock, client)
    clock.now = MIDNIGHT + 24 * HOUR + 14 * HOUR
    assert await requests_in_an_hour(clock, client) > 3 * night > 0


async def test_requests_rise_slowly_in_maintenance(
    clock: HandClock, world: World, client: Client
) -> None:
    busy = await requests_in_an_hour(clock, client)
    world.ucs.mode = "maintenance"
    assert (await status(client))["mode"] == "maintenance"
    assert 0 < await requests_in_an_hour(clock, client) < busy / 10


async def test_the_day_turns_by_the_server_s_own_clock(
    clock: HandClock, world: World, client: Client
) -> None:
    clock.now = MIDNIGHT + 24 * HOUR - 600
    late = await status(client)
    world.ucs.clock_offset = 720.0
    body = await status(client)
    assert seconds(body["system_time"]) == pytest.approx(clock.now + 720, abs=0.002)
    assert seconds(body["started"]) == pytest.approx(seconds(late["started"]) + 720, abs=0.002)
    assert body["request_today"] == 0 < late["request_today"]


async def test_restart_forgets_the_day(clock: HandClock, world: World, client: Client) -> None:
    clock.now += 2 * 24 * HOUR
    before = await status(client)
    world.ucs.restart()
    fresh = await status(client)
    assert fresh["used_memory"] < before["used_memory"]
    assert fresh["started"] == fresh["system_time"] == before["system_time"]
    assert seconds(fresh["last_request"]) < seconds(fresh["started"])
    for key in ("request_today", "client_errors_today", "server_errors_today"):
        assert fresh[key] == 0
    clock.now += 300
    later = await status(client)
    assert later["started"] == fresh["started"]
    assert seconds(later["last_request"]) > seconds(later["started"])
    assert 0 < later["request_today"] < before["request_today"]


@pytest.mark.parametrize(
    ("authorization", "reading", "writing"),
    [
        (None, 401, 401),
        ("Basic bm9ib2R5Om5vdGhpbmc=", 401, 401),
        ("Basic ???", 401, 401),
        ("Bearer bW9uaXRvcjptb25pdG9yLWRlbW8=", 401, 401),
        (GUEST.authorization, 403, 403),
        (MONITOR.authorization, 200, 403),
        (MONITOR.authorization.replace("Basic", "bASIC"), 200, 403),
        (ADMIN.authorization, 200, 200),
    ],
)
async def test_access(
    world: World, client: Client, authorization: str | None, reading: int, writing: int
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    read = await client.get("/cv/server/status", headers=headers)
    write = await client.post("/cv/server/mode", headers=headers, data='{"mode": "maintenance"}')
    assert (read.status, write.status) == (reading, writing)
    assert (world.ucs.mode == "maintenance") == (writing == 200)
    if reading == 401:
        assert read.headers["WWW-Authenticate"].startswith("Basic realm=")
    if reading == 403:
        assert await read.json() == {"message": "Operation not allowed for this role"}


async def test_switch_denies_everything_until_it_is_over(clock: HandClock, client: Client) -> None:
    headers = {"Authorization": ADMIN.authorization}
    answer = await client.post("/cv/server/mode", headers=headers, data='{"mode": "MainTenance"}')
    assert answer.status == 200
    assert answer.headers["Location"] == "/server/status"
    assert await answer.json() == {"server changed": "maintenance"}
    clock.now += 3
    for method, path in (
        ("GET", "/cv/server/status"),
        ("POST", "/cv/server/mode"),
        ("GET", "/cv/profiles"),
        ("GET", "/cv"),
    ):
        denied = await client.request(method, path, headers=headers, data="{}")
        assert denied.status == 503
        assert denied.headers["Retry-After"] == "7"
        body = await denied.json()
        assert body["code"] == 503
        assert "switching to maintenance mode" in body["message"]
    assert (await client.get("/mdworkbench/server/state")).status == 401
    clock.now += 6.9
    assert (await client.get("/cv/server/status", headers=headers)).status == 503
    clock.now += 0.1
    assert (await status(client))["mode"] == "maintenance"


async def test_setting_the_present_mode_does_not_switch(client: Client) -> None:
    assert await post(client, '{"mode": "production"}') == 200
    assert (await status(client))["mode"] == "production"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "mode=maintenance",
        "[]",
        '"maintenance"',
        "{}",
        '{"mode": "off"}',
        '{"mode": 1}',
        "[" * 99999,
    ],
)
async def test_a_bad_mode_is_refused(client: Client, body: str) -> None:
    answer = await client.post(
        "/cv/server/mode", data=body, headers={"Authorization": ADMIN.authorization}
    )
    assert answer.status == 400
    assert (await answer.json())["message"]
    assert (await status(client))["mode"] == "production"


async def test_a_switch_can_be_stuck(clock: HandClock, world: World, client: Client) -> None:
    world.ucs.stuck_switching = True
    clock.now += HOUR
    headers = {"Authorization": MONITOR.authorization}
    denied = await client.get("/cv/server/status", headers=headers)
    assert denied.status == 503
    assert int(denied.headers["Retry-After"]) > 0
    world.ucs.stuck_switching = False
    assert (await status(client))["mode"] == "production"


async def test_a_restart_ends_the_switch(world: World, client: Client) -> None:
    assert await post(client, '{"mode": "maintenance"}') == 200
    world.ucs.restart()
    assert (await status(client))["mode"] == "maintenance"


def test_a_switch_lasts_a_minute_but_not_in_a_demo(clock: HandClock) -> None:
    assert GenesysUcs(clock, Random(1)).switch_seconds == 60
    assert World(clock=clock).ucs.switch_seconds == 10
    assert World(clock=clock, switch_seconds=25).ucs.switch_seconds == 25
