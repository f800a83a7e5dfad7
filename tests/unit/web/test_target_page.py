"""The page of one target: its values, its requests, its recent polls."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html import escape

import pytest

from exporter.declare.extraction import Extraction, Fault, Sample
from exporter.secret import Secret
from exporter.settings import Client
from support.polling import make_target
from support.status_pages import DOWN, MODE, Site, serving_pages


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with serving_pages() as one:
        yield one


async def test_a_target_shows_its_values_and_the_vendors_fields(site: Site) -> None:
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


async def test_a_target_that_is_down_shows_why_and_no_old_values(site: Site) -> None:
    site.record("ams", Extraction.of(MODE, ()))
    site.record("ams", DOWN)
    _, text = await site.get("/target?name=ams")

    alert = re.search(r'role="alert">(.*?)</p>', text)
    assert alert is not None
    assert alert[1].startswith("<b>http_503</b> <time ")
    assert alert[1].endswith(
        "for 0 s</time>: HTTP &lt;b&gt;503&lt;/b&gt;. The service is unavailable, or is switching its mode."
    )
    assert "None: the last poll failed, and old values are not shown." in text


async def test_a_poll_without_values_is_not_shown_as_no_poll(site: Site) -> None:
    before = await site.get("/target?name=ams")
    site.record("ams", Extraction((), ()))
    after = await site.get("/target?name=ams")

    assert "Not polled yet." in before[1]
    assert "The last poll returned none." in after[1]


async def test_of_many_series_50_are_shown_with_any_text_in_labels(site: Site) -> None:
    odd = replace(make_target(), name="odd", labels={"site": "a\u2028b\x85c\rd"})
    site.targets.replace((odd,))
    many = [Sample("genesys_ucs_info", (("version", f"v{at}"),), 1.0) for at in range(70)]
    site.record("odd", Extraction.of((*MODE, *many)))
    _, text = await site.get("/target?name=odd")

    assert text.count('<span class="label">version=v') == 50
    assert "<li>and 20 more</li>" in text
    assert text.count('<span class="label">mode=') == 2
    assert "<li><b>7</b></li>" in text
    assert '<dd>genesys_ucs, <span class="attention">maintenance</span></dd>' in text


async def test_recent_polls_are_bounded_and_survive_a_reload(site: Site) -> None:
    for _ in range(100):
        site.record("ams", Extraction.of(MODE, ()))
    changed = replace(site.targets.find("ams").target, interval=30.0)  # type: ignore[union-attr]
    site.targets.replace((changed,))
    tracked = site.targets.find("ams")

    assert tracked is not None
    assert len(tracked.recent) == 60


async def test_values_have_units_and_the_raw_number(site: Site) -> None:
    samples = (
        Sample("genesys_ucs_jvm_memory_used_bytes", (), 91017216.0),
        Sample("genesys_ucs_start_time_seconds", (), 1710000000.5),
    )
    site.record("ams", Extraction.of(samples, ()))
    _, text = await site.get("/target?name=ams")

    assert '<b>86.8 MiB</b> <span class="raw">91017216</span>' in text
    assert (
        '<b><time class="moment" datetime="2024-03-09T16:00:00Z">2024-03-09 16:00:00 UTC</time></b>'
        ' <span class="raw">1710000000.5</span>'
    ) in text


async def test_a_target_shows_the_urls_that_are_requested(site: Site) -> None:
    client = Client(name="c", query_params=(("token", (Secret("s3cret"),)),))
    fleet = replace(make_target("clanforge", client=client), name="fleet")
    site.targets.replace((fleet, *(one.target for one in site.targets)))
    _, text = await site.get("/target?name=fleet")
    tracked = site.targets.find("fleet")

    assert tracked is not None
    assert tracked.requests
    for request in tracked.requests:
        assert f"<dd><code>GET {escape(request.url)}&amp;token=...</code></dd>" in text
    assert "s3cret" not in text


async def test_each_series_has_a_line_of_its_past_values(site: Site) -> None:
    for at in range(5):
        site.hand.passed = at * 60
        site.record("ams", Extraction.of(MODE, ()))
        site.targets.age()
    _, text = await site.get("/target?name=ams")
    _, other = await site.get("/target?name=pbx")

    assert text.count('<path class="line"') == 3
    assert "The lines show the last hour" in text
    assert "The lines show the last hour" not in other
