"""The pages for people and the same as JSON: what they show, of whom, and that they hold up nobody."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from exporter.clock import Clock
from exporter.declare.extraction import Extraction, Fault, Sample
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import Poll
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web.choice import Choice, Chosen
from exporter.web.routes import make_app
from support.paths import ROOT
from support.polling import NOW, make_target

SCRIPT = '<script>"&\u202e'


class Site:
    """A running site with its targets."""

    def __init__(self, base: str, targets: Targets, session: aiohttp.ClientSession) -> None:
        self._base = base
        self.targets = targets
        self._session = session

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        async with self._session.request(method, f"{self._base}{path}") as answer:
            return answer.status, await answer.text()

    async def api(self, query: str = "") -> Any:
        status, text = await self.get(f"/api/v1/targets{query}")
        assert status == 200, text
        return json.loads(text)

    def record(self, name: str, outcome: Extraction | PollError, seconds: float = 0.1) -> None:
        tracked = self.targets.named(name)
        assert tracked is not None
        self.targets.record(tracked, Poll(outcome, seconds, NOW, 0.0))


MODE = (
    Sample("genesys_ucs_mode", (("mode", "production"),), 0.0),
    Sample("genesys_ucs_mode", (("mode", "maintenance"),), 1.0),
    Sample("genesys_ucs_requests_total", (), 7.0),
)
DOWN = PollError(Reason.HTTP_503, "HTTP <b>503</b>")


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    base = make_target()
    targets = (
        replace(base, name="ams", labels={"site": "Amsterdam"}),
        replace(base, name=SCRIPT, labels={"site": "<img src=x>"}),
        replace(base, name="waiting"),
        replace(make_target("webitel"), name="pbx"),
    )
    telemetry = Telemetry()
    live = Targets(Settings(targets=targets), telemetry, Clock(lambda: NOW, lambda: 0.0))
    async with (
        listening(make_app(live, telemetry, "/metrics"), ["127.0.0.1:0"]) as (address,),
        aiohttp.ClientSession() as session,
    ):
        yield Site(f"http://{address}", live, session)


async def test_the_table_tells_what_is_up_and_down_and_why(site: Site) -> None:
    site.record("ams", Extraction.of(MODE, (Fault("genesys_ucs_info", "a list is not a text"),)))
    site.record(SCRIPT, DOWN)
    _, text = await site.get("/")
    rows = re.findall(r"<tr role=\"row\"><td.*?</tr>", text)

    assert "<title>1 down - status-exporter</title>" in text
    assert ["down" in rows[0], "waiting" in rows[1], "waiting" in rows[2], "up" in rows[3]] == [
        True
    ] * 4
    assert "<b>http_503</b> HTTP &lt;b&gt;503&lt;/b&gt;. The service is unavailable" in rows[0]
    assert ">maintenance</td>" in rows[3]
    assert "1 field unreadable: genesys_ucs_info" in rows[3]
    assert '<span class="label">site=Amsterdam</span>' in rows[3]


async def test_nothing_a_vendor_or_a_file_says_becomes_markup(site: Site) -> None:
    site.record(SCRIPT, DOWN)
    site.record("ams", Extraction.of((Sample("genesys_ucs_info", (("version", "<u>"),), 1.0),), ()))
    pages = [
        await site.get(path)
        for path in ("/", "/target?name=ams", "/target?name=%3Cscript%3E%22%26%E2%80%AE")
    ]

    for status, text in pages:
        assert status == 200
        assert not re.search(r"<script(?! src=\"/static/page.js\" defer>)|<img|<u>|<b>503", text)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?state=down", [SCRIPT]),
        ("?state=waiting", ["waiting", "pbx"]),
        ("?system=webitel", ["pbx"]),
        ("?search=AMSTER", ["ams"]),
        ("?search=ams+dam", ["ams"]),
        ("?search=none", []),
        ("?state=&system=&search=", [SCRIPT, "waiting", "pbx", "ams"]),
        ("?limit=2", [SCRIPT, "waiting"]),
        ("?limit=2&offset=3", ["ams"]),
        ("?offset=99", []),
    ],
)
async def test_the_same_choice_holds_for_the_table_and_the_list(
    site: Site, query: str, names: list[str]
) -> None:
    site.record("ams", Extraction.of(MODE, ()))
    site.record(SCRIPT, DOWN)
    found = await site.api(query)
    _, page = await site.get(f"/{query}")

    assert [one["name"] for one in found["targets"]] == names
    assert page.count('<tr role="row"><td') == len(names)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/?state=lost", 400, 'unknown state "lost"; known: down, waiting, on probe, up\n'),
        ("/?system=webitl", 400, 'unknown system "webitl"; did you mean "webitel"?\n'),
        (
            "/?page=1",
            400,
            'unknown parameter "page"; known: limit, offset, search, state, system\n',
        ),
        ("/?offset=-1", 400, 'offset: "-1" is not a whole number\n'),
        ("/api/v1/targets?limit=x", 400, 'limit: "x" is not a whole number\n'),
        # Python reads no more digits than 4,300.
        (f"/?limit={'0' * 5000}", 400, f'limit: "{"0" * 80}..." is not a whole number\n'),
        ("/?search=" + "a+" * 21, 400, "search: more than 20 words\n"),
        ("/target", 400, "the parameter name is missing: /target?name=NAME\n"),
        ("/target?name=nobody", 404, 'there is no target "nobody"\n'),
        ("/target?name=a&name=b", 400, "the parameter name is given more than once\n"),
        ("/static/other.js", 404, "404 Not Found\n"),
    ],
)
async def test_what_is_wrong_is_told(site: Site, path: str, status: int, text: str) -> None:
    assert await site.get(path) == (status, text)


@pytest.mark.parametrize("path", ["/", "/target?name=ams", "/api/v1/targets", "/static/page.css"])
async def test_head_has_no_body_and_post_is_refused(site: Site, path: str) -> None:
    assert await site.get(path, "HEAD") == (200, "")
    assert (await site.get(path, "POST"))[0] == 405


async def test_a_target_shows_its_readings_beside_the_vendors_fields(site: Site) -> None:
    site.record(
        "ams", Extraction.of(MODE, (Fault("genesys_ucs_info", "a list is not a text"),)), 0.2
    )
    site.record("ams", DOWN, 0.4)
    site.record("ams", Extraction.of(MODE, ()), 0.1)
    _, text = await site.get("/target?name=ams")

    assert "<code>genesys_ucs_requests_total</code>" in text
    assert "/request_today" in text
    assert "<li><b>7</b></li>" in text
    assert 'aria-label="The last 3 polls: 2 worked, 1 failed"' in text
    assert "failed after 400 ms" in text
    assert "3, 1 http_503" in text


async def test_a_target_that_is_down_shows_why_and_nothing_old(site: Site) -> None:
    site.record("ams", Extraction.of(MODE, ()))
    site.record("ams", DOWN)
    _, text = await site.get("/target?name=ams")

    assert 'role="alert"><b>http_503</b>: HTTP &lt;b&gt;503&lt;/b&gt;' in text
    assert "There are none: the last poll failed, and nothing old is shown." in text


async def test_a_poll_that_gave_nothing_is_not_called_one_that_was_not(site: Site) -> None:
    before = await site.get("/target?name=ams")
    site.record("ams", Extraction((), ()))
    after = await site.get("/target?name=ams")

    assert "There are none: it was not polled yet." in before[1]
    assert "There are none: the last poll gave none." in after[1]


async def test_of_many_series_some_are_shown_whatever_stands_in_a_label(site: Site) -> None:
    odd = replace(make_target(), name="odd", labels={"site": "a\u2028b\x85c\rd"})
    site.targets.replace((odd,))
    many = [Sample("genesys_ucs_info", (("version", f"v{at}"),), 1.0) for at in range(70)]
    site.record("odd", Extraction.of((*MODE, *many)))
    _, text = await site.get("/target?name=odd")

    assert text.count('<span class="label">version=v') == 50
    assert "<li>and 20 more</li>" in text
    assert text.count('<span class="label">mode=') == 2
    assert "<li><b>7</b></li>" in text
    assert "<dd>genesys_ucs, maintenance</dd>" in text


async def test_recent_polls_are_bounded_and_outlive_a_reload(site: Site) -> None:
    for _ in range(100):
        site.record("ams", Extraction.of(MODE, ()))
    changed = replace(site.targets.named("ams").target, interval=30.0)  # type: ignore[union-attr]
    site.targets.replace((changed,))
    tracked = site.targets.named("ams")

    assert tracked is not None
    assert len(tracked.recent) == 60


async def test_the_document_of_the_list_is_true(site: Site) -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    site.record("ams", DOWN)
    found = await site.api("?state=down")
    shown = json.loads(example)

    assert shown.keys() == found.keys()
    assert shown["targets"][0].keys() == found["targets"][0].keys()
    assert [type(one) for one in shown["targets"][0].values()] == [
        type(one) for one in found["targets"][0].values()
    ]
    for key in found["targets"][0]:
        assert f"`{key}`" in text


async def test_ten_thousand_are_paged_and_hold_up_nobody(site: Site) -> None:
    base = make_target()
    site.targets.replace(
        [replace(base, name=f"t{at}", labels={"rack": str(at % 50)}) for at in range(10_000)]
    )
    loop = asyncio.get_running_loop()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = loop.create_task(count())
    found = await site.api("?limit=1000&offset=9500")
    before = turns
    _, page = await site.get("/?search=t99&offset=100")
    counting.cancel()

    assert (found["total"], len(found["targets"])) == (10_000, 500)
    assert before > 10  # The list is written piece by piece.
    assert page.count('<tr role="row"><td') == 11
    assert 'rel="prev" href="/?search=t99"' in page
    assert "111 targets, 101 to 111 of them here." in page


async def test_a_page_leads_to_the_next_of_its_size(site: Site) -> None:
    _, some = await site.get("/?limit=2&offset=1")
    _, beyond = await site.get("/?offset=99")
    _, none = await site.get("/?limit=0")

    assert 'rel="prev" href="/?limit=2"' in some
    assert 'rel="next" href="/?limit=2&amp;offset=3"' in some
    assert "None of them is here." in beyond
    assert "None of them is here." in none


@pytest.mark.parametrize("path", ["/", "/api/v1/targets"])
async def test_those_who_ask_at_once_are_not_served_in_one_turn(
    path: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose, turn, turns = Choice.of, 0, list[int]()

    def noted(choice: Choice, targets: Targets) -> Chosen:
        turns.append(turn)
        return choose(choice, targets)

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Choice, "of", noted)
    counting = asyncio.get_running_loop().create_task(count())
    answers = await asyncio.gather(*(site.get(path) for _ in range(20)))
    counting.cancel()

    assert [status for status, _ in answers] == [200] * 20
    assert len(set(turns)) == len(turns) == 20


async def test_pages_take_nothing_from_elsewhere(site: Site) -> None:
    for path in ("/", "/target?name=ams"):
        _, text = await site.get(path)
        links = re.findall(r'(?:src|href|action)="([^"]*)"', text)

        assert links
        assert all(link.startswith(("/", "#", "data:,")) for link in links)
        assert not re.search(r" (?:style|on[a-z]+)=", text)
