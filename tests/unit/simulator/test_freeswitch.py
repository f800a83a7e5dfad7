import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from exporter.simulator.app import World, make_app
from exporter.simulator.webitel import (
    LOGIN,
    FreeSwitchState,
)
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

NEW, OLD = "/api/v2/status", "/old/api/v2/status"
MORNING = 1710753164.25
HOUR = 3600.0

FREESWITCH = re.compile(
    r"UP \d+ years?, \d+ days?, \d+ hours?, \d+ minutes?, \d+ seconds?, "
    r"\d+ milliseconds?, \d+ microseconds?\n"
    r"FreeSWITCH \(Version (?P<version>\S+ git \S+ \S+ \S+ 64bit)\) is (?P<state>[a-z ]+)\n"
    r"(?P<created>\d+) session\(s\) since startup\n"
    r"(?P<active>\d+) session\(s\) - peak (?P<peak>\d+), last 5min (?P<peak_5min>\d+) \n"
    r"(?P<rate>\d+) session\(s\) per Sec out of max (?P<rate_limit>\d+), "
    r"peak (?P<rate_peak>\d+), last 5min (?P<rate_peak_5min>\d+) \n"
    r"(?P<limit>\d+) session\(s\) max\n"
    r"min idle cpu 0\.00/(?P<idle>\d+\.\d\d)\n"
    r"Current Stack Size/Max 240K/\d+K\n"
)
COUNTS = ("created", "active", "peak", "peak_5min", "rate", "rate_peak", "rate_peak_5min", "limit")


async def status(client: Client, path: str = NEW) -> dict[str, Any]:
    answer = await client.get(path, headers=LOGIN)
    assert answer.status == 200
    body = await answer.json()
    assert isinstance(body, dict)
    return body


def counts(body: Mapping[str, Any]) -> dict[str, int]:
    match = FREESWITCH.fullmatch(body["freeSWITCH"])
    assert match is not None, body["freeSWITCH"]
    return {name: int(match[name]) for name in COUNTS}


@pytest.mark.parametrize(
    ("state", "old", "new"),
    [
        ("disconnected", "Connect server error.", "No ESL connect."),
        (
            "closed",
            "-ERR: FreeSWITCH server connect close!",
            "-ERR: FreeSWITCH server connect close!",
        ),
    ],
)
async def test_freeswitch_may_be_away(
    world: World, client: Client, state: FreeSwitchState, old: str, new: str
) -> None:
    world.webitel.freeswitch = world.webitel_old.freeswitch = state
    assert (await status(client, OLD))["freeSWITCH"] == old
    assert (await status(client, NEW))["freeSWITCH"] == new


async def test_freeswitch_may_be_left_out(world: World, client: Client) -> None:
    world.webitel.freeswitch = "absent"
    assert "freeSWITCH" not in await status(client)
    world.webitel.freeswitch = "ready"
    assert ") is ready\n" in (await status(client))["freeSWITCH"]


async def test_a_switch_that_is_not_ready_takes_no_sessions(
    clock: HandClock, world: World, client: Client
) -> None:
    before = counts(await status(client))
    world.webitel.freeswitch = "not ready"
    clock.now += 300
    body = await status(client)
    assert ") is not ready\n" in body["freeSWITCH"]
    assert counts(body)["created"] == before["created"]
    assert counts(body)["active"] < before["active"]
    clock.now += 24 * HOUR
    assert counts(await status(client))["active"] == 0


async def test_units_are_singular_only_for_one(
    clock: HandClock, world: World, client: Client
) -> None:
    world.webitel.switch.started = clock.now - (366 * 24 * HOUR + HOUR + 61.001001)
    assert (await status(client))["freeSWITCH"].startswith(
        "UP 1 year, 1 day, 1 hour, 1 minute, 1 second, 1 millisecond, 1 microsecond\n"
    )
    world.webitel.switch.started = clock.now - 2.5
    assert (await status(client))["freeSWITCH"].startswith(
        "UP 0 years, 0 days, 0 hours, 0 minutes, 2 seconds, 500 milliseconds, 0 microseconds\n"
    )


async def test_restarted_freeswitch_counts_from_nothing(
    clock: HandClock, world: World, client: Client
) -> None:
    before = await status(client)
    world.webitel.restart_freeswitch()
    fresh = await status(client)
    assert fresh["freeSWITCH"].startswith("UP 0 years, 0 days, 0 hours, 0 minutes, 0 seconds, ")
    assert counts(fresh) == {**dict.fromkeys(COUNTS, 0), "limit": 1000}
    assert fresh["processUpTimeSec"] == before["processUpTimeSec"]
    clock.now += 60
    assert counts(await status(client))["created"] > 0


@pytest.mark.parametrize("path", [OLD, NEW])
async def test_sessions_come_and_go_below_their_peaks(
    clock: HandClock, world: World, client: Client, path: str
) -> None:
    server = world.webitel_old if path == OLD else world.webitel
    seen = [counts(await status(client, path))]
    for _ in range(900):
        clock.now += 1
        seen.append(counts(server.status()))
    for before, after in pairwise(seen):
        assert after["created"] == before["created"] + after["rate"]
        assert after["active"] <= after["peak_5min"] <= after["peak"] <= after["limit"]
        assert after["rate"] <= after["rate_peak_5min"] <= after["rate_peak"]
        assert after["peak"] >= before["peak"]
    assert len({figures["active"] for figures in seen}) > 5
    # The window is cleared three times in 900 s, never slides, and falls back to what is there.
    falls = [
        number
        for number, (before, after) in enumerate(pairwise(seen))
        if after["peak_5min"] < before["peak_5min"]
        or after["rate_peak_5min"] < before["rate_peak_5min"]
    ]
    assert falls
    assert len({number % 300 for number in falls}) == 1


async def test_sessions_follow_the_day_and_never_pass_the_limit(
    clock: HandClock, world: World, client: Client
) -> None:
    clock.now = 1710806400 + 2 * HOUR
    night = counts(await status(client))["active"]
    clock.now += 12 * HOUR
    day = counts(await status(client))
    assert day["active"] > 3 * night > 0
    world.webitel.switch.session_limit = 20
    clock.now += 24 * HOUR
    limited = counts(await status(client))
    assert limited["limit"] == 20
    assert limited["active"] == 20


@pytest.fixture
async def served(world: World) -> AsyncIterator[tuple[web.AppRunner, str]]:
    # The test client's server cancels a request whose client has gone, a real one does not.
    runner = web.AppRunner(make_app(world))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    yield runner, f"http://{host}:{port}"
    await runner.cleanup()


async def until_held(world: World, count: int) -> None:
    async with asyncio.timeout(60):
        while world.webitel.held != count:
            await asyncio.sleep(0.01)


async def test_a_hanging_request_ends_with_its_client(
    world: World, served: tuple[web.AppRunner, str]
) -> None:
    world.webitel.freeswitch = "hang"
    async with aiohttp.ClientSession(served[1], headers=LOGIN) as session:
        asking = asyncio.ensure_future(session.get(NEW))
        await until_held(world, 1)
        asking.cancel()
        await until_held(world, 0)


async def test_a_hanging_request_does_not_outlive_the_server(
    world: World, served: tuple[web.AppRunner, str]
) -> None:
    world.webitel.freeswitch = "hang"
    runner, base = served
    async with aiohttp.ClientSession(base, headers=LOGIN) as session:
        asking = asyncio.ensure_future(session.get(NEW))
        await until_held(world, 1)
        # Without being let go, the request would keep the server for a minute.
        async with asyncio.timeout(60):
            await runner.cleanup()
        with pytest.raises(aiohttp.ClientError):
            await asking
    assert world.webitel.held == 0


async def test_only_one_server_hangs_and_only_for_those_it_knows(
    world: World, client: Client
) -> None:
    world.webitel.freeswitch = "hang"
    assert (await client.get(NEW)).status == 401
    assert (await client.get(OLD, headers=LOGIN)).status == 200
    world.webitel.freeswitch = "ready"
    assert FREESWITCH.fullmatch((await status(client))["freeSWITCH"])
