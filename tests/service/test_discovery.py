"""Lists and configured targets together: what is polled, under which names, and what is told."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporter.clock import Clock
from exporter.config import load_text
from exporter.errors import ListError
from exporter.runtime import discovery as merge
from exporter.runtime.discovery import Lists, discovering
from exporter.runtime.file_lists import FileLists
from exporter.runtime.reload import Reloader
from exporter.runtime.shard import Shard
from exporter.runtime.target_builder import ListResult
from exporter.runtime.target_state import TargetChanges, TargetState
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Settings, Template
from exporter.simulator.app import SimulatedServers, make_app
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from exporter.toolkit.negotiate import Format
from exporter.web.exposition import expose_targets
from support.polling import snapshots_of
from support.process import fetch_until, run, started
from support.vendor import HEALTHY, Vendor, open_vendor, response


class Service:
    """A running service whose configuration is a text that a test may change."""

    def __init__(self, text: str, folder: Path) -> None:
        self.text = text
        self.folder = folder
        self.shard = Shard(0, 1)
        self.changes: list[TargetChanges] = []
        self.targets: Targets
        self.telemetry: Telemetry
        self.reloader: Reloader

    def load(self) -> Settings:
        return self.shard.part_of(load_text(self.text, "config.yaml", self.folder, SYSTEMS))

    async def reload(self, text: str) -> str:
        self.text = text
        return await self.reloader.reload("test")

    def names(self) -> list[str]:
        return [one.target.name for one in self.targets]

    def tracked(self, name: str) -> TargetState:
        return next(one for one in self.targets if one.target.name == name)

    def value(self, metric: str, name: str = "file_sd:*.json") -> float | None:
        labels = {"discovery": name}
        full = f"status_exporter_discovery_{metric}"
        return self.telemetry.registry.get_sample_value(full, labels)

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(text: str, folder: Path, shard: Shard | None = None) -> AsyncIterator[Service]:
    service = Service(text, folder)
    service.shard = shard or service.shard
    clock, settings = Clock(), service.load()
    async with running(settings, clock) as (targets, telemetry, _):
        service.targets, service.telemetry = targets, telemetry
        targets.subscribe(service.changes.append)
        owns = service.shard.owns
        lists = Lists(settings, targets, telemetry, clock, owns=owns, look_seconds=0.01)
        service.reloader = Reloader(service.load, lists, telemetry, clock)
        async with discovering(lists):
            yield service


HEAD = "global: {interval: 200ms, timeout: 1m, max_age: 1h}\n"
FILES = '  - {system: genesys_ucs, file_sd: {files: ["*.json"]}}\n'


def config(*targets: str, discovery: str = FILES, clients: str = "") -> str:
    listed = "".join(f"  - {{{target}}}\n" for target in targets)
    return f"{HEAD}{clients}discovery:\n{discovery}" + ("targets:\n" + listed if listed else "")


def ucs(name: str, url: str) -> str:
    return f'name: {name}, system: genesys_ucs, url: "{url}"'


def put(path: Path, *items: str, text: str | None = None, **labels: str) -> None:
    """Replace the file in one step."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps([{"targets": items, "labels": labels}]) if text is None else text)
    new.replace(path)


@pytest.fixture
async def other() -> AsyncIterator[Vendor]:
    async with open_vendor() as one:
        one.answer = HEALTHY
        yield one


pytestmark = pytest.mark.usefixtures("any_timeout")


@pytest.fixture(autouse=True)
def _healthy(vendor: Vendor) -> None:
    vendor.answer = HEALTHY


def messages(caplog: pytest.LogCaptureFixture, wanted: str) -> list[dict[str, str]]:
    return [record.facts for record in caplog.records if record.getMessage() == wanted]  # type: ignore[attr-defined]


async def test_targets_come_and_go_and_what_stays_is_not_disturbed(
    vendor: Vendor, other: Vendor, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    put(path, vendor.url)
    async with serving(config(ucs("a", other.url)), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 2)
        await service.until(lambda: service.tracked(vendor.url).tally.polls >= 2)
        before = service.tracked(vendor.url)
        put(path, f"{other.url}/x", vendor.url)
        await service.until(lambda: len(service.targets) == 3)
        shown = service.tracked(vendor.url).snapshot
        polls = before.tally.polls
        await service.until(lambda: before.tally.polls >= polls + 2)
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


async def test_many_new_targets_come_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "_MOST_A_TURN", 10)
    path = tmp_path / "a.json"
    put(path, *(f"127.0.0.1:{port}" for port in range(1, 36)))
    async with serving(config(), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 35)
        put(path, *(f"127.0.0.1:{port}" for port in range(31, 56)), site="x")
        await service.until(lambda: len(service.targets) == 25)
        labels = {one.target.labels["site"] for one in service.targets}

    assert [(len(one.come), len(one.gone)) for one in service.changes] == [
        (10, 0),
        (10, 0),
        (10, 0),
        (5, 0),
        (10, 35),
        (10, 0),
        (5, 0),
    ]
    assert labels == {"x"}


async def test_a_reload_while_targets_come_is_not_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "_MOST_A_TURN", 1)
    items = [f"127.0.0.1:{port}" for port in range(1, 200)]
    put(tmp_path / "a.json", *items)
    dead = "http://127.0.0.1:1"
    async with serving(config(ucs("old", dead)), tmp_path) as service:
        lists = service.reloader._lists
        async with asyncio.timeout(60):
            while len(service.targets) < 10:
                await asyncio.sleep(0)
        service.text = config(ucs("new", dead))
        lists.take_over(service.load())
        at_once = service.names()
        for _ in range(1000):
            await asyncio.sleep(0)
        later = service.names()

    assert at_once == later == ["new", *items]


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
    told = [(one["discovery"], one["target"]) for one in messages(caplog, "target refused")]
    assert sorted(told) == [
        ("file_sd:*.json", "a"),
        ("file_sd:*.yaml", "b"),
        ("file_sd:*.yaml", "c"),
    ]


async def test_a_bad_list_is_counted_told_once_and_the_old_one_kept(
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
        polls = service.tracked(vendor.url).tally.polls
        await service.until(lambda: service.tracked(vendor.url).tally.polls > polls + 1)
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


async def test_a_mistake_of_ours_stops_at_one_discovery(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.json", vendor.url)
    real, crashes = FileLists.look, iter([True])

    async def look(files: FileLists) -> ListResult:
        if next(crashes, False):
            raise KeyError("x")
        return await real(files)

    monkeypatch.setattr(FileLists, "look", look)
    async with serving(config(), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 1)
        failures = service.value("refresh_failures_total")

    assert failures == 1


async def test_readiness_waits_for_the_targets_of_the_first_lists(
    vendor: Vendor, other: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "_MOST_A_TURN", 1)
    vendor.answer = response(
        json.dumps([{"targets": [f"{other.url}/{n}" for n in "abc"]}]).encode()
    )
    other.answer = None
    http = f'  - {{system: genesys_ucs, http_sd: {{url: "{vendor.url}"}}}}\n'
    states = set[tuple[int, bool]]()
    async with serving(config(discovery=http), tmp_path) as service:

        def note(_: TargetChanges) -> None:
            states.add((len(service.targets), service.targets.is_ready))

        take = Lists._take

        def take_and_note(lists: Lists, *given: Any) -> None:
            take(lists, *given)
            note(TargetChanges())

        monkeypatch.setattr(Lists, "_take", take_and_note)
        service.targets.subscribe(note)
        await service.until(lambda: len(service.targets) == 3)
        await service.until(lambda: "discoveries" not in service.targets.missing)
        missing = service.targets.missing
        other.answer = HEALTHY
        await service.until(lambda: service.targets.is_ready)
        polled = [one.snapshot is not None for one in service.targets]

    assert states == {(0, False), (1, False), (2, False), (3, False)}
    assert missing == "3 of 3 targets not polled yet"
    assert polled == [True] * 3


async def test_a_list_that_has_not_changed_is_logged_for_debugging_alone(
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


async def test_readiness_waits_for_the_first_look_and_not_for_later_targets(
    vendor: Vendor, other: Vendor, tmp_path: Path
) -> None:
    other.answer = None
    http = f'  - {{system: genesys_ucs, http_sd: {{url: "{other.url}"}}}}\n'
    async with serving(config(ucs("a", vendor.url), discovery=http), tmp_path) as service:
        first = service.targets.missing
        await service.until(lambda: service.tracked("a").snapshot)
        waiting = (service.targets.is_ready, service.targets.missing)
        await service.reload(config(ucs("a", vendor.url)))
        await service.until(lambda: service.targets.is_ready)
        put(tmp_path / "a.json", other.url)
        await service.until(lambda: len(service.targets) == 2)
        later = (service.targets.is_ready, service.targets.waiting)

    assert first == "1 of 1 targets not polled yet, 1 discoveries not tried yet"
    assert waiting == (False, "0 of 1 targets not polled yet, 1 discoveries not tried yet")
    assert later == (True, 1)


async def test_a_list_that_cannot_be_had_does_not_keep_from_readiness(tmp_path: Path) -> None:
    http = '  - {system: genesys_ucs, http_sd: {url: "http://127.0.0.1:1"}}\n'
    async with serving(config(discovery=http), tmp_path) as service:
        await service.until(lambda: service.targets.is_ready)
        failures = service.value("refresh_failures_total", "http_sd:127.0.0.1:1")

    assert failures == 1


async def test_a_reload_keeps_the_list_of_an_entry_that_is_the_same(
    vendor: Vendor, other: Vendor, tmp_path: Path
) -> None:
    vendor.answer = response(json.dumps([{"targets": [other.url]}]).encode())
    http = f'  - {{system: genesys_ucs, http_sd: {{url: "{vendor.url}"}}}}\n'
    async with serving(config(discovery=http), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 1)
        before = service.tracked(other.url)
        said = await service.reload(config(ucs("x", other.url), discovery=FILES + http))
        same = service.tracked(other.url) is before
        polls = before.tally.polls
        await service.until(lambda: before.tally.polls > polls)
        asked = len(vendor.requests)
        gone = await service.reload(config(ucs("x", other.url)))
        forgotten = service.value("targets", f"http_sd:{vendor.url.removeprefix('http://')}")

    assert (same, asked, forgotten) == (True, 1, None)
    assert said == "2 targets: 1 new, 0 changed, 0 gone"
    assert gone == "1 targets: 0 new, 0 changed, 1 gone"


async def test_a_changed_entry_starts_anew_and_holds_its_targets_until_then(
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


async def test_an_entry_keeps_its_targets_when_another_of_its_host_goes_or_comes(
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


async def test_targets_of_an_older_declaration_stand_beside_those_of_the_new(
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


async def test_a_declared_system_is_known_while_no_list_brings_a_target_of_it(
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


def test_the_program_follows_a_file_checks_it_and_polls_what_is_in_it(tmp_path: Path) -> None:
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
def test_whatever_an_item_is_it_is_refused_or_can_be_polled(
    template: Template, item: str, labels: dict[str, str]
) -> None:
    with suppress(ListError):
        target = template.make(item, labels)
        targets = Targets(Settings(targets=(target,)), Telemetry(), Clock())
        assert len(targets) == 1


async def test_a_mistake_of_ours_leaves_the_live_set_as_it_is(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.json", vendor.url)
    async with serving(config(), tmp_path) as service:
        await service.until(lambda: len(service.targets) == 1)
        with monkeypatch.context() as broken:
            broken.delattr("exporter.runtime.target_state.build")
            put(tmp_path / "a.json", vendor.url, "127.0.0.1:1")
            await service.until(lambda: service.value("refresh_failures_total") == 1)
        polls = service.tracked(vendor.url).tally.polls
        await service.until(lambda: service.tracked(vendor.url).tally.polls > polls + 1)
        put(tmp_path / "a.json", vendor.url, "127.0.0.1:2")
        await service.until(lambda: len(service.targets) == 2)
