"""All simulated servers, and the demo that polls them."""

import asyncio
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp import AiohttpClient

from exporter.config import load_text
from exporter.settings import Settings, Target
from exporter.simulator.app import SimulatedServers, make_app
from exporter.simulator.clanforge import ACCOUNT_SERVICE, FLEET
from exporter.simulator.demo import config_text, make_world
from exporter.simulator.pace import WARM_UP, Pace
from exporter.systems import SYSTEMS
from support.polling import OK, Poller, result
from support.simulator_stage import HandClock

MORNING = 1710753164.108
MIDNIGHT = 1710720000.0
HOUR = 3600.0

MORE_TARGETS = f"""\
  - {{name: pbx-2015, system: webitel, url: "URL/2015", client: webitel-token}}
  - {{name: pbx-bare, system: webitel, url: "URL/bare", client: webitel}}
  - {{name: fleet, system: clanforge_fleet, url: "URL", client: clanforge,
      params: {{accountserviceid: "{ACCOUNT_SERVICE}"}}}}
"""


def settings(url: str) -> Settings:
    """Load the demo's configuration, with the servers that it leaves out."""
    text = config_text(url) + MORE_TARGETS.replace("URL", url)
    return load_text(text, "demo", Path(), SYSTEMS)


def figures(world: SimulatedServers) -> list[dict[str, Any]]:
    return [
        world.ucs.status(),
        *(engine.status() for engine in world.engines),
        world.mdworkbench.status(),
        *(world.clanforge.status(name, query_info=True) for name in world.clanforge.servers),
    ]


def test_a_seed_makes_the_same_world_however_often_it_is_polled() -> None:
    patient, eager = HandClock(MORNING), HandClock(MORNING)
    polled_once, polled_often = (
        SimulatedServers(clock=patient, seed=7),
        SimulatedServers(clock=eager, seed=7),
    )
    for _ in range(300):
        eager.now += 0.7
        figures(polled_often)
    patient.now = eager.now

    assert figures(polled_once) == figures(polled_often)
    assert figures(polled_once) != figures(SimulatedServers(clock=patient, seed=8))


def test_only_the_end_of_a_long_gap_is_simulated() -> None:
    clock = HandClock(MORNING)
    pace = Pace(clock)
    assert len(pace.seconds()) == WARM_UP
    clock.now += 365 * 24 * HOUR
    assert pace.seconds() == range(int(clock.now) - WARM_UP + 1, int(clock.now) + 1)
    clock.now -= 100
    assert not pace.seconds()
    clock.now += 101.5
    assert pace.seconds() == range(int(clock.now), int(clock.now) + 1)


@pytest.fixture
async def url(world: SimulatedServers, aiohttp_client: AiohttpClient) -> str:
    client = await aiohttp_client(make_app(world))
    return str(client.make_url("")).rstrip("/")


async def test_every_server_is_read_without_a_fault(url: str, poller: Poller) -> None:
    for target in settings(url).targets:
        polled = await poller.poll(target)

        assert result(polled) == OK, target.name
        assert polled.outcome.faults == (), target.name  # type: ignore[union-attr]


SYSTEM_FIGURES = {
    "genesys_ucs": {"genesys_ucs_requests_total", "genesys_ucs_jvm_memory_used_bytes"},
    "webitel": {"webitel_nodejs_heap_size_used_bytes", "webitel_freeswitch_idle_cpu_ratio"},
    "mdworkbench": {"mdworkbench_launches"},
    "clanforge_fleet": {"clanforge_server_players"},
}


@pytest.mark.parametrize("hour", range(0, 24, 6))
async def test_figures_change_within_ten_seconds_at_any_hour(
    hour: int, clock: HandClock, url: str, poller: Poller
) -> None:
    clock.now = MIDNIGHT + (24 + hour) * HOUR
    targets = [one for one in settings(url).targets if one.system.name in SYSTEM_FIGURES]
    seen: dict[str, list[object]] = {target.name: [] for target in targets}
    for _ in range(30):
        for target in targets:
            seen[target.name].append(await changing(poller, target))
        clock.now += 2  # The interval of the demo.

    # Six polls span ten seconds.
    for name, values in seen.items():
        assert max(len(list(spell)) for _, spell in groupby(values)) < 6, name


async def changing(poller: Poller, target: Target) -> object:
    """Poll and return the values that should change."""
    polled = await poller.poll(replace(target, timeout=60.0))
    names = SYSTEM_FIGURES[target.system.name]
    return [one for one in polled.outcome.samples if one.family in names]  # type: ignore[union-attr]


async def test_one_server_of_the_demo_fails_and_recovers_within_two_minutes(
    clock: HandClock,
) -> None:
    world, step = make_world(clock), 5
    hangs = []
    for _ in range(6 * 60 // step):
        hangs.append(world.webitel_old.hangs)
        clock.now += step
    spells = [(one, step * len(list(spell))) for one, spell in groupby(hangs)]

    assert [one for one, _ in spells[:5]] == [False, True, False, True, False]
    assert all(seconds < 120 for _, seconds in spells)
    assert not world.webitel.outages


async def test_the_index_names_the_addresses_and_credentials(aiohttp_client: AiohttpClient) -> None:
    client = await aiohttp_client(make_app(SimulatedServers()))
    text = await (await client.get("/")).text()
    for expected in (
        "/cv/server/status",
        "/api/v2/status",
        "/old",
        "/2015",
        "/bare",
        "/mdworkbench/server/state",
        "/cfp/v1/server/{serverid}/status",
        "monitor / monitor-demo",
        "X-Key",
        "1200345",
    ):
        assert expected in text


async def test_a_request_that_hangs_ends_with_its_client_and_with_the_server(
    world: SimulatedServers, url: str, poller: Poller
) -> None:
    (target,) = (one for one in settings(url).targets if one.name == "pbx-new")
    assert result(await poller.poll(target)) == OK  # So that it is logged in.
    world.webitel.freeswitch = "hang"
    polled = await poller.poll(replace(target, timeout=0.2))
    assert "timeout" in str(polled.outcome)
    async with asyncio.timeout(60):
        while world.webitel.held:
            await asyncio.sleep(0.01)
        poll = asyncio.create_task(poller.poll(replace(target, timeout=50.0)))
        while not world.webitel.held:
            await asyncio.sleep(0.01)
        world.webitel.is_closing = True
        await poll
    assert world.webitel.held == 0


def test_the_demo_explains_each_target_by_a_comment() -> None:
    lines = config_text("http://127.0.0.1:10126").splitlines()
    targets = [number for number, line in enumerate(lines) if line.startswith("  - ")]
    assert len(targets) == 4 + len(FLEET)
    assert all(lines[number - 1].startswith("  # ") for number in targets)


@pytest.mark.parametrize(("interval", "timeout"), [("2s", 1.5), ("400ms", 0.3), ("1m", 5.0)])
def test_the_timeout_of_the_demo_is_shorter_than_its_interval(
    interval: str, timeout: float
) -> None:
    text = config_text("http://127.0.0.1:10126", interval)
    assert load_text(text, "demo", Path(), SYSTEMS).targets[0].timeout == timeout


@pytest.mark.parametrize("interval", ["", "2", "0s", "fast"])
def test_the_demo_refuses_an_invalid_interval(interval: str) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        config_text("http://127.0.0.1:10126", interval)
