"""A simulator whose clock the tests move."""

import pytest
from pytest_aiohttp import AiohttpClient

from exporter.simulator.app import SimulatedServers, make_app
from support.simulator_stage import HandClock, SimulatorClient


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> HandClock:
    """Start at MORNING of the test's module."""
    return HandClock(request.module.MORNING)


@pytest.fixture
def world(clock: HandClock) -> SimulatedServers:
    return SimulatedServers(clock=clock, seed=1)


@pytest.fixture
async def client(aiohttp_client: AiohttpClient, world: SimulatedServers) -> SimulatorClient:
    return await aiohttp_client(make_app(world))
