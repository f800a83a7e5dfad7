import pytest

from exporter.simulator.app import World
from exporter.simulator.gateway import ACCOUNT
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

MORNING = 1710753164.25
STATUS, TOKEN = "/gw/cv/server/status", "/oauth2/token"
GRANT = {"grant_type": "client_credentials"}
PAIR = {"Authorization": ACCOUNT.authorization}
IN_BODY = {"client_id": ACCOUNT.username, "client_secret": ACCOUNT.password}


async def test_a_token_opens_the_status_for_its_life(
    clock: HandClock, world: World, client: Client
) -> None:
    given = await (await client.post(TOKEN, data=GRANT, headers=PAIR)).json()
    headers = {"Authorization": f"bearer {given['access_token']}"}

    assert given["expires_in"] == 300
    answer = await client.get(STATUS, headers=headers)
    assert (await answer.json())["version"] == world.ucs.version
    clock.now += 301
    assert (await client.get(STATUS, headers=headers)).status == 401
    assert world.gateway.count == 1


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}]
)
async def test_nothing_else_opens_it(headers: dict[str, str], client: Client) -> None:
    assert (await client.get(STATUS, headers=headers)).status == 401


@pytest.mark.parametrize("by_body", [False, True])
async def test_the_client_stands_where_the_gateway_wants_it(
    by_body: bool, world: World, client: Client
) -> None:
    world.gateway.by_body = by_body
    by_header = await client.post(TOKEN, data=GRANT, headers=PAIR)
    in_body = await client.post(TOKEN, data={**GRANT, **IN_BODY})

    assert (by_header.status, in_body.status) == ((401, 200) if by_body else (200, 401))


async def test_another_grant_is_refused(client: Client) -> None:
    answer = await client.post(TOKEN, data={"grant_type": "password"}, headers=PAIR)

    assert answer.status == 400
    assert await answer.json() == {"error": "unsupported_grant_type"}
