"""Failures and modes on the pages and in JSON."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from exporter.declare.extraction import Extraction, Sample
from exporter.errors import PollError, Reason
from support.polling import NOW, make_target
from support.status_pages import DOWN, MODE, SCRIPT, Site, serving_pages


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving_pages() as one:
        yield one


async def test_a_target_that_is_down_shows_since_when(site: Site) -> None:
    site.record("ams", Extraction.of(MODE, ()))
    site.hand.passed = 60
    site.record("ams", DOWN)
    site.hand.passed = 120
    site.record("ams", PollError(Reason.TIMEOUT, "no complete answer within 5s"))
    site.hand.passed = 240
    (one,) = (await site.api("?search=ams"))["targets"]
    _, table = await site.get("/")
    _, page = await site.get("/target?name=ams")

    assert (one["down_since"], one["availability"]) == (NOW + 60, 0.25)
    assert ">for 3 min</time>" in table
    assert ">25%</td>" in table
    assert "25% of the time" in page
    # What timeout means is all in the detail.
    assert "for 3 min</time>: no complete answer within 5s.</p>" in page


async def test_targets_that_are_down_are_counted_and_grouped_by_reason(site: Site) -> None:
    site.record("ams", PollError(Reason.TIMEOUT, "late"))
    site.record("pbx", PollError(Reason.TIMEOUT, "late"))
    site.record(SCRIPT, DOWN)
    _, table = await site.get("/")
    _, grouped = await site.get("/?sort=reason")
    _, chosen = await site.get("/?state=down&reason=timeout")
    groups = re.findall(r'<tr role="row" class="group">.*?rowgroup" .*?>([\w ]+) <span>', grouped)

    assert '<a href="/?reason=timeout"><b>2</b> timeout</a>' in table
    assert '<a href="/?reason=http_503"><b>1</b> http_503</a>' in table
    assert 'class="group"' not in table
    assert groups == ["http_503", "timeout", "not down"]
    assert grouped.count("within the target&#39;s timeout.</span>") == 1
    assert '<a href="/?reason=timeout" aria-current="true">' in chosen
    assert '<a href="/?state=down" aria-current="true">' in chosen
    assert '<input type="hidden" name="reason" value="timeout">' in chosen
    assert 'href="/?state=down"><span class="unseen">Without </span>timeout' in chosen


async def test_a_failure_shows_what_to_correct(site: Site) -> None:
    error = PollError(Reason.HTTP_404, "HTTP 404")
    error.hint = "the url of genesys_ucs targets ends before /server/status"
    site.record("ams", error)
    (found,) = (await site.api("?state=down"))["targets"]
    _, table = await site.get("/")
    _, page = await site.get("/target?name=ams")

    assert found["hint"] == error.hint
    assert f"HTTP 404; {error.hint}</td>" in table
    assert "at this URL. The url of genesys_ucs targets ends before /server/status.</p>" in page


@pytest.mark.parametrize("reason", Reason)
def test_pages_show_the_meaning_of_a_reason_as_it_is(reason: Reason) -> None:
    assert "`" not in reason.meaning


async def test_a_mode_is_amber_if_its_declaration_says_that_it_is_idle(site: Site) -> None:
    site.record("ams", Extraction.of(MODE))
    (idle,) = (await site.api("?search=ams"))["targets"]
    working = [
        Sample("genesys_ucs_mode", (("mode", "production"),), 1.0),
        Sample("genesys_ucs_mode", (("mode", "maintenance"),), 0.0),
    ]
    site.record("ams", Extraction.of(working))
    (other,) = (await site.api("?search=ams"))["targets"]

    assert (idle["mode"], idle["is_idle"]) == ("maintenance", True)
    assert (other["mode"], other["is_idle"]) == ("production", False)


async def test_a_state_within_an_object_is_a_mode(site: Site) -> None:
    site.targets.replace((replace(make_target("clanforge"), name="game"),))
    states = [
        Sample(
            "clanforge_server_state", (("serverid", "1"), ("state", one)), float(one == "started")
        )
        for one in ("stopped", "started")
    ]
    site.record("game", Extraction.of(states))
    (game,) = (await site.api())["targets"]

    assert game["mode"] == "started"
