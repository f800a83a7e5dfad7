"""MDWorkbench: its state in both formats, and its launch queue."""

from typing import Any

import pytest

from exporter.simulator.app import SimulatedServers
from exporter.simulator.mdworkbench import ADMIN, PATH, QUEUE_PATH, SLOTS, VIEWER
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

AUTHORIZED = {"Authorization": ADMIN.authorization}
MORNING = 1710756000.0


async def launches(client: Client) -> tuple[int, int]:
    body = await (await client.get(PATH, headers=AUTHORIZED)).json()
    return body["launch"]["running"], body["launch"]["waiting"]


async def put(client: Client, query: str) -> int:
    return (await client.put(f"{PATH}?{query}", headers=AUTHORIZED)).status


async def test_json_and_xml_have_the_same_content(world: SimulatedServers, client: Client) -> None:
    world.mdworkbench.change("maintenance", resume_on_restart=False)
    world.mdworkbench.running, world.mdworkbench.waiting = [], [MORNING] * 12
    json = await client.get(PATH, headers=AUTHORIZED)
    xml = await client.get(PATH, headers={**AUTHORIZED, "Accept": "application/xml"})

    assert await json.json() == {
        "state": {"value": "maintenance", "resumeOnRestart": False},
        "launch": {"running": 0, "waiting": 12},
    }
    assert xml.content_type == "application/xml"
    assert await xml.text() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n<server>'
        '<state value="maintenance" resumeOnRestart="false"/>'
        '<launch running="0" waiting="12"/></server>\n'
    )


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [(None, 401), (VIEWER.authorization, 403), (ADMIN.authorization, 200)],
)
async def test_access(
    world: SimulatedServers, client: Client, authorization: str | None, expected: int
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, path in (("GET", PATH), ("GET", QUEUE_PATH), ("PUT", f"{PATH}?value=suspended")):
        assert (await client.request(method, path, headers=headers)).status == expected
    assert (world.mdworkbench.state == "suspended") == (expected == 200)


@pytest.mark.parametrize("query", ["", "value=ACTIVE", "value=suspended&resumeOnRestart=no"])
async def test_a_bad_state_is_refused(query: str, world: SimulatedServers, client: Client) -> None:
    assert await put(client, query) == 400
    assert world.mdworkbench.state == "active"


async def test_an_active_queue_runs_two_at_a_time(clock: HandClock, client: Client) -> None:
    seen = []
    for _ in range(300):
        clock.now += 10
        seen.append(await launches(client))
    # The scheduled launch needs no slot, so there can be a third.
    assert {running for running, _ in seen} <= {0, 1, 2, 3}
    assert all(running >= SLOTS for running, waiting in seen if waiting)
    assert any(waiting for _, waiting in seen)


async def test_a_suspended_queue_grows_and_maintenance_adds_no_launches(
    clock: HandClock, client: Client
) -> None:
    assert await put(client, "value=suspended") == 200
    before = (await launches(client))[1]
    clock.now += 590
    running, waiting = await launches(client)
    assert running == 0
    assert waiting > before + 3
    assert await put(client, "value=maintenance&resumeOnRestart=false") == 200
    clock.now += 590
    assert await launches(client) == (0, waiting)
    assert await put(client, "value=active") == 200
    clock.now += 1
    assert (await launches(client))[0] >= SLOTS


async def test_a_stuck_queue_lists_its_launches(
    clock: HandClock, world: SimulatedServers, client: Client
) -> None:
    world.mdworkbench.queue_stuck = True
    clock.now += 590
    answer = await client.get(QUEUE_PATH, headers=AUTHORIZED)
    queue: list[dict[str, Any]] = await answer.json()
    requested = [one["requestTime"] for one in queue]

    assert await launches(client) == (0, len(queue))
    assert {one["state"] for one in queue} == {"waiting"}
    assert len(queue) > 3
    assert requested == sorted(requested)
