"""A part of the metrics page, for the jobs that share one exporter."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from urllib.parse import quote

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.clock import Clock
from exporter.declare.extraction import Extraction, Sample
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app
from support.polling import NOW, make_target

Get = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def get() -> AsyncIterator[Get]:
    """Ask a site with two UCS, one of them down, and an MDWorkbench."""
    systems = {"a": "genesys_ucs", "b,c": "genesys_ucs", "m": "mdworkbench"}
    targets = tuple(replace(make_target(system), name=name) for name, system in systems.items())
    telemetry = Telemetry()
    live = Targets(
        Settings(targets=targets), telemetry, Clock(wall=lambda: NOW, monotonic=lambda: 0.0)
    )
    outcomes: tuple[Extraction | PollError, ...] = (
        Extraction.of((Sample("genesys_ucs_requests_total", (), 7.0),), ()),
        PollError(Reason.TLS, "x"),
        Extraction.of((Sample("mdworkbench_resume_on_restart", (), 1.0),), ()),
    )
    for tracked, outcome in zip(live, outcomes, strict=True):
        live.record(tracked, PollResult(outcome, 0.1, NOW, 0.0))
    app = make_app(live, telemetry, "/metrics")
    async with listening(app, ["127.0.0.1:0"]) as (address,), aiohttp.ClientSession() as session:

        async def one(query: str, method: str = "GET", **headers: str) -> tuple[int, str]:
            url = f"http://{address}/metrics{query}"
            async with session.request(method, url, headers=headers) as answer:
                return answer.status, await answer.text()

        yield one


def targets_in(page: str) -> set[str]:
    return {
        sample.labels["target"]
        for family in parse_text(page)
        for sample in family.samples
        if "target" in sample.labels
    }


def families_in(page: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", page, re.MULTILINE))


@pytest.mark.parametrize(
    ("query", "targets"),
    [
        ("", {"a", "b,c", "m"}),
        ("?target=a", {"a"}),
        ("?target=a&target=m", {"a", "m"}),
        ("?target=b%2Cc", {"b,c"}),
        ("?system=genesys_ucs", {"a", "b,c"}),
        ("?system=genesys_ucs&system=mdworkbench", {"a", "b,c", "m"}),
        ("?system=genesys_ucs&target=m", set()),
        ("?system=mdworkbench&target=m&target=a", {"m"}),
        ("?target=gone", set()),
        ("?system=webitel", set()),
        ("?name[]=genesys_ucs_requests_total", {"a"}),
    ],
)
async def test_a_filter_selects_targets(get: Get, query: str, targets: set[str]) -> None:
    status, page = await get(query)

    assert status == 200
    assert targets_in(page) == targets


async def test_a_filtered_page_is_part_of_the_whole_page(get: Get) -> None:
    _, whole = await get("")
    _, part = await get("?system=genesys_ucs&name[]=status_exporter_target_up")

    assert [line for line in part.splitlines() if line not in whole.splitlines()] == []
    assert len(part.splitlines()) == 2 + 2


async def test_only_a_scrape_of_all_targets_has_the_exporters_metrics(get: Get) -> None:
    shown = [
        families_in((await get(query))[1])
        for query in (
            "",
            "?target=a",
            "?system=mdworkbench",
            "?target=a&name[]=process_open_fds",
            "?name[]=process_open_fds",
        )
    ]

    assert [("process_open_fds" in names) for names in shown] == [True, False, False, False, True]
    assert not [name for name in shown[1] | shown[2] if re.match(r"process|python", name)]
    assert shown[3:] == [set(), {"process_open_fds"}]


@pytest.mark.parametrize(
    ("names", "families"),
    [
        (["genesys_ucs_requests_total"], {"genesys_ucs_requests_total"}),
        (["genesys_ucs_requests"], {"genesys_ucs_requests_total"}),
        (["status_exporter_build_info"], {"status_exporter_build_info"}),
        (["status_exporter_build"], {"status_exporter_build_info"}),
        (["status_exporter_loop_lag_seconds_count"], {"status_exporter_loop_lag_seconds"}),
        (
            ["status_exporter_target_up", "status_exporter_targets"],
            {"status_exporter_target_up", "status_exporter_targets"},
        ),
        (["genesys_ucs"], set()),
        (["no such name"], set()),
    ],
)
async def test_names_select_metrics_as_in_prometheus_clients(
    get: Get, names: list[str], families: set[str]
) -> None:
    query = "&".join(f"name[]={quote(name)}" for name in names)

    assert families_in((await get(f"?{query}"))[1]) == families


@pytest.mark.parametrize(
    "query",
    ["?target=a", "?target=gone", "?name[]=genesys_ucs_requests", "?name[]=x&system=webitel"],
)
async def test_a_filtered_openmetrics_page_is_complete(get: Get, query: str) -> None:
    status, page = await get(query, Accept="application/openmetrics-text;version=1.0.0")

    assert status == 200
    assert page.endswith("# EOF\n")
    assert page.count("# EOF") == 1
    list(parse_openmetrics(page))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("?targets=a", 'unknown parameter "targets"; did you mean "target"?'),
        ("?name=up", 'unknown parameter "name"; did you mean "name[]"?'),
        ("?%1B=a", 'unknown parameter "\ufffd"; known: name[], system, target'),
        ("?target=", "the parameter target is empty"),
        ("?system=genesis_ucs", 'unknown system "genesis_ucs"; did you mean "genesys_ucs"?'),
        (
            f"?system={'x' * 3000}",
            f'unknown system "{"x" * 80}..."; known: {", ".join(SYSTEMS)}',
        ),
    ],
)
async def test_a_wrong_filter_is_an_error(get: Get, query: str, reason: str) -> None:
    assert await get(query) == (400, f"{reason}\n")


async def test_filtered_scrapes_have_the_same_limits_as_others(get: Get) -> None:
    assert await get("?target=a", "HEAD") == (200, "")
    assert (await get("?target=a", "POST"))[0] == 405
    assert (await get("?target=" + "x" * 8000))[0] == 200
    assert (await get("?target=" + "x" * 9000))[0] == 400
