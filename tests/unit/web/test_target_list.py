"""The list of targets as a page and as JSON: queries, links, escaping and errors."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from exporter.declare.extraction import Extraction, Fault, Sample
from support.polling import make_target
from support.repository import ROOT
from support.status_pages import DOWN, MODE, SCRIPT, Site, serving_pages


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving_pages() as one:
        yield one


async def test_the_list_shows_what_is_up_and_down_and_why(site: Site) -> None:
    site.record("ams", Extraction.of(MODE, (Fault("genesys_ucs_info", "a list is not a text"),)))
    site.record(SCRIPT, DOWN)
    _, text = await site.get("/")
    rows = re.findall(r"<tr role=\"row\"><td.*?</tr>", text)

    assert "<title>1 down - status-exporter</title>" in text
    assert ["down" in rows[0], "waiting" in rows[1], "waiting" in rows[2], "up" in rows[3]] == [
        True
    ] * 4
    assert '">http_503</b> HTTP &lt;b&gt;503&lt;/b&gt;</td>' in rows[0]
    assert ' class="attention">maintenance</td>' in rows[3]
    assert '<span class="state up attention">' in rows[3]
    assert "1 field unreadable: genesys_ucs_info" in rows[3]
    assert '<a class="label" href="/?label=site%3DAmsterdam">site=Amsterdam</a>' in rows[3]


async def test_texts_of_vendors_and_files_are_escaped(site: Site) -> None:
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
        ("?reason=http_503", [SCRIPT]),
        ("?reason=timeout", []),
        ("?label=site%3DAmsterdam", ["ams"]),
        ("?label=site%3DAmster", []),
        ("?label=site%3DAmsterdam&label=rack%3D", []),
        ("?label=", [SCRIPT, "waiting", "pbx", "ams"]),
        ("?sort=name", [SCRIPT, "ams", "pbx", "waiting"]),
        ("?sort=-name", ["waiting", "pbx", "ams", SCRIPT]),
        ("?sort=-system", ["pbx", "ams", SCRIPT, "waiting"]),
        ("?sort=duration", [SCRIPT, "ams", "waiting", "pbx"]),
        ("?sort=-duration", ["ams", SCRIPT, "waiting", "pbx"]),
        ("?sort=availability", [SCRIPT, "ams", "waiting", "pbx"]),
        ("?sort=polled", ["ams", SCRIPT, "waiting", "pbx"]),
        ("?sort=-polled", [SCRIPT, "ams", "waiting", "pbx"]),
        ("?sort=mode", ["ams", SCRIPT, "waiting", "pbx"]),
        ("?sort=reason", [SCRIPT, "ams", "waiting", "pbx"]),
    ],
)
async def test_a_query_selects_the_same_on_the_page_and_in_json(
    site: Site, query: str, names: list[str]
) -> None:
    site.record("ams", Extraction.of(MODE, ()), 0.2)
    site.hand.passed = 1
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
            'unknown parameter "page"; known: label, limit, offset, reason, search, sort, state, system\n',
        ),
        (
            "/?sort=up",
            400,
            (
                'unknown sort "up"; known: state, name, system, mode, availability, polled,'
                " duration, reason\n"
            ),
        ),
        ("/?label=site", 400, 'label: "site" is not NAME=VALUE\n'),
        ("/?" + "&".join(f"label=a%3D{at}" for at in range(21)), 400, "label: more than 20\n"),
        ("/?offset=-1", 400, 'offset: "-1" is not a whole number\n'),
        ("/api/v1/targets?limit=x", 400, 'limit: "x" is not a whole number\n'),
        # Python reads no more digits than 4,300.
        (f"/?limit={'0' * 5000}", 400, f'limit: "{"0" * 80}..." is not a whole number\n'),
        ("/?search=" + "a+" * 21, 400, "search: more than 20 words\n"),
        ("/target", 400, "the parameter name is missing: /target?name=NAME\n"),
        ("/target?name=missing", 404, 'there is no target "missing"\n'),
        ("/target?name=a&name=b", 400, "the parameter name is given more than once\n"),
        ("/static/other.js", 404, "404 Not Found\n"),
    ],
)
async def test_a_wrong_query_is_an_error(site: Site, path: str, status: int, text: str) -> None:
    assert await site.get(path) == (status, text)


@pytest.mark.parametrize("path", ["/", "/target?name=ams", "/api/v1/targets", "/static/page.css"])
async def test_head_has_no_body_and_post_is_not_allowed(site: Site, path: str) -> None:
    assert await site.get(path, "HEAD") == (200, "")
    assert (await site.get(path, "POST"))[0] == 405


async def test_the_document_has_every_key_of_the_json(site: Site) -> None:
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


async def test_ten_thousand_targets_are_paged(site: Site) -> None:
    base = make_target()
    site.targets.replace(
        [replace(base, name=f"t{at}", labels={"rack": str(at % 50)}) for at in range(10_000)]
    )
    found = await site.api("?limit=1000&offset=9500")
    _, page = await site.get("/?search=t99&offset=100")

    assert (found["total"], len(found["targets"])) == (10_000, 500)
    assert page.count('<tr role="row"><td') == 11
    assert 'rel="prev" href="/?search=t99"' in page
    assert "111 targets, 101 to 111 shown." in page


async def test_a_page_links_to_the_next_one_of_its_size(site: Site) -> None:
    _, some = await site.get("/?limit=2&offset=1")
    _, beyond = await site.get("/?offset=99")
    _, none = await site.get("/?limit=0")

    assert 'rel="prev" href="/?limit=2"' in some
    assert 'rel="next" href="/?limit=2&amp;offset=3"' in some
    assert "This page has none of them." in beyond
    assert "This page has none of them." in none


async def test_pages_load_nothing_from_other_sites(site: Site) -> None:
    for path in ("/", "/target?name=ams"):
        _, text = await site.get(path)
        links = re.findall(r'<(\w+)[^>]* (?:src|href|action)="([^"]*)"', text)

        assert ("link", "/static/page.css") in links
        outside = {one for one in links if not one[1].startswith(("/", "#", "data:image/svg+xml,"))}
        # The documentation is a link to follow.
        assert {tag for tag, _ in outside} == {"a"}
        assert len(outside) == 1
        assert not re.search(r" (?:style|on[a-z]+)=", text)


async def test_every_page_links_to_metrics_discovery_and_json(site: Site) -> None:
    for path in ("/", "/target?name=ams", "/nothing"):
        _, text = await site.get(path, accept="text/html")
        found = re.search(r"<nav.*?</nav>", text, re.DOTALL)
        assert found is not None
        links = re.findall(r'href="(.*?)"', found[0])

        assert links[:3] == ["/metrics", "/sd", "/api/v1/targets"]
        assert [(await site.get(link))[0] for link in links[:3]] == [200] * 3


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/nothing%3Cb%3E", 404, "there is no page /nothing&lt;b&gt;"),
        ("/target?name=missing", 404, "there is no target &#34;missing&#34;"),
        ("/target", 400, "the parameter name is missing: /target?name=NAME"),
        ("/?state=lost", 400, "unknown state &#34;lost&#34;; known: down, waiting, on probe, up"),
    ],
)
async def test_an_error_page_links_to_the_list(
    site: Site, path: str, status: int, message: str
) -> None:
    found, text = await site.get(path, accept="text/html,application/xhtml+xml,*/*;q=0.8")

    assert found == status
    assert f'role="alert">{message}</p>' in text
    assert '<a href="/">Show all targets</a>' in text
    # Nothing of it would change.
    assert "data-live" not in text
    assert "http-equiv" not in text


async def test_a_label_filters_and_can_be_removed(site: Site) -> None:
    _, table = await site.get("/?label=site%3DAmsterdam&sort=-name")

    assert '<input type="hidden" name="label" value="site=Amsterdam">' in table
    assert 'href="/?sort=-name"><span class="unseen">Without </span>site=Amsterdam' in table
    assert 'aria-sort="descending"><a href="/?label=site%3DAmsterdam&amp;sort=name">Target' in table
