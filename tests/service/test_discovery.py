"""Targets from lists: added, removed, named, refused and polled while the service runs."""

import json
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.clock import Clock
from exporter.config import load_text
from exporter.errors import ListError
from exporter.runtime import discovery as merge
from exporter.runtime.file_lists import FileLists
from exporter.runtime.shard import Shard
from exporter.runtime.target_builder import ListResult
from exporter.runtime.targets import Targets
from exporter.settings import Settings, Template
from exporter.simulator.app import SimulatedServers, make_app
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from support.discovering_service import FILES, config, put, serving, ucs
from support.polling import snapshots_of
from support.process import fetch_until, run, started
from support.vendor import Vendor

pytestmark = pytest.mark.usefixtures("any_timeout", "healthy")


def messages(caplog: pytest.LogCaptureFixture, wanted: str) -> list[dict[str, str]]:
    return [record.facts for record in caplog.records if record.getMessage() == wanted]  # type: ignore[attr-defined]


async def test_targets_are_added_and_removed_without_disturbing_others(
    vendor: Vendor, other: Vendor, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    put(path, vendor.url)
    async with serving(config(ucs("a", other.url)), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 2)
        await service.until(lambda: service.tracked(vendor.url).counts.polls >= 2)
        before = service.tracked(vendor.url)
        put(path, f"{other.url}/x", vendor.url)
        await service.until(lambda: len(service.targets) == 3)
        shown = service.tracked(vendor.url).snapshot
        polls = before.counts.polls
        await service.until(lambda: before.counts.polls >= polls + 2)
        await service.until(lambda: service.tracked(f"{other.url}/x").snapshot)
        after, names = service.tracked(vendor.url), service.names()
        put(path, f"{other.url}/x")
        await service.until(lambda: len(service.targets) == 2)

    assert after is before
    assert shown
    assert vendor.connections == 1
    assert names == ["a", f"{other.url}/x", vendor.url]
    assert [str(change) for change in service.changes] == [
        "1 new, 0 changed, 0 gone",
        "1 new, 0 changed, 0 gone",
        "0 new, 0 changed, 1 gone",
    ]


async def test_many_new_targets_are_added_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "_MAX_ADDED_AT_ONCE", 10)
    path = tmp_path / "a.json"
    put(path, *(f"127.0.0.1:{port}" for port in range(1, 36)))
    async with serving(config(), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 35)
        put(path, *(f"127.0.0.1:{port}" for port in range(31, 56)), site="x")
        await service.until(lambda: len(service.targets) == 25)
        labels = {one.target.labels["site"] for one in service.targets}

    assert [(len(one.added), len(one.removed)) for one in service.changes] == [
        (10, 0),
        (10, 0),
        (10, 0),
        (5, 0),
        (10, 35),
        (10, 0),
        (5, 0),
    ]
    assert labels == {"x"}


async def test_the_configured_target_keeps_its_name_then_the_first_discovery(
    vendor: Vendor, other: Vendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    put(tmp_path / "a.json", "a", "b", "c", text=None)
    put(tmp_path / "a.yaml", text=json.dumps([{"targets": ["b", "c"], "labels": {"from": "2"}}]))
    second = '  - {system: genesys_ucs, file_sd: {files: ["*.yaml"]}}\n'
    text = config(ucs("a", vendor.url), discovery=FILES + second)
    async with serving(text, tmp_path) as service:
        await service.until(lambda: service.value("refused_targets", "file_sd:*.yaml") == 2)
        await service.until(lambda: len(service.targets) == 3)
        found = {one.target.name: dict(one.target.labels) for one in service.targets}
        url = service.tracked("a").target.url
        counts = [service.value("targets"), service.value("refused_targets")]
        counts.append(service.value("targets", "file_sd:*.yaml"))
        put(tmp_path / "a.json", "a", "c")
        await service.until(lambda: service.tracked("b").target.labels)
        await service.reload(config(ucs("d", other.url), discovery=FILES + second))
        after = (service.names(), service.value("refused_targets"))

    assert found == {"a": {}, "b": {}, "c": {}}
    assert url == vendor.url
    assert counts == [2, 1, 0]
    assert after == (["d", "a", "c", "b"], 0)
    logged = [(one["discovery"], one["target"]) for one in messages(caplog, "target refused")]
    assert sorted(logged) == [
        ("file_sd:*.json", "a"),
        ("file_sd:*.yaml", "b"),
        ("file_sd:*.yaml", "c"),
    ]


async def test_a_bad_list_is_counted_and_logged_once_and_the_old_one_kept(
    vendor: Vendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "a.json"
    put(path, vendor.url)
    async with serving(config(), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 1)
        zero = service.value("refresh_failures_total")
        put(path, text='[{"targets": ["a"')
        await service.until(lambda: service.value("refresh_failures_total") == 1)
        since = service.value("last_refresh_success_timestamp_seconds")
        polls = service.tracked(vendor.url).counts.polls
        await service.until(lambda: service.tracked(vendor.url).counts.polls > polls + 1)
        kept = service.names()
        still = service.value("last_refresh_success_timestamp_seconds")
        put(path, "127.0.0.1:2", vendor.url)
        await service.until(lambda: len(service.targets) == 2)
        failures = service.value("refresh_failures_total")

    assert (zero, failures, kept) == (0, 1, [vendor.url])
    assert since == still
    assert messages(caplog, "list refused") == [
        {
            "discovery": "file_sd:*.json",
            "list": str(path),
            "why": f"{path}:1:18: not valid JSON: Expecting ',' delimiter",
        }
    ]
    assert messages(caplog, "list accepted again") == [
        {"discovery": "file_sd:*.json", "list": str(path)}
    ]


async def test_an_unexpected_exception_affects_one_discovery(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.json", vendor.url)
    real, crashes = FileLists.refresh, iter([True])

    async def look(files: FileLists) -> ListResult:
        if next(crashes, False):
            raise KeyError("x")
        return await real(files)

    monkeypatch.setattr(FileLists, "refresh", look)
    async with serving(config(), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 1)
        failures = service.value("refresh_failures_total")

    assert failures == 1


async def test_an_unchanged_list_is_logged_only_at_debug_level(
    vendor: Vendor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put(tmp_path / "a.json", vendor.url)
    files = '  - {system: genesys_ucs, file_sd: {files: ["*.json"], refresh_interval: 1s}}\n'

    def levels() -> list[str]:
        return [one.levelname for one in caplog.records if one.getMessage() == "list read"]

    async with serving(config(discovery=files), tmp_path) as service:
        await service.until(lambda: len(levels()) == 2)
        changes = len(service.changes)
        put(tmp_path / "a.json", vendor.url, f"{vendor.url}/x")
        await service.until(lambda: len(service.targets) == 2)

    assert [one for one in levels() if one == "INFO"] == ["INFO"] * 2
    assert levels()[:2] == ["INFO", "DEBUG"]
    assert changes == 1


async def test_shards_divide_what_is_discovered(tmp_path: Path) -> None:
    items = [f"127.0.0.1:{port}" for port in range(1, 61)]
    put(tmp_path / "a.json", *items)
    found = []
    for number in range(3):
        shard = Shard(number, 3)
        mine = sum(shard.owns(item) for item in items)
        async with serving(config(), tmp_path, shard) as service:
            await service.until(lambda mine=mine, service=service: len(service.targets) == mine)  # type: ignore[misc]
            assert all(shard.owns(name) for name in service.names())
            found += service.names()

    assert sorted(found) == sorted(items)


async def test_the_simulators_list_leads_to_its_servers(
    tmp_path: Path, aiohttp_client: Callable[..., object]
) -> None:
    client = await aiohttp_client(make_app(SimulatedServers()))  # type: ignore[misc]
    url = str(client.make_url("")).rstrip("/")
    entry = (
        f'  - {{system: clanforge, url: "{url}", client: c, name: "cf-{{item}}",'
        f' http_sd: {{url: "{url}/sd/clanforge"}}}}\n'
    )
    clients = (
        "clients: {c: {basic_auth: {username: DEMOACCESSKEY, password: demo-clanforge-key}}}\n"
    )
    async with serving(config(discovery=entry, clients=clients), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 5)
        await service.until(lambda: not service.targets.waiting)
        ups = [snapshot.up for _, snapshot in snapshots_of(service.targets)]
        labels = dict(service.tracked("cf-1200348").target.labels)

    assert ups == [True] * 5
    assert labels == {"country": "US"}


def test_the_program_polls_the_targets_in_a_file_and_check_counts_them(tmp_path: Path) -> None:
    path, file = tmp_path / "config.yaml", tmp_path / "a.json"
    path.write_text(config().replace("200ms, timeout: 1m", "10s"))
    put(file, "127.0.0.1:1")
    flags = ("--config.file", str(path))
    with started("serve", *flags, "--web.listen-address", "127.0.0.1:0") as (_, address):
        metrics = f"http://{address}/metrics"
        fetch_until(metrics, 'target_up{target="127.0.0.1:1"')
        put(file, "127.0.0.1:2")
        page = fetch_until(metrics, 'target_up{target="127.0.0.1:2"')
    polled = run("poll", *flags, "127.0.0.1:2")
    unknown = run("poll", *flags, "127.0.0.1:3")
    good = run("check", str(path))
    put(file, text="[")
    bad = run("check", str(path))

    assert 'target="127.0.0.1:1"' not in page
    assert 'status_exporter_target_up{target="127.0.0.1:2",system="genesys_ucs"} 0' in polled.stdout
    assert 'there is no target "127.0.0.1:3"; did you mean "127.0.0.1:2"?' in unknown.stderr
    assert good.stdout == (
        "configuration OK: 0 targets, 0 clients, 1 discovery\nfile_sd:*.json: 1 target now\n"
    )
    assert bad.returncode == 0
    assert bad.stderr == f"warning: {file}:1:2: not valid JSON: Expecting value\n"


UCS = load_text(f"discovery:\n{FILES}", "config.yaml", Path(), SYSTEMS).discoveries[0].template
CLANFORGE = load_text(
    'discovery: [{system: clanforge, url: "http://h", file_sd: {files: [a.json]}}]',
    "config.yaml",
    Path(),
    SYSTEMS,
).discoveries[0]


@given(
    st.text() | st.from_regex(r"(https?://)?[^/]{1,20}(:\d{1,5})?(/.*)?", fullmatch=True),
    st.dictionaries(st.text(), st.text(), max_size=2),
)
@pytest.mark.parametrize("template", [UCS, CLANFORGE.template], ids=["address", "parameter"])
def test_any_item_is_refused_or_can_be_polled(
    template: Template, item: str, labels: dict[str, str]
) -> None:
    with suppress(ListError):
        target = template.make(item, labels)
        targets = Targets(Settings(targets=(target,)), Telemetry(), Clock())
        assert len(targets) == 1


async def test_an_unexpected_exception_leaves_the_live_set_unchanged(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.json", vendor.url)
    async with serving(config(), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 1)
        with monkeypatch.context() as broken:
            broken.delattr("exporter.runtime.target_state.build")
            put(tmp_path / "a.json", vendor.url, "127.0.0.1:1")
            await service.until(lambda: service.value("refresh_failures_total") == 1)
        polls = service.tracked(vendor.url).counts.polls
        await service.until(lambda: service.tracked(vendor.url).counts.polls > polls + 1)
        put(tmp_path / "a.json", vendor.url, "127.0.0.1:2")
        await service.until(lambda: len(service.targets) == 2)
