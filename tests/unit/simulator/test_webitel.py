"""Webitel's bodies and refusals, release by release."""

from collections.abc import Mapping
from typing import Any

import pytest

from exporter.simulator.app import SimulatedServers
from exporter.simulator.webitel import FreeSwitchState
from exporter.simulator.webitel_login import (
    DOMAIN_LOGIN,
    EXPIRED_LOGIN,
    LOGIN,
    REMOVED_DOMAIN_LOGIN,
    USER,
)
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

MORNING = 1710753164.25
HOUR = 3600.0
RELEASES = {"/2015": "2015", "/old": "3.3", "": "3.6"}


async def status(client: Client, prefix: str = "") -> dict[str, Any]:
    answer = await client.get(f"{prefix}/api/v2/status", headers=LOGIN)
    assert answer.status == 200
    body = await answer.json()
    assert isinstance(body, dict)
    return body


async def test_the_body_of_2015_has_underscores(client: Client) -> None:
    assert set(await status(client, "/2015")) == {
        "Version",
        "Node memory",
        "Process ID",
        "Process up time",
        "OS",
        "Users_Session",
        "Domain_Session",
        "CRASH_WORKER_COUNT",
        "freeSWITCH",
    }


async def test_release_33_writes_for_people(client: Client) -> None:
    body = await status(client, "/old")
    assert {"Users session", "Max users session", "Socket sessions", "Node version"} < set(body)
    assert body["OS"]["Total memory"] == "7.7 GB"
    assert body["Process up time"] == "86:24:00"
    assert set(body["Webitel"]) == {"Status", "ApiQueue", "CmdQueue", "Version", "Sid"}
    assert body["Webitel"]["Sid"].endswith("\n")
    assert body["CRASH_WORKER_COUNT"] == "0"


async def test_release_36_writes_for_programs(client: Client) -> None:
    body = await status(client)
    memory = body["nodeMemory"]
    assert memory["heapUsed"] <= memory["heapTotal"] < memory["rss"]
    assert body["system"]["totalMemory"] == 16731197440
    assert body["processUpTimeSec"] == 3.6 * 24 * HOUR
    assert set(body["wConsole"]) == {"status", "apiQueue", "cmdQueue", "version", "sid"}
    assert body["crashCount"] == "0"


NO_KEY = (401, "Invalid Token or Key")
REFUSALS: dict[str, tuple[Mapping[str, str], dict[str, tuple[int, str | None]]]] = {
    "nothing": ({}, {"2015": NO_KEY, "3.3": NO_KEY, "3.6": (401, "Invalid token")}),
    "a key alone": (
        {"X-Key": "k"},
        {"2015": NO_KEY, "3.3": NO_KEY, "3.6": (401, "Invalid token")},
    ),
    "a token alone": (
        {"X-Access-Token": LOGIN["X-Access-Token"]},
        {"2015": NO_KEY, "3.3": NO_KEY, "3.6": NO_KEY},
    ),
    "a malformed token": (
        LOGIN | {"X-Access-Token": "x"},
        {"2015": (500, "Oops something went wrong"), "3.3": NO_KEY, "3.6": (401, "Invalid token")},
    ),
    "an unknown key": (
        LOGIN | {"X-Key": "k"},
        dict.fromkeys(RELEASES.values(), (401, "Invalid User")),
    ),
    "an expired token": (
        EXPIRED_LOGIN,
        {
            "2015": (400, "Token Expired"),
            "3.3": (400, "Token Expired"),
            "3.6": (401, "Token Expired"),
        },
    ),
    "a domain's token": (DOMAIN_LOGIN, {"2015": NO_KEY, "3.3": NO_KEY, "3.6": (200, None)}),
    "a removed token": (
        REMOVED_DOMAIN_LOGIN,
        {"2015": NO_KEY, "3.3": NO_KEY, "3.6": (401, "Not found token")},
    ),
}


@pytest.mark.parametrize("prefix", RELEASES)
@pytest.mark.parametrize(("headers", "expected"), REFUSALS.values(), ids=REFUSALS)
async def test_a_token_is_refused_as_in_its_release(
    headers: Mapping[str, str],
    expected: dict[str, tuple[int, str | None]],
    prefix: str,
    client: Client,
) -> None:
    status, text = expected[RELEASES[prefix]]
    answer = await client.get(f"{prefix}/api/v2/status", headers=headers)

    assert answer.status == status
    if text is not None:
        assert await answer.json() == (
            {"status": status, "message": text}
            if prefix == "/2015"
            else {"status": "error", "info": text}
        )


@pytest.mark.parametrize(
    ("username", "password", "text", "text_of_2015"),
    [
        (USER.username, "x", "secret incorrect", "Bad password."),
        ("x", USER.password, "-ERR [Not found user]\n", "-ERR [Not found user]\n"),
    ],
)
async def test_a_login_is_refused_with_the_real_text(
    username: str, password: str, text: str, text_of_2015: str, client: Client
) -> None:
    for prefix, expected in (("", text), ("/old", text), ("/2015", text_of_2015)):
        given = {"username": username, "password": password}
        answer = await client.post(f"{prefix}/login", json=given)
        assert answer.status == 401
        assert await answer.json() == {"status": "error", "info": expected}


@pytest.mark.parametrize("prefix", RELEASES)
async def test_a_login_opens_the_status_until_it_expires(
    prefix: str, world: SimulatedServers, client: Client
) -> None:
    given = {"username": USER.username, "password": USER.password}
    granted = await (await client.post(f"{prefix}/login", json=given)).json()
    headers = {"X-Access-Token": granted["token"], "X-Key": granted["key"]}

    assert granted["expires"] == round((MORNING + 100 * 24 * HOUR) * 1000)
    assert (await client.get(f"{prefix}/api/v2/status", headers=headers)).status == 200
    for engine in world.engines:
        engine.logins.expire()
    refused = await client.get(f"{prefix}/api/v2/status", headers=headers)
    assert refused.status == (401 if prefix == "" else 400)


@pytest.mark.parametrize(
    ("state", "old", "new"),
    [
        ("disconnected", "Connect server error.", "No ESL connect."),
        ("closed", *["-ERR: FreeSWITCH server connect close!"] * 2),
        ("no command", *["-ERR status Command not found!\n"] * 2),
        ("absent", None, None),
    ],
)
async def test_freeswitch_may_be_unreachable(
    state: FreeSwitchState,
    old: str | None,
    new: str | None,
    world: SimulatedServers,
    client: Client,
) -> None:
    world.webitel.freeswitch = world.webitel_old.freeswitch = state
    assert (await status(client, "/old")).get("freeSWITCH") == old
    assert (await status(client)).get("freeSWITCH") == new


async def test_a_crash_makes_a_new_worker(
    clock: HandClock, world: SimulatedServers, client: Client
) -> None:
    before = await status(client)
    world.webitel.crash_worker()
    fresh = await status(client)
    assert (fresh["crashCount"], fresh["processUpTimeSec"]) == ("1", 0)
    assert fresh["processId"] != before["processId"]
    assert fresh["maxUserSessions"] == fresh["userSessions"] == fresh["domainSessions"] == 0
    assert fresh["freeSWITCH"] == before["freeSWITCH"]
    clock.now += 120
    later = await status(client)
    assert later["maxUserSessions"] >= later["userSessions"] >= later["domainSessions"] > 0


async def test_the_queues_of_the_console_grow_until_it_is_back(
    clock: HandClock, world: SimulatedServers, client: Client
) -> None:
    world.webitel.console = "Offline"
    clock.now += 600
    away = (await status(client))["wConsole"]
    assert away["status"] == "Offline"
    assert "sid" not in away
    assert away["apiQueue"] > 10
    world.webitel.console = "Connected"
    assert (await status(client))["wConsole"]["apiQueue"] == 0
    world.webitel_old.console = "Internal Error"
    assert (await status(client, "/old"))["Webitel"] == {"status": "Internal Error"}
