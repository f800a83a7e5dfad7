"""After a write: reading the state until it is confirmed and no work is under way."""

from typing import Any

import pytest

from exporter.errors import ActionError
from exporter.operate.operation import ActionState
from support.operations import MAYBE, operating, target_of
from support.polling import make_target
from support.scripted_site import Site, json
from support.simulator_stage import Stage


def ignore(_: object) -> None:
    """Do nothing."""


async def test_a_switch_is_waited_for_while_the_server_denies_everything(stage: Stage) -> None:
    stage.reads_until_over = 2
    results = list[object]()
    async with operating(target_of(stage, "ucs-ams")) as operation:
        await operation.send()
        seen = await operation.watch(60.0, results.append, drained=False)

    assert seen == ActionState(state="maintenance")
    assert [str(one) for one in results[:-1]] == ["http_503: HTTP 503"] * 2


async def test_a_switch_that_does_not_end_is_not_confirmed(stage: Stage) -> None:
    stage.world.ucs.stuck_switching = True
    async with operating(target_of(stage, "ucs-ams")) as operation:
        with pytest.raises(ActionError) as caught:
            await operation.watch(0.1, ignore, drained=False)

    text = "maintenance does not show after 0.1s, but unknown (HTTP 503)"
    assert str(caught.value) == f"{text}; {MAYBE}"


async def test_running_work_is_waited_for_only_if_drained_is_given(stage: Stage) -> None:
    stage.reads_until_over = 3
    assert stage.world.mdworkbench.status()["launch"]["running"] > 0
    async with operating(target_of(stage, "mdw")) as operation:
        await operation.send()
        first = await operation.watch(60.0, ignore, drained=False)
        last = await operation.watch(60.0, ignore, drained=True)

    assert first.undrained is not None
    assert first.undrained > 0
    assert last.undrained == 0


async def test_launches_that_do_not_end_are_reported(stage: Stage) -> None:
    stage.reads_until_over = 1000
    async with operating(target_of(stage, "mdw")) as operation:
        await operation.send()
        with pytest.raises(ActionError, match=r"^after 0.1s there are still running launches; "):
            await operation.watch(0.1, ignore, drained=True)


@pytest.mark.parametrize(
    ("value", "shown", "is_confirmed"),
    [
        ("maintenance", {"value": "maintenance", "resumeOnRestart": False}, True),
        ("maintenance", {"value": "maintenance", "resumeOnRestart": True}, False),
        ("maintenance", {"value": "maintenance"}, False),
        ("maintenance", {"value": "active", "resumeOnRestart": False}, False),
        ("suspended", {"value": "suspended", "resumeOnRestart": True}, True),
        ("suspended", {"value": "suspended"}, True),
        ("suspended", {"value": "drowsy"}, False),
    ],
)
async def test_an_option_is_confirmed_unless_the_vendor_ignores_it(
    value: str, shown: dict[str, Any], is_confirmed: bool, site: Site
) -> None:
    site.answers = {"/mdworkbench/server/state": json({"state": shown})}
    options = {"resume-on-restart": "false"}
    async with operating(make_target("mdworkbench", site.url), value, options) as operation:
        assert operation.is_confirmed(await operation.look()) is is_confirmed


async def test_only_the_endpoint_that_shows_the_state_is_requested(site: Site) -> None:
    site.answers = {"/mdworkbench/server/state": json({"state": {"value": "active"}})}
    target = make_target("mdworkbench", site.url, params={"launch_queue": "true"})
    async with operating(target) as operation:
        await operation.look()

    assert [one.path for one in site.seen] == ["/mdworkbench/server/state"]
