"""/probe: what it polls, shows and refuses."""

import asyncio
import gzip
import threading
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from msgspec import structs
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from exporter.clock import Clock
from exporter.errors import QueryError
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web import probe as probe_module
from exporter.web.exposition import expose_targets
from exporter.web.probe import deadline
from exporter.web.routes import make_app
from support.probed_site import POLLS, TIMEOUT, UP, Gate, site_of, target, until
from support.vendor import response, serving


async def test_a_probe_polls_and_shows_that_target_alone(gate: Gate) -> None:
    async with site_of(target(gate), target(gate, "other")) as site:
        status, page = await site.get("/probe?target=t")

    assert (status, gate.asked) == (200, 1)
    assert f"{UP}1\n" in page
    assert 'genesys_ucs_mode{target="t",mode="production"} 1\n' in page
    assert "other" not in page
    assert "process_" not in page
    assert "status_exporter_build" not in page


async def test_each_probe_is_a_poll_and_is_counted(gate: Gate) -> None:
    async with site_of(target(gate)) as site:
        pages = [(await site.get("/probe?target=t"))[1] for _ in range(3)]

    assert gate.asked == 3
    assert [f"{POLLS}{number}\n" in page for number, page in enumerate(pages, 1)] == [True] * 3


@pytest.mark.parametrize(("limit", "is_beside"), [(0, True), (10_000, False)])
async def test_a_large_page_is_written_beside_the_event_loop(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, limit: int, is_beside: bool
) -> None:
    threads = list[threading.Thread]()

    def expose(*given: Any, **named: Any) -> list[bytes]:
        threads.append(threading.current_thread())
        return expose_targets(*given, **named)

    monkeypatch.setattr(probe_module, "_MAX_SERIES_IN_LOOP", limit)
    monkeypatch.setattr(probe_module, "expose_targets", expose)
    async with site_of(target(gate)) as site:
        status, page = await site.get("/probe?target=t")

    assert (status, f"{UP}1\n" in page) == (200, True)
    assert [one is not threading.main_thread() for one in threads] == [is_beside]


async def test_probes_in_a_loop_cause_no_polls_of_a_target_with_an_interval(gate: Gate) -> None:
    async with site_of(target(gate, interval=3600.0)) as site:

        async def loop() -> list[int]:
            return [(await site.get("/probe?target=t"))[0] for _ in range(20)]

        statuses = await asyncio.gather(*(loop() for _ in range(8)))

    assert {status for each in statuses for status in each} == {200}
    assert gate.asked == 1


async def test_a_result_older_than_half_the_interval_is_renewed(gate: Gate) -> None:
    async with site_of(replace(target(gate, interval=3600.0), max_age=7200.0)) as site:
        await site.get("/probe?target=t")
        (tracked,) = site.targets
        assert tracked.snapshot is not None
        age = structs.replace(tracked.snapshot.poll, taken=tracked.snapshot.poll.taken - 1801.0)
        tracked.snapshot = structs.replace(tracked.snapshot, poll=age)
        await site.get("/probe?target=t")

    assert gate.asked == 2


async def test_a_recent_result_is_not_polled_again(gate: Gate) -> None:
    async with site_of(target(gate)) as site:
        for max_age, asked in (("1h", 1), ("1h", 1), ("0s", 2), ("1h30m", 2)):
            status, page = await site.get(f"/probe?target=t&max_age={max_age}")
            assert (status, f"{UP}1\n" in page, gate.asked) == (200, True, asked)


async def test_a_result_beyond_the_max_age_of_its_target_is_polled_again(gate: Gate) -> None:
    old = replace(target(gate, interval=3600.0), max_age=0.0)
    async with site_of(old) as site:
        await until(lambda: gate.asked)
        await site.get("/probe?target=t&max_age=1h")
        before = gate.asked
        _, page = await site.get("/probe?target=t&max_age=1h")

    assert gate.asked == before + 1
    assert f"{UP}1\n" in page


async def test_a_target_that_is_down_is_an_answer(gate: Gate) -> None:
    gate.answer = response(b"", status="401 Unauthorized")
    async with site_of(target(gate)) as site:
        await site.get("/probe?target=t")
        status, page = await site.get("/probe?target=t")

    assert status == 200
    assert f"{UP}0\n" in page
    assert 'status_exporter_poll_failures_total{target="t",reason="http_401"} 2\n' in page


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "the parameter target is missing: /probe?target=NAME"),
        ("?target=", "the parameter target is empty"),
        ("?target=t&target=t", "the parameter target is given more than once"),
        ("?target=t&module=x", 'unknown parameter "module"; known: labels, max_age, target'),
        ("?targt=t", 'unknown parameter "targt"; did you mean "target"?'),
        ("?target=t&labels=all", "the parameter labels can only be sd"),
        (
            "?target=t&max_age=15",
            'max_age: "15" is not a duration such as 15s, 1m30s or 500ms',
        ),
        (
            "?target=t&max_age=-1s",
            'max_age: "-1s" is not a duration such as 15s, 1m30s or 500ms',
        ),
    ],
)
async def test_an_invalid_query_is_reported(gate: Gate, query: str, reason: str) -> None:
    async with site_of(target(gate)) as site:
        answer = await site.get(f"/probe{query}")

    assert answer == (400, f"{reason}\n")
    assert gate.asked == 0


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("unknown", "unknown"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
        ("%3Cb%3E%1B%5B2J", "<b>\ufffd[2J"),
        ("x" * 500, "x" * 80 + "..."),
    ],
)
async def test_only_names_of_targets_can_be_probed(gate: Gate, sent: str, said: str) -> None:
    async with site_of(target(gate)) as site:
        headers, body = await site.raw(f"/probe?target={sent}")
        status, _ = await site.get(f"/probe?target={sent}")

    assert (status, body.decode()) == (404, f'there is no target "{said}"\n')
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert gate.asked == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 119.5),
        (["10"], 9.5),
        (["10.000000"], 9.5),
        (["1"], 0.9),
        (["0.9"], 0.81),
        ([".1"], 0.09),
    ],
)
def test_the_deadline_is_the_timeout_of_prometheus_minus_a_margin(
    headers: list[str], seconds: float
) -> None:
    assert deadline(headers) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "header", ["", "0", "0.0", "-1", "nan", "inf", "1e9", "10s", "\u0661", "1" * 99]
)
def test_an_invalid_timeout_is_refused(header: str) -> None:
    with pytest.raises(QueryError, match="must be a number of seconds above 0"):
        deadline([header])


async def test_a_malformed_timeout_is_reported(gate: Gate) -> None:
    async with site_of(target(gate)) as site:
        answer = await site.get("/probe?target=t", headers={TIMEOUT: "soon"})

    assert answer == (400, f"the header {TIMEOUT} must be a number of seconds above 0\n")


async def test_head_has_the_headers_and_polls_nothing(gate: Gate) -> None:
    async with site_of(target(gate)) as site:
        answers = [
            await site.get(f"/probe?target={name}", method)
            for name, method in (("t", "HEAD"), ("unknown", "HEAD"), ("t", "POST"))
        ]

    assert [status for status, _ in answers] == [200, 404, 405]
    assert gate.asked == 0


async def test_a_probe_negotiates_as_a_scrape_does(gate: Gate) -> None:
    form = "application/openmetrics-text;version=1.0.0"
    async with site_of(target(gate)) as site:
        headers, packed = await site.raw(
            "/probe?target=t", Accept=form, **{"Accept-Encoding": "gzip"}
        )
    page = gzip.decompress(packed).decode()

    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert list(parse_openmetrics(page))  # type: ignore[no-untyped-call]
    assert page.endswith("# EOF\n")


async def test_targets_on_probe_are_polled_and_shown_nowhere_else(gate: Gate) -> None:
    by_itself = Gate()
    async with serving(by_itself.handle) as by_itself.url:
        regular = replace(target(by_itself, "r"), interval=0.1, max_age=600.0)
        async with site_of(target(gate), regular) as site:
            await until(lambda: by_itself.asked > 3)
            ready, _ = await site.get("/-/ready")
            asked = gate.asked
            _, before = await site.get("/")
            await site.get("/probe?target=t")
            _, page = await site.get("/metrics")
            _, after = await site.get("/")
            site.targets.replace([one.target for one in site.targets])
            _, again = await site.get("/metrics")

    assert (ready, asked, gate.asked) == (200, 0, 1)
    assert 'target="r"' in page
    assert 'target="t"' not in page + again
    assert 'status_exporter_targets{system="genesys_ucs"} 2.0\n' in page
    assert "<b>1</b> on probe" in before
    assert '<span class="state on-probe">on probe</span>' in before
    assert "<b>2</b> up" in after


async def test_a_site_without_a_schedule_reports_that_nothing_polls(gate: Gate) -> None:
    targets = Targets(Settings(targets=(target(gate),)), Telemetry(), Clock())
    app = make_app(targets, Telemetry(), "/metrics")
    async with (
        listening(app, ["127.0.0.1:0"]) as (address,),
        aiohttp.request("GET", f"http://{address}/probe?target=t") as answer,
    ):
        assert answer.status == 503
