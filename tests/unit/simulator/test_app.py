import asyncio
from collections.abc import Callable
from itertools import groupby
from random import Random
from typing import Any

import aiohttp
import pytest
import yaml
from pytest_aiohttp import AiohttpClient

from exporter.simulator.access import Account
from exporter.simulator.app import World, make_app
from exporter.simulator.clanforge import ACCOUNT_SERVICE, FLEET, KEYS, Clanforge
from exporter.simulator.demo import config_text, make_world
from exporter.simulator.genesys_ucs import MONITOR, GenesysUcs
from exporter.simulator.mdworkbench import ADMIN, MDWorkbench
from exporter.simulator.webitel import LOGIN, Webitel
from support.simulator_stage import HandClock, SimulatorClient

MORNING = 1710753164.108
MIDNIGHT = 1710720000.0
HOUR = 3600.0
YEAR = 365 * 24 * HOUR

PATHS = {
    "genesys_ucs": "/server/status",
    "webitel": "/api/v2/status",
    "mdworkbench": "/server/state",
    "clanforge": "/cfp/v1/server/{serverid}/status?query_info=true",
}


class CountingRandom(Random):
    draws = 0

    def random(self) -> float:
        self.draws += 1
        return super().random()

    def getrandbits(self, k: int, /) -> int:
        self.draws += 1
        return super().getrandbits(k)


def figures(world: World) -> list[dict[str, Any]]:
    return [
        world.ucs.status(),
        world.webitel.status(),
        world.webitel_old.status(),
        world.mdworkbench.status(),
        *(world.clanforge.status(name, query_info=True) for name in world.clanforge.servers),
    ]


def test_same_seed_makes_the_same_world_and_another_seed_another() -> None:
    clock = HandClock(MORNING)
    assert figures(World(clock=clock, seed=7)) == figures(World(clock=clock, seed=7))
    for one, other in zip(
        figures(World(clock=clock, seed=7))[:3],
        figures(World(clock=clock, seed=8))[:3],
        strict=True,
    ):
        assert one != other


def test_asking_often_changes_nothing() -> None:
    patient, eager = HandClock(MORNING), HandClock(MORNING)
    asked_once, asked_often = World(clock=patient), World(clock=eager)
    for _ in range(300):
        eager.now += 0.7
        figures(asked_often)
    patient.now = eager.now
    assert figures(asked_once) == figures(asked_often)


def test_every_server_moves_within_minutes() -> None:
    clock = HandClock(MORNING)
    world = World(clock=clock)
    before = figures(world)
    clock.now += 300
    after = figures(world)
    assert all(one != other for one, other in zip(before[:3], after[:3], strict=True))
    assert before[4:] != after[4:]


def test_a_clock_that_goes_back_is_harmless() -> None:
    clock = HandClock(MORNING)
    world = World(clock=clock)
    before = world.ucs.status()["request_today"]
    clock.now -= 100
    assert world.ucs.status()["request_today"] == before


@pytest.mark.parametrize("make", [GenesysUcs, Webitel, MDWorkbench, Clanforge])
def test_a_year_without_a_request_costs_no_more_than_an_hour(
    make: Callable[[HandClock, Random], GenesysUcs | Webitel | MDWorkbench | Clanforge],
) -> None:
    def draws_after(gap: float) -> int:
        clock, random = HandClock(MORNING), CountingRandom(1)
        server = make(clock, random)
        before = random.draws
        clock.now += gap
        if isinstance(server, Clanforge):
            server.status("1200345", query_info=True)
        else:
            server.status()
        return random.draws - before

    assert 0 < draws_after(YEAR) < 2 * draws_after(HOUR)


async def fetch(client: SimulatorClient, path: str, headers: dict[str, str]) -> Any:
    async with client.get(path, headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()


async def genesys_ucs(client: SimulatorClient) -> object:
    headers = {"Authorization": MONITOR.authorization}
    body = await fetch(client, "/cv/server/status", headers)
    return body["request_today"], body["used_memory"]


async def webitel_old(client: SimulatorClient) -> object:
    body = await fetch(client, "/old/api/v2/status", dict(LOGIN))
    return body["Node memory"]["heapUsed"], body["freeSWITCH"].splitlines()[2:]


async def webitel_new(client: SimulatorClient) -> object:
    body = await fetch(client, "/api/v2/status", dict(LOGIN))
    return body["nodeMemory"]["heapUsed"], body["freeSWITCH"].splitlines()[2:]


async def mdworkbench(client: SimulatorClient) -> object:
    headers = {"Authorization": ADMIN.authorization}
    body = await fetch(client, "/mdworkbench/server/state", headers)
    return body["launch"]


async def clanforge(client: SimulatorClient) -> object:
    path = f"/cfp/v1/server/list?accountserviceid={ACCOUNT_SERVICE}&query_info=1"
    body = await fetch(client, path, {"Authorization": KEYS.authorization})
    return [(one.get("query_info") or {}).get("players") for one in body["servers"]]


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("system", [genesys_ucs, webitel_old, webitel_new, mdworkbench, clanforge])
async def test_figures_change_within_ten_seconds_at_any_hour(
    system: Callable[[SimulatorClient], Any], hour: int, aiohttp_client: AiohttpClient
) -> None:
    clock = HandClock(MIDNIGHT + hour * HOUR)
    client = await aiohttp_client(make_app(World(clock=clock, seed=hour)))
    seen = []
    for _ in range(30):
        seen.append(await system(client))
        clock.now += 2  # The interval of the demo.

    # Six polls span ten seconds.
    still = [at for at in range(len(seen) - 5) if all(one == seen[at] for one in seen[at : at + 6])]
    assert still == []


async def test_one_server_of_the_demo_fails_and_recovers_within_two_minutes(
    aiohttp_client: AiohttpClient,
) -> None:
    clock = HandClock(MORNING)
    world = make_world(clock)
    client = await aiohttp_client(make_app(world))
    ups, step = [], 5
    for _ in range(6 * 60 // step):
        ups.append(await is_answered(client, world))
        await webitel_new(client)
        clock.now += step
    spells = [(is_up, step * len(list(spell))) for is_up, spell in groupby(ups)]

    assert [is_up for is_up, _ in spells[:5]] == [True, False, True, False, True]
    assert all(seconds < 120 for _, seconds in spells)


async def is_answered(client: SimulatorClient, world: World) -> bool:
    """Request the status of the older Webitel; return False where the request hangs."""
    request = asyncio.create_task(webitel_old(client))
    while not request.done() and not world.webitel_old.held:
        await asyncio.sleep(0.001)
    if request.done():
        return bool(await request)
    request.cancel()
    while world.webitel_old.held:
        await asyncio.sleep(0.001)
    return False


async def test_index_names_the_addresses_and_credentials(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(make_app(World(clock=HandClock(MORNING))))
    answer = await client.get("/")
    text = await answer.text()
    assert answer.content_type == "text/plain"
    for expected in (
        "/cv/server/status",
        "/api/v2/status",
        "/old/api/v2/status",
        "/login",
        "/oauth2/token",
        "/gw/cv/server/status",
        "/mdworkbench/server/state",
        "/cfp/v1/server/{serverid}/status",
        "monitor / monitor-demo",
        "X-Key",
        "1200345",
    ):
        assert expected in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/cv/server", 404),
        ("GET", "/cvx/server/status", 404),
        ("GET", "/api/v1/status", 404),
        ("POST", "/cv/server/status", 405),
        ("GET", "/cv/server/mode", 405),
        ("POST", "/old/api/v2/status", 405),
        ("POST", "/mdworkbench/server/state", 405),
        ("PUT", "/cfp/v1/server/1200345/status", 405),
    ],
)
async def test_what_the_pages_do_not_name_is_not_there(
    aiohttp_client: AiohttpClient, method: str, path: str, status: int
) -> None:
    client = await aiohttp_client(make_app(World(clock=HandClock(MORNING))))
    assert (await client.request(method, path)).status == status


async def test_demo_configuration_polls_everything(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(make_app(World(clock=HandClock(MORNING))))
    config = yaml.safe_load(config_text(str(client.make_url("/"))))
    assert len(config["targets"]) == 4 + len(FLEET)
    assert {target["system"] for target in config["targets"]} == set(PATHS)
    for target in config["targets"]:
        settings = config["clients"][target["client"]]
        headers = {
            name: header["secrets"][0] for name, header in settings.get("http_headers", {}).items()
        }
        if "basic_auth" in settings:
            account = Account(**settings["basic_auth"])
            headers["Authorization"] = account.authorization
        if "login" in settings:
            login = target["url"] + "/login"
            async with aiohttp.request("POST", login, json=settings["login"]) as answer:
                given = await answer.json()
            headers |= {"X-Access-Token": given["token"], "X-Key": given["key"]}
        path = PATHS[target["system"]].format(**target.get("params", {}))
        async with aiohttp.request("GET", target["url"] + path, headers=headers) as answer:
            assert answer.status == 200, target["name"]
            assert "error" not in await answer.json()


def test_demo_configuration_explains_each_target_by_a_comment() -> None:
    lines = config_text("http://127.0.0.1:10126").splitlines()
    targets = [number for number, line in enumerate(lines) if line.startswith("  - ")]
    assert targets
    assert all(lines[number - 1].startswith("  # ") for number in targets)


@pytest.mark.parametrize(
    ("interval", "timeout"), [("2s", "1500ms"), ("400ms", "300ms"), ("1m", "5000ms")]
)
def test_demo_timeout_is_shorter_than_the_interval(interval: str, timeout: str) -> None:
    config = yaml.safe_load(config_text("http://127.0.0.1:10126", interval))
    assert config["global"] == {"interval": interval, "timeout": timeout}


@pytest.mark.parametrize("interval", ["", "2", "0s", "fast", "-1s"])
def test_demo_refuses_what_is_no_interval(interval: str) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        config_text("http://127.0.0.1:10126", interval)
