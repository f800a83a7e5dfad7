import re
from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from exporter.simulator.app import World
from exporter.simulator.webitel import (
    DOMAIN_LOGIN,
    EXPIRED_LOGIN,
    LOGIN,
    Webitel,
)
from exporter.simulator.webitel_body import pretty_size, pretty_time
from exporter.simulator.webitel_login import USER
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

NEW, OLD = "/api/v2/status", "/old/api/v2/status"
MORNING = 1710753164.25
HOUR = 3600.0


async def status(client: Client, path: str = NEW) -> dict[str, Any]:
    answer = await client.get(path, headers=LOGIN)
    assert answer.status == 200
    body = await answer.json()
    assert isinstance(body, dict)
    return body


async def test_release_33_writes_for_people(client: Client) -> None:
    body = await status(client, OLD)
    assert set(body) == {
        "Version",
        "Node memory",
        "Process ID",
        "Socket sessions",
        "Process up time",
        "OS",
        "Users session",
        "Max users session",
        "Domain session",
        "Webitel",
        "CRASH_WORKER_COUNT",
        "freeSWITCH",
        "Node version",
    }
    size = re.compile(r"\d+(\.[1-9])? [kMG]B")
    assert set(body["Node memory"]) == {"rss", "heapTotal", "heapUsed"}
    assert all(size.fullmatch(text) for text in body["Node memory"].values())
    assert size.fullmatch(body["OS"].pop("Free memory"))
    assert body["OS"] == {
        "Total memory": "7.7 GB",
        "Platform": "linux",
        "Name": "Linux",
        "Architecture": "x64",
    }
    assert body["Process up time"] == "86:24:00"
    sid = body["Webitel"].pop("Sid")
    assert re.fullmatch(r"[0-9a-f-]{36}\n", sid)
    assert set(body["Webitel"]) == {"Status", "ApiQueue", "CmdQueue", "Version"}
    assert body["Webitel"]["Status"] == "Connected"
    assert body["freeSWITCH"].startswith("UP ")
    assert body["CRASH_WORKER_COUNT"] == "0"


async def test_release_36_writes_for_programs(client: Client) -> None:
    body = await status(client)
    assert set(body) == {
        "version",
        "nodeMemory",
        "processId",
        "socketSessions",
        "userSessions",
        "maxUserSessions",
        "domainSessions",
        "processUpTimeSec",
        "wConsole",
        "system",
        "crashCount",
        "freeSWITCH",
        "nodeVersion",
    }
    memory = body["nodeMemory"]
    assert all(type(size) is int for size in memory.values())
    assert memory["heapUsed"] <= memory["heapTotal"] < memory["rss"]
    assert body["system"]["freeMemory"] < body["system"]["totalMemory"] == 16731197440
    assert body["processUpTimeSec"] == 3.6 * 24 * HOUR
    assert set(body["wConsole"]) == {"status", "apiQueue", "cmdQueue", "version", "sid"}
    assert body["crashCount"] == "0"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 Bytes"),
        (1, "1 Bytes"),
        (1023, "1023 Bytes"),
        (1024, "1 kB"),
        (1280, "1.3 kB"),
        (1048575, "1024 kB"),
        (91749017, "87.5 MB"),
        (1073741823, "1024 MB"),
        (16731197440, "15.6 GB"),
    ],
)
def test_sizes_are_rounded_as_the_server_rounds_them(size: int, text: str) -> None:
    assert pretty_size(size) == text


def test_hours_go_on_beyond_a_day() -> None:
    assert pretty_time(144 * HOUR + 34 * 60 + 32.9) == "144:34:32"
    assert pretty_time(9) == "00:00:09"


@pytest.mark.parametrize(
    ("headers", "old", "new", "info"),
    [
        (LOGIN, 200, 200, None),
        (DOMAIN_LOGIN, 401, 200, "Invalid Token or Key"),
        (EXPIRED_LOGIN, 400, 401, "Token Expired"),
        ({}, 401, 401, "Invalid Token or Key"),
        ({**LOGIN, "X-Key": "other"}, 401, 401, "Invalid Token or Key"),
        ({**LOGIN, "X-Access-Token": "other"}, 401, 401, "Invalid Token or Key"),
        ({"X-Access-Token": LOGIN["X-Access-Token"]}, 401, 401, "Invalid Token or Key"),
        ({"X-Key": LOGIN["X-Key"]}, 401, 401, "Invalid Token or Key"),
        ({"Authorization": "Basic YWRtaW46YWRtaW4tZGVtbw=="}, 401, 401, "Invalid Token or Key"),
    ],
)
async def test_access(
    client: Client, headers: Mapping[str, str], old: int, new: int, info: str | None
) -> None:
    for path, expected in ((OLD, old), (NEW, new)):
        answer = await client.get(path, headers=headers)
        assert answer.status == expected
        assert answer.headers["X-Powered-By"] == "Webitel"
        if expected != 200:
            assert await answer.json() == {"status": "error", "info": info}


async def test_a_login_can_expire(world: World, client: Client) -> None:
    world.webitel_old.login_expired = True
    assert (await client.get(OLD, headers=LOGIN)).status == 400
    assert (await client.get(NEW, headers=LOGIN)).status == 200


@pytest.mark.parametrize(("prefix", "expired"), [("", 401), ("/old", 400)])
async def test_a_login_gives_what_opens_the_status_until_it_expires(
    prefix: str, expired: int, world: World, client: Client
) -> None:
    server = world.webitel_old if prefix else world.webitel
    answer = await client.post(
        f"{prefix}/login", json={"username": USER.username, "password": USER.password}
    )
    given = await answer.json()
    headers = {"X-Access-Token": given["token"], "X-Key": given["key"]}

    assert answer.status == 200
    assert given["username"] == USER.username
    assert given["expires"] == round((MORNING + 100 * 24 * HOUR) * 1000)
    assert (await client.get(f"{prefix}/api/v2/status", headers=headers)).status == 200
    server.logins.expire()
    refused = await client.get(f"{prefix}/api/v2/status", headers=headers)
    assert (refused.status, (await refused.json())["info"]) == (expired, "Token Expired")
    assert server.logins.count == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"username": "monitor@example.com", "password": "other"}', 401),
        (b'{"username": "monitor@example.com"}', 401),
        (b"[]", 401),
        (b"{", 400),
    ],
)
async def test_a_login_is_refused(body: bytes, status: int, client: Client) -> None:
    answer = await client.post("/login", data=body)

    assert answer.status == status
    assert (await answer.json())["status"] == "error"


async def test_a_crash_makes_a_new_worker(clock: HandClock, world: World, client: Client) -> None:
    before = await status(client)
    assert before["maxUserSessions"] >= before["userSessions"] > 0
    world.webitel.crash_worker()
    fresh = await status(client)
    assert fresh["crashCount"] == "1"
    assert fresh["processId"] != before["processId"]
    assert fresh["processUpTimeSec"] == 0
    assert fresh["maxUserSessions"] == fresh["userSessions"] == fresh["domainSessions"] == 0
    assert fresh["freeSWITCH"] == before["freeSWITCH"]
    clock.now += 120
    later = await status(client)
    assert later["maxUserSessions"] >= later["userSessions"] > 0
    assert later["processUpTimeSec"] == 120


async def test_only_the_cluster_master_makes_the_count_a_text(
    clock: HandClock, world: World, client: Client
) -> None:
    world.webitel.crash_worker()
    world.webitel.forked = False
    assert (await status(client))["crashCount"] == 1
    assert Webitel(clock, Random(1), forked=False).status()["crashCount"] == 0


async def test_users_come_and_go_below_their_peak(
    clock: HandClock, world: World, client: Client
) -> None:
    seen = [await status(client)]
    for _ in range(200):
        clock.now += 60
        seen.append(world.webitel.status())
    for before, after in pairwise(seen):
        assert after["maxUserSessions"] >= before["maxUserSessions"]
        assert 0 <= after["userSessions"] <= after["maxUserSessions"]
        assert 0 <= after["domainSessions"] <= after["userSessions"] <= after["socketSessions"]
        assert (after["domainSessions"] == 0) == (after["userSessions"] == 0)
    assert len({body["userSessions"] for body in seen}) > 5
    heaps = [body["nodeMemory"]["heapUsed"] for body in seen]
    assert any(after < before for before, after in pairwise(heaps))


@pytest.mark.parametrize(("path", "status_key"), [(OLD, "Status"), (NEW, "status")])
async def test_console_may_be_away(
    world: World, client: Client, path: str, status_key: str
) -> None:
    server = world.webitel_old if path == OLD else world.webitel
    key = "Webitel" if path == OLD else "wConsole"
    server.console = "Offline"
    offline = (await status(client, path))[key]
    assert offline[status_key] == "Offline"
    assert "sid" not in {name.lower() for name in offline}
    server.console = "Internal Error"
    assert (await status(client, path))[key] == {"status": "Internal Error"}


async def test_console_queues_grow_until_it_is_back(
    clock: HandClock, world: World, client: Client
) -> None:
    world.webitel.console = "Offline"
    clock.now += 600
    first = (await status(client))["wConsole"]["apiQueue"]
    clock.now += 600
    second = (await status(client))["wConsole"]["apiQueue"]
    assert second > first > 10
    world.webitel.console = "Connected"
    assert (await status(client))["wConsole"]["apiQueue"] == 0
    clock.now += 600
    assert (await status(client))["wConsole"]["apiQueue"] < first
