"""The list for HTTP service discovery, with which Prometheus scrapes each target by itself."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.clock import Clock
from exporter.config import load_text
from exporter.declare.extraction import Extraction, Sample
from exporter.pipeline.snapshot import PollCounts, PollResult, take_snapshot
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Settings, Target
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.toolkit.negotiate import Format
from exporter.web import sd
from exporter.web.exposition import expose_targets
from exporter.web.routes import make_app
from exporter.web.sd import SdGroups
from support.documents import yaml_blocks
from support.polling import NOW, make_target
from support.repository import ROOT


def on_probe(name: str, system: str = "genesys_ucs", **labels: str) -> Target:
    base = make_target(system)
    return replace(base, name=name, labels=labels, interval=math.inf, max_age=math.inf)


@asynccontextmanager
async def site_of(*targets: Target, listen: str = "127.0.0.1:0") -> AsyncIterator[str]:
    live = Targets(Settings(targets=targets), Telemetry(), Clock())
    async with listening(make_app(live, Telemetry(), "/metrics"), [listen]) as (address,):
        yield address


async def listed(address: str, query: str = "", **headers: str) -> list[Any]:
    url = f"http://{address}/sd{query}"
    async with aiohttp.request("GET", url, headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/json"
        found: list[Any] = json.loads(await answer.read())
        return found


async def test_each_target_is_a_group_with_the_address_of_its_probe() -> None:
    name = 'a "b"&é'
    async with site_of(on_probe(name, site="ams", instance="mine"), make_target()) as address:
        groups = await listed(address)

    assert groups == [
        {
            "targets": [address],
            "labels": {
                "__metrics_path__": "/probe",
                "__param_target": name,
                "__param_labels": "sd",
                "__meta_status_exporter_system": "genesys_ucs",
                "instance": "mine",
                "target": name,
                "site": "ams",
            },
        },
        {
            "targets": [address],
            "labels": {
                "__metrics_path__": "/probe",
                "__param_target": "t",
                "__param_labels": "sd",
                "__param_max_age": "45s",
                "__meta_status_exporter_system": "genesys_ucs",
                "instance": "t",
                "target": "t",
            },
        },
    ]


async def test_without_targets_the_list_is_empty() -> None:
    async with site_of() as address:
        assert await listed(address) == []


@pytest.mark.parametrize(
    "host", ["exporter:10125", "exporter.example.com", "[::1]:80", "10.0.0.1:1", "a_b-c"]
)
async def test_the_address_is_the_one_that_the_client_used(host: str) -> None:
    async with site_of(on_probe("a")) as address:
        (group,) = await listed(address, Host=host)

    assert group["targets"] == [host]


@pytest.mark.parametrize("host", ["", "a b", "a/b", "a:x", "user@a", "a:1:2", "[::1", "é"])
async def test_a_malformed_host_is_replaced_by_the_address_of_the_socket(host: str) -> None:
    async with site_of(on_probe("a")) as address:
        (group,) = await listed(address, Host=host)

    assert group["targets"] == [address]


async def test_the_query_selects_systems() -> None:
    targets = [on_probe(system, system) for system in ("genesys_ucs", "mdworkbench", "webitel")]
    async with site_of(*targets) as address:
        answers = [
            [group["labels"]["target"] for group in await listed(address, query)]
            for query in (
                "?system=webitel",
                "?system=webitel&system=mdworkbench",
                "?system=clanforge",
            )
        ]

    assert answers == [["webitel"], ["mdworkbench", "webitel"], []]


@pytest.mark.parametrize(
    ("method", "query", "status", "text"),
    [
        ("GET", "?system=webtel", 400, 'unknown system "webtel"; did you mean "webitel"?\n'),
        ("GET", "?target=a", 400, 'unknown parameter "target"; known: system\n'),
        ("HEAD", "", 200, ""),
        ("HEAD", "?x=1", 400, ""),
        ("POST", "", 405, "405 Method Not Allowed\n"),
    ],
)
async def test_a_wrong_query_is_an_error(method: str, query: str, status: int, text: str) -> None:
    async with (
        site_of(on_probe("a")) as address,
        aiohttp.request(method, f"http://{address}/sd{query}") as answer,
    ):
        assert (answer.status, await answer.text()) == (status, text)


@pytest.mark.parametrize("number", [1, 249, 250, 251, 10_000])
def test_a_long_list_is_sent_in_chunks(number: int) -> None:
    targets = [on_probe(f"t{at}") for at in range(number)]
    live = Targets(Settings(targets=tuple(targets)), Telemetry(), Clock())
    pieces = list(SdGroups(live).render([*live], "h:1", secure=True))
    groups = json.loads(b"".join(pieces))

    assert [group["labels"]["target"] for group in groups] == [one.name for one in targets]
    assert {group["labels"]["__scheme__"] for group in groups} == {"https"}
    assert max(piece.count(b'"targets"') for piece in pieces) <= 250


@pytest.mark.parametrize("systems", [("webitel",), ("webitel", "genesys_ucs"), ("mdworkbench",)])
def test_systems_are_selected_in_each_chunk(systems: tuple[str, ...]) -> None:
    names = ["genesys_ucs"] * 600 + ["webitel"] * 3
    targets = tuple(on_probe(f"t{at}", name) for at, name in enumerate(names))
    live = Targets(Settings(targets=targets), Telemetry(), Clock())
    pieces = list(SdGroups(live).render([*live], "h:1", secure=False, systems=systems))
    groups = json.loads(b"".join(pieces))

    assert len(pieces) > 600 / 250
    assert [group["labels"]["target"] for group in groups] == [
        one.name for one in targets if one.system.name in systems
    ]


def test_each_target_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = list[str]()

    def labels_of(target: Target) -> dict[str, str]:
        rendered.append(target.name)
        return {"target": target.name}

    monkeypatch.setattr(sd, "_labels_of", labels_of)
    live = Targets(Settings(targets=(on_probe("a"), on_probe("b"))), Telemetry(), Clock())
    groups = SdGroups(live)

    def names(address: str) -> list[str]:
        listed = json.loads(b"".join(groups.render([*live], address, secure=False)))
        return [f"{one['targets'][0]} {one['labels']['target']}" for one in listed]

    both = [*names("h:1"), *names("g:2")]
    live.replace((on_probe("b", site="ams"), on_probe("c"), next(iter(live)).target))

    assert both == ["h:1 a", "h:1 b", "g:2 a", "g:2 b"]
    assert names("h:1") == ["h:1 b", "h:1 c", "h:1 a"]
    assert rendered == ["a", "b", "b", "c"]


async def test_other_tasks_run_while_a_list_is_sent() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with site_of(*(on_probe(f"t{at}") for at in range(5000))) as address:
        counting = asyncio.create_task(count())
        assert len(await listed(address)) == 5000
        counting.cancel()

    assert turns >= 5000 / 250


def test_the_configurations_in_the_document_load() -> None:
    (text,) = (
        block for block in yaml_blocks(ROOT / "docs" / "probe.md") if "scrape_configs" not in block
    )
    settings = load_text(text, "probe.md", Path(), SYSTEMS)

    assert [target.on_probe for target in settings.targets] == [True, False]


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
# Quotes, backslashes and what looks like the labels of the target, to be mistaken for them.
tricky = st.lists(
    st.sampled_from(
        [
            *'{}=", \
',
            "target",
            "site",
            '{target="t"',
        ]
    ),
    max_size=12,
).map("".join)


@given(names | tricky, st.dictionaries(st.sampled_from(["site", "z"]), tricky), tricky)
def test_a_series_loses_only_the_labels_of_its_target(
    name: str, labels: Mapping[str, str], text: str
) -> None:
    target = replace(on_probe(name, "mdworkbench"), labels=labels)
    samples = (
        Sample("mdworkbench_resume_on_restart", (), 1.0),
        Sample("mdworkbench_server_state", (("state", text),), 0.5),
        Sample("mdworkbench_server_state", (("state", 'a{target="t"} 1'),), 0.0),
    )
    tally = PollCounts(polls=2, failures={"tls": 1}, last_success=NOW)
    whole = take_snapshot(target, PollResult(Extraction.of(samples, ()), 0.25, NOW, 0.0), tally)

    def series(*, with_base: bool) -> list[tuple[str, dict[str, str], float]]:
        pieces = expose_targets([(target, whole)], Format.TEXT, with_base=with_base)
        page = b"".join(pieces).decode()
        return [
            (sample.name, sample.labels, sample.value)
            for family in parse_text(page)
            for sample in family.samples
        ]

    own = {"target", *labels}
    expected = [
        (metric, {label: value for label, value in found.items() if label not in own}, value)
        for metric, found, value in series(with_base=True)
    ]
    assert len(expected) >= 8
    assert series(with_base=False) == expected


async def test_a_probe_omits_the_labels_of_the_list() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({"mode": "production"})

    vendor = web.Application()
    vendor.router.add_get("/server/status", answer)
    async with listening(vendor, ["127.0.0.1:0"]) as (host,):
        target = replace(on_probe("a", site="ams"), url=f"http://{host}")
        async with running(Settings(targets=(target,)), Clock()) as (live, telemetry, schedule):
            app = make_app(live, telemetry, "/metrics", schedule=schedule)
            async with (
                listening(app, ["127.0.0.1:0"]) as (address,),
                aiohttp.ClientSession() as one,
            ):
                pages = []
                for more in ("", "&labels=sd"):
                    async with one.get(f"http://{address}/probe?target=a{more}") as page:
                        pages.append(await page.text())

    assert 'genesys_ucs_mode{target="a",site="ams",mode="production"} 1\n' in pages[0]
    assert 'genesys_ucs_mode{mode="production"} 1\n' in pages[1]
    assert "\nstatus_exporter_polls_total 2\n" in pages[1]
    assert 'status_exporter_target_up{system="genesys_ucs"} 1\n' in pages[1]
    assert "ams" not in pages[1]
