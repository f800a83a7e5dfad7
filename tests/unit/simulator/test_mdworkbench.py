from typing import Any

import pytest

from exporter.simulator.app import World
from exporter.simulator.mdworkbench import ADMIN, QUEUE_PATH, VIEWER, State
from support.simulator_stage import HandClock
from support.simulator_stage import SimulatorClient as Client

PATH = "/mdworkbench/server/state"
AUTHORIZED = {"Authorization": ADMIN.authorization}
MORNING = 1710756000.0
HOUR = 3600.0


async def status(client: Client) -> dict[str, Any]:
    answer = await client.get(PATH, headers=AUTHORIZED)
    assert answer.status == 200
    assert answer.content_type == "application/json"
    body = await answer.json()
    assert isinstance(body, dict)
    return body


async def launches(client: Client) -> tuple[int, int]:
    launch = (await status(client))["launch"]
    return launch["running"], launch["waiting"]


async def put(client: Client, query: str) -> int:
    return (await client.put(f"{PATH}?{query}", headers=AUTHORIZED)).status


async def test_state_is_nested_as_the_page_says(client: Client) -> None:
    body = await status(client)
    assert set(body) == {"state", "launch"}
    assert body["state"] == {"value": "active", "resumeOnRestart": True}
    assert set(body["launch"]) == {"running", "waiting"}
    assert all(type(count) is int for count in body["launch"].values())


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/xml", "application/xml"),
        ("APPLICATION/XML", "application/xml"),
        ("application/xml, application/json", "application/json"),
        ("application/json;q=0.5, application/xml", "application/xml"),
        ("application/xml;q=0.4, application/json;q=0.5", "application/json"),
        ("application/xml, */*;q=0.1", "application/xml"),
        ("application/*, application/json;q=0.2", "application/xml"),
        ("application/xml;q=nonsense", "application/json"),
        ("application/xml;q=0", "application/json"),
        ("text/html", "application/json"),
    ],
)
async def test_form_follows_the_accept_header(
    client: Client, accept: str | None, content_type: str
) -> None:
    headers = AUTHORIZED if accept is None else {**AUTHORIZED, "Accept": accept}
    answer = await client.get(PATH, headers=headers)
    assert answer.status == 200
    assert answer.content_type == content_type
    assert (await answer.text()).startswith("<?xml") == (content_type == "application/xml")


async def test_xml_says_the_same_in_either_style(world: World, client: Client) -> None:
    headers = {**AUTHORIZED, "Accept": "application/xml"}
    world.mdworkbench.change("maintenance", resume_on_restart=False)
    world.mdworkbench.waiting = 12
    running, waiting = await launches(client)
    assert waiting == 12
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    attributes = await (await client.get(PATH, headers=headers)).text()
    assert attributes == (
        f'{head}<server><state value="maintenance" resumeOnRestart="false"/>'
        f'<launch running="{running}" waiting="12"/></server>\n'
    )
    world.mdworkbench.xml_style = "elements"
    elements = await (await client.get(PATH, headers=headers)).text()
    assert elements == (
        f"{head}<server><state><value>maintenance</value>"
        "<resumeOnRestart>false</resumeOnRestart></state>"
        f"<launch><running>{running}</running><waiting>12</waiting></launch></server>\n"
    )


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (None, 401),
        ("Basic bm9ib2R5Om5vdGhpbmc=", 401),
        (VIEWER.authorization, 403),
        (ADMIN.authorization, 200),
    ],
)
async def test_access(
    world: World, client: Client, authorization: str | None, expected: int
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for method, query in (("PUT", "?value=suspended"), ("GET", "")):
        answer = await client.request(method, PATH + query, headers=headers)
        assert answer.status == expected
        if expected == 401:
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="MDWorkbench"'
            assert answer.content_type == "text/html"
            assert "<html>" in await answer.text()
        if expected == 403:
            assert await answer.read() == b""
    assert (world.mdworkbench.state == "suspended") == (expected == 200)


@pytest.mark.parametrize("state", ["active", "suspended", "maintenance"])
async def test_state_can_be_set(client: Client, state: State) -> None:
    assert await put(client, f"value={state}&resumeOnRestart=false") == 200
    assert (await status(client))["state"] == {"value": state, "resumeOnRestart": False}
    assert await put(client, f"value={state}") == 200
    assert (await status(client))["state"] == {"value": state, "resumeOnRestart": True}


@pytest.mark.parametrize(
    "query",
    [
        "",
        "value=",
        "value=ACTIVE",
        "value=off",
        "resumeOnRestart=false",
        "value=suspended&resumeOnRestart=no",
        "value=suspended&resumeOnRestart=",
    ],
)
async def test_a_bad_state_is_refused(client: Client, query: str) -> None:
    answer = await client.put(f"{PATH}?{query}", headers=AUTHORIZED)
    assert answer.status == 400
    assert len((await answer.text()).splitlines()) == 1
    assert (await status(client))["state"] == {"value": "active", "resumeOnRestart": True}


async def test_an_active_queue_runs_two_at_a_time(clock: HandClock, client: Client) -> None:
    seen = []
    for _ in range(300):
        clock.now += 10
        seen.append(await launches(client))
    # The scheduled launch needs no slot, so there can be a third.
    assert {running for running, _ in seen} == {0, 1, 2, 3}
    assert all(running >= 2 for running, waiting in seen if waiting)
    assert any(waiting for _, waiting in seen)


async def test_a_scheduled_launch_begins_every_seven_seconds_in_an_active_queue(
    clock: HandClock, world: World, client: Client
) -> None:
    world.mdworkbench.slots = 0
    clock.now += 100
    seen = []
    for _ in range(70):
        clock.now += 1
        seen.append((await launches(client))[0])
    assert await put(client, "value=suspended") == 200
    clock.now += 60

    assert set(seen) == {0, 1}
    assert seen[7:] == seen[:-7]
    assert (await launches(client))[0] == 0


async def test_a_suspended_queue_grows_and_later_drains(
    clock: HandClock, world: World, client: Client
) -> None:
    world.mdworkbench.waiting = 5
    clock.now += 1
    assert (await launches(client))[0] == 2
    assert await put(client, "value=suspended") == 200
    held = (await launches(client))[1]
    clock.now += HOUR
    running, waiting = await launches(client)
    assert running == 0
    assert waiting > held + 10
    assert await put(client, "value=active") == 200
    clock.now += 1
    assert (await launches(client)) in {(2, waiting - 2), (2, waiting - 1)}
    clock.now += 24 * HOUR
    assert (await launches(client))[1] < waiting


async def test_in_maintenance_nothing_comes_and_nothing_starts(
    clock: HandClock, world: World, client: Client
) -> None:
    world.mdworkbench.waiting = 9
    clock.now += 1
    before = await launches(client)
    assert before[0] == 2
    assert await put(client, "value=maintenance") == 200
    assert await launches(client) == before
    clock.now += HOUR
    assert await launches(client) == (0, before[1])


async def test_a_launch_runs_for_twenty_to_ninety_seconds(
    clock: HandClock, world: World, client: Client
) -> None:
    world.mdworkbench.stick_queue()
    clock.now += 90
    assert (await launches(client))[0] == 0
    world.mdworkbench.queue_stuck = False
    world.mdworkbench.slots = 40
    world.mdworkbench.waiting = 40
    clock.now += 1
    assert (await launches(client))[0] == 40
    assert await put(client, "value=maintenance") == 200
    clock.now += 19
    assert (await launches(client))[0] == 40
    clock.now += 30
    assert 0 < (await launches(client))[0] < 40
    clock.now += 42
    assert (await launches(client))[0] == 0


async def test_a_queue_can_be_stuck(clock: HandClock, world: World, client: Client) -> None:
    world.mdworkbench.stick_queue()
    clock.now += HOUR
    body = await status(client)
    assert body["state"]["value"] == "active"
    assert body["launch"]["running"] == 0
    assert body["launch"]["waiting"] > 10
    world.mdworkbench.queue_stuck = False
    clock.now += 1
    assert (await launches(client))[0] == 2


async def test_the_queue_lists_what_the_state_counts(
    world: World, client: Client, clock: HandClock
) -> None:
    world.mdworkbench.stick_queue()
    world.mdworkbench.waiting = 2
    first = await queue(client)
    clock.now += 60
    world.mdworkbench.waiting += 1
    second = await queue(client)
    status = world.mdworkbench.status()["launch"]

    assert [one["state"] for one in second].count("waiting") == status["waiting"]
    assert [one["state"] for one in second].count("running") == status["running"]
    asked = {
        number: [one["requestTime"] for one in found if one["state"] == "waiting"]
        for number, found in enumerate((first, second))
    }
    assert asked[1][:2] == asked[0]
    assert asked[1][-1] > asked[0][-1]


async def queue(client: Client) -> list[dict[str, Any]]:
    headers = {"Authorization": ADMIN.authorization}
    async with client.get(QUEUE_PATH, headers=headers) as answer:
        assert answer.status == 200
        found: list[dict[str, Any]] = await answer.json()
    return found
