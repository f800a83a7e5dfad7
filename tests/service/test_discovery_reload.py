"""A reload of the configuration while discoveries run."""

import asyncio
import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.runtime import discovery as merge
from exporter.toolkit.negotiate import Format
from exporter.web.exposition import expose_targets
from support.discovering_service import FILES, config, put, serving, ucs
from support.polling import snapshots_of
from support.vendor import Vendor, response

pytestmark = pytest.mark.usefixtures("any_timeout", "healthy")


async def test_a_reload_while_targets_are_added_is_not_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "_MAX_ADDED_AT_ONCE", 1)
    items = [f"127.0.0.1:{port}" for port in range(1, 200)]
    put(tmp_path / "a.json", *items)
    dead = "http://127.0.0.1:1"
    async with serving(config(ucs("old", dead)), tmp_path) as service:
        lists = service.reloader._lists
        async with asyncio.timeout(60):
            while len(service.targets) < 10:
                await asyncio.sleep(0)
        service.text = config(ucs("new", dead))
        lists.apply(service.load())
        at_once = service.names()
        for _ in range(1000):
            await asyncio.sleep(0)
        later = service.names()

    assert at_once == later == ["new", *items]


async def test_a_reload_keeps_the_list_of_an_unchanged_entry(
    vendor: Vendor, other: Vendor, tmp_path: Path
) -> None:
    vendor.answer = response(json.dumps([{"targets": [other.url]}]).encode())
    http = f'  - {{system: genesys_ucs, http_sd: {{url: "{vendor.url}"}}}}\n'
    async with serving(config(discovery=http), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 1)
        before = service.tracked(other.url)
        said = await service.reload(config(ucs("x", other.url), discovery=FILES + http))
        same = service.tracked(other.url) is before
        polls = before.counts.polls
        await service.until(lambda: before.counts.polls > polls)
        asked = len(vendor.requests)
        gone = await service.reload(config(ucs("x", other.url)))
        forgotten = service.value("targets", f"http_sd:{vendor.url.removeprefix('http://')}")

    assert (same, asked, forgotten) == (True, 1, None)
    assert said == "2 targets: 1 new, 0 changed, 0 gone"
    assert gone == "1 targets: 0 new, 0 changed, 1 gone"


async def test_a_changed_entry_restarts_and_keeps_its_targets_until_then(
    vendor: Vendor, other: Vendor, tmp_path: Path
) -> None:
    vendor.answer = response(json.dumps([{"targets": [other.url]}]).encode())
    entry = f'  - {{system: genesys_ucs%s, http_sd: {{url: "{vendor.url}"}}}}\n'
    async with serving(config(discovery=entry % ""), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 1)
        said = await service.reload(config(discovery=entry % ", labels: {site: x}"))
        await service.until(lambda: service.tracked(other.url).target.labels)
        asked = len(vendor.requests)
        vendor.answer = None
        clients = "clients: {c: {basic_auth: {username: u, password: p}}}\n"
        text = config(discovery=entry % ", client: c", clients=clients)
        dropped = await service.reload(text)

    assert said == "1 targets: 0 new, 0 changed, 0 gone"
    assert asked == 2
    assert dropped == "0 targets: 0 new, 0 changed, 1 gone"


async def test_an_entry_keeps_its_targets_when_another_of_its_host_is_added_or_removed(
    vendor: Vendor, tmp_path: Path
) -> None:
    vendor.answer = response(json.dumps([{"targets": ["127.0.0.1:1"]}]).encode())
    entry = f'  - {{system: genesys_ucs, name: "%s-{{item}}", http_sd: {{url: "{vendor.url}"}}}}\n'
    one, two, three = (entry % name for name in "abc")
    async with serving(config(discovery=one + two), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 2)
        before = service.tracked("b-127.0.0.1:1")
        vendor.answer = None
        await service.reload(config(discovery=two))
        without = service.names()
        await service.reload(config(discovery=three + two))
        beside = service.names()
        same = service.tracked("b-127.0.0.1:1") is before

    assert without == beside == ["b-127.0.0.1:1"]
    assert same


def own_system(name: str, first: str) -> str:
    fields = "".join(f"{{gauge: {name}_{one}, path: /{one}}}, " for one in (first, "status"))
    return f"{name}: {{prefix: {name}, endpoints: [{{path: /s, fields: [{fields}]}}]}}"


async def test_targets_of_an_old_and_a_new_declaration_coexist(
    vendor: Vendor, other: Vendor, tmp_path: Path
) -> None:
    other.answer = response(b'{"status": 1, "new": 2}')
    vendor.answer = response(json.dumps([{"targets": [other.url]}]).encode())
    listed = f'  - {{system: own, http_sd: {{url: "{vendor.url}"}}}}\n'
    named = f'name: one, system: own, url: "{other.url}"'
    systems = "systems: {%s}\n"
    text = config(named, discovery=listed, clients=systems % own_system("own", "gone"))
    async with serving(text, tmp_path) as service:
        await service.until(lambda: all(one.snapshot for one in service.targets))
        await service.until(lambda: len(service.targets) == 2)
        await service.until(lambda: service.tracked(other.url).snapshot)
        vendor.answer = response(b"", status="500 No")
        declared = "own: {endpoints: [{path: /s, fields: [{gauge: own_status, path: /status}]}]}"
        await service.reload(config(named, discovery=listed, clients=systems % declared))
        await service.until(lambda: service.tracked("one").snapshot)
        page = b"".join(expose_targets(snapshots_of(service.targets), Format.TEXT)).decode()

    assert f'own_status{{target="{other.url}"}} 1\n' in page
    assert 'own_status{target="one"} 1\n' in page
    assert page.count("# TYPE own_status gauge") == 1
    families = {one.name: len(one.samples) for one in text_string_to_metric_families(page)}
    assert families["own_status"] == 2
    assert families["status_exporter_target_up"] == 2


async def test_a_declared_system_is_known_while_no_list_has_a_target_of_it(
    tmp_path: Path,
) -> None:
    systems = "systems: {%s}\n"
    files = FILES.replace("genesys_ucs", "own")
    text = config(discovery=files, clients=systems % own_system("own", "a"))
    async with serving(text, tmp_path) as service:
        at_first = service.targets.systems
        other = config(
            discovery=files.replace("own", "two"), clients=systems % own_system("two", "a")
        )
        await service.reload(other)
        then = service.targets.systems

    assert at_first ^ then == {"own", "two"}
    assert "own" in at_first
