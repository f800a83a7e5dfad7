"""A new configuration, taken over while the old one is at work."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from exporter.clock import Clock
from exporter.config import load_text
from exporter.errors import ConfigError
from exporter.runtime.discovery import Lists
from exporter.runtime.reload import Reloader
from exporter.runtime.target_state import TargetChanges, TargetState
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Settings
from exporter.simulator.app import SimulatedServers
from exporter.simulator.app import make_app as make_world
from exporter.simulator.webitel_login import USER
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.toolkit.notify import Supervisor
from exporter.web.routes import make_app
from support.polling import snapshots_of
from support.process import fetch_until, started
from support.vendor import HEALTHY, Vendor, open_vendor


class Service:
    """A running service whose configuration is a text that a test may change."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.loads = 0
        self.targets: Targets
        self.telemetry: Telemetry
        self.reloader: Reloader
        self.hold = threading.Event()
        self.hold.set()

    def load(self) -> Settings:
        self.loads += 1
        text = self.text
        self.hold.wait(60)
        return load_text(text, "config.yaml", Path(), SYSTEMS)

    def tracked(self, name: str) -> TargetState:
        return next(one for one in self.targets if one.target.name == name)

    def value(self, metric: str) -> float | None:
        return self.telemetry.registry.get_sample_value(f"status_exporter_config_{metric}")

    async def polled(self, name: str, polls: int) -> None:
        async with asyncio.timeout(60):
            while self.tracked(name).tally.polls < polls:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(text: str) -> AsyncIterator[Service]:
    service = Service(text)
    clock = Clock()
    settings = service.load()
    async with running(settings, clock) as (targets, telemetry, _):
        service.targets, service.telemetry = targets, telemetry
        lists = Lists(settings, targets, telemetry, clock)
        service.reloader = Reloader(service.load, lists, telemetry, clock)
        yield service


def config(*targets: str, clients: str = "") -> str:
    head = "global: {interval: 200ms, timeout: 1m, max_age: 1h}\n" + clients
    return head + "targets:\n" + "".join(f"  - {{{target}}}\n" for target in targets)


def ucs(name: str, vendor: Vendor, more: str = "") -> str:
    return f'name: {name}, system: genesys_ucs, url: "{vendor.url}"{more}'


pytestmark = pytest.mark.usefixtures("any_timeout")


@pytest.fixture
async def other() -> AsyncIterator[Vendor]:
    async with open_vendor() as one:
        one.answer = HEALTHY
        yield one


async def test_what_stays_keeps_its_snapshot_rhythm_and_connection(
    vendor: Vendor, other: Vendor
) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor))) as service:
        await service.polled("a", 2)
        before = service.tracked("a")
        service.text = config(ucs("b", other), ucs("a", vendor))
        said = await service.reloader.reload("test")
        after = service.tracked("a")
        kept = after.snapshot is not None
        await service.polled("a", before.tally.polls + 2)
        await service.polled("b", 1)

    assert after is before
    assert kept
    assert vendor.connections == 1
    assert said == "2 targets: 1 new, 0 changed, 0 gone"


async def test_what_goes_is_shown_and_asked_no_more(vendor: Vendor, other: Vendor) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor), ucs("b", other))) as service:
        await service.polled("a", 1)
        await service.polled("b", 1)
        service.text = config(ucs("a", vendor))
        said = await service.reloader.reload("test")
        asked = len(other.requests)
        await service.polled("a", service.tracked("a").tally.polls + 3)
        shown = [target.name for target, _ in snapshots_of(service.targets)]

    assert said == "1 targets: 0 new, 0 changed, 1 gone"
    assert shown == ["a"]
    assert len(other.requests) == asked


async def test_a_poll_of_what_goes_is_ended_and_its_outcome_dropped(
    vendor: Vendor, other: Vendor
) -> None:
    vendor.answer = None
    text = config(ucs("slow", vendor, ", interval: 1h, timeout: 59m"), ucs("b", other))
    async with serving(text) as service:
        async with asyncio.timeout(60):
            while not vendor.requests:
                await asyncio.sleep(0.01)
        slow = service.tracked("slow")
        service.text = config(ucs("b", other))
        await service.reloader.reload("test")
        await service.polled("b", service.tracked("b").tally.polls + 2)

    assert slow.tally.polls == 0
    assert slow.snapshot is None


async def test_what_is_changed_is_polled_anew_and_counted_on(vendor: Vendor, other: Vendor) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor))) as service:
        await service.polled("a", 2)
        polls = service.tracked("a").tally.polls
        service.text = config(ucs("a", other))
        said = await service.reloader.reload("test")
        asked = len(vendor.requests)
        fresh = service.tracked("a").snapshot
        await service.polled("a", polls + 2)

    assert said == "1 targets: 0 new, 1 changed, 0 gone"
    assert fresh is None
    assert len(vendor.requests) == asked
    assert len(other.requests) >= 2


async def test_a_new_password_is_used_at_once(vendor: Vendor) -> None:
    vendor.answer = HEALTHY
    client = "clients: {{c: {{basic_auth: {{username: u, password: {}}}}}}}\n"
    target = ucs("a", vendor, ", client: c")
    async with serving(config(target, clients=client.format("old"))) as service:
        await service.polled("a", 1)
        service.text = config(target, clients=client.format("new"))
        await service.reloader.reload("test")
        asked = len(vendor.requests)
        await service.polled("a", service.tracked("a").tally.polls + 1)

    assert "Basic dTpvbGQ=" in vendor.requests[0]
    assert all("Basic dTpuZXc=" in request for request in vendor.requests[asked:])


async def test_a_fault_leaves_the_old_one_at_work(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor))) as service:
        good = service.text
        service.text = config(ucs("a", vendor), "name: b, system: genesys, url: x", "name: c")
        with caplog.at_level(logging.INFO), pytest.raises(ConfigError) as error:
            await service.reloader.reload("test")
        states = [service.value("last_reload_successful"), service.value("reload_failures_total")]
        await service.polled("a", service.tracked("a").tally.polls + 2)
        service.text = good
        await service.reloader.reload("test")
        states += [service.value("last_reload_successful"), service.value("reloads_total")]
        when = service.value("last_reload_success_timestamp_seconds")

    assert len(error.value.faults) == 4
    assert error.value.faults[0].startswith("config.yaml:4:")
    assert [record.message for record in caplog.records].count("reload failed") == 4
    assert states == [0.0, 1.0, 1.0, 2.0]
    assert when


def broken(_change: TargetChanges) -> None:
    raise RuntimeError


async def test_a_mistake_of_ours_leaves_the_old_one_at_work(vendor: Vendor) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor))) as service:
        service.text = None  # type: ignore[assignment]
        with pytest.raises(ConfigError, match="a fault of the exporter"):
            await service.reloader.reload("test")
        service.text = config(ucs("a", vendor))
        service.targets.subscribe(broken)
        with pytest.raises(ConfigError, match="a fault of the exporter"):
            await service.reloader.reload("test")
        await service.polled("a", service.tracked("a").tally.polls + 1)

    assert service.value("last_reload_successful") == 0.0
    assert service.value("reload_failures_total") == 2.0


async def test_wishes_at_once_are_fulfilled_together_with_what_was_written_last(
    vendor: Vendor,
) -> None:
    async with serving(config(ucs("a", vendor))) as service:
        service.hold.clear()
        first = asyncio.create_task(service.reloader.reload("test"))
        async with asyncio.timeout(60):
            while service.loads < 2:
                await asyncio.sleep(0.01)
        service.text = config(ucs("a", vendor), ucs("b", vendor))
        rest = [asyncio.create_task(service.reloader.reload("test")) for _ in range(20)]
        await asyncio.sleep(0)
        rest[0].cancel()  # Who goes away takes nothing from the others.
        service.hold.set()
        told = await asyncio.gather(first, *rest[1:])

    assert service.loads == 1 + 2
    assert told[0] == "1 targets: 0 new, 0 changed, 0 gone"
    assert set(told[1:]) == {"2 targets: 1 new, 0 changed, 0 gone"}


async def test_readiness_once_reached_stays(vendor: Vendor) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor))) as service:
        at_first = service.targets.is_ready
        await service.polled("a", 1)
        polled = service.targets.is_ready
        vendor.answer = None
        service.text = config(ucs("a", vendor), ucs("b", vendor))
        await service.reloader.reload("test")
        later = (service.targets.is_ready, service.targets.waiting)

    assert not at_first
    assert polled
    assert later == (True, 1)


async def test_the_request_answers_what_came_of_it(vendor: Vendor) -> None:
    async with serving(config(ucs("a", vendor))) as service:
        app = make_app(
            service.targets, service.telemetry, "/metrics", reload=service.reloader.reload
        )
        async with listening(app, ["127.0.0.1:0"]) as (address,), aiohttp.ClientSession() as one:
            url = f"http://{address}/-/reload"
            answers = []
            for method, headers in (
                ("POST", {}),
                ("GET", {}),
                ("POST", {"Origin": "http://evil.test"}),
            ):
                async with one.request(method, url, headers=headers) as answer:
                    answers.append((answer.status, await answer.text()))
            service.text = "targets: 7"
            async with one.post(url) as answer:
                answers.append((answer.status, await answer.text()))

    assert answers == [
        (200, "Reloaded, 1 targets: 0 new, 0 changed, 0 gone.\n"),
        (405, "This endpoint requires a POST request.\n"),
        (403, "403 Forbidden: origin not allowed.\n"),
        (500, "Not reloaded:\nconfig.yaml:1:1: targets: must be a list\n"),
    ]


def write(path: Path, *names: str, body: str | None = None) -> None:
    """Replace the file in one step, as configuration management does."""
    targets = [f"name: {name}, system: genesys_ucs, url: http://127.0.0.1:1" for name in names]
    new = path.with_suffix(".new")
    text = config(*targets).replace("200ms, timeout: 1m", "10s")
    new.write_text(text if body is None else body)
    new.replace(path)


def test_hangup_and_auto_reload_take_the_new_file_over(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    write(path, "one")
    flags = ("--config.file", str(path), "--web.listen-address", "127.0.0.1:0")
    with started(*flags) as (process, address):
        metrics = f"http://{address}/metrics"
        fetch_until(metrics, 'target_up{target="one"')
        write(path, "two")
        process.send_signal(signal.SIGHUP)
        page = fetch_until(metrics, 'target_up{target="two"')
        write(path, body="targets: [}")
        process.send_signal(signal.SIGHUP)
        kept = fetch_until(metrics, "status_exporter_config_last_reload_successful 0.0")
    auto = ("--config.enable-auto-reload", "--config.auto-reload-interval", "50ms")
    write(path, "one")
    with started(*flags, *auto) as (_, address):
        metrics = f"http://{address}/metrics"
        fetch_until(metrics, 'target_up{target="one"')
        write(path, body="targets: [}")
        fetch_until(metrics, "status_exporter_config_reload_failures_total 1.0")
        path.unlink()
        os.mkfifo(path)
        fetch_until(metrics, "status_exporter_config_reload_failures_total 2.0")
        write(path, "three")
        automatic = fetch_until(metrics, 'target_up{target="three"')

    assert 'target="one"' not in page
    assert 'target="two"' in kept
    assert 'target="one"' not in automatic
    assert "status_exporter_config_reload_failures_total 2.0" in automatic


async def test_a_login_outlives_a_reload_for_as_long_as_its_client(vendor: Vendor) -> None:
    world = SimulatedServers()
    runner = web.AppRunner(make_world(world))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    login = f"{{username: {USER.username}, password: {USER.password}}}"
    clients = f"clients: {{w: {{login: {login}}}}}\n"
    pbx = f'name: pbx, system: webitel, url: "{url}", client: w'
    vendor.answer = HEALTHY
    async with serving(config(pbx, clients=clients)) as service:
        await service.polled("pbx", 2)
        service.text = config(pbx, ucs("a", vendor), clients=clients)
        await service.reloader.reload("test")
        await service.polled("pbx", service.tracked("pbx").tally.polls + 2)
        kept = service.telemetry.registry.get_sample_value(
            "status_exporter_logins_total", {"client": "w"}
        )
        service.text = config(ucs("a", vendor))
        await service.reloader.reload("test")
        service.text = config(pbx, clients=clients)
        await service.reloader.reload("test")
        await service.polled("pbx", 1)
        again = service.telemetry.registry.get_sample_value(
            "status_exporter_logins_total", {"client": "w"}
        )
    await runner.cleanup()

    assert (kept, again) == (1.0, 2.0)


class Heard(Supervisor):
    """A supervisor that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "told", [])

    def _send(self, *lines: str) -> None:
        told: list[str] = getattr(self, "told", [])
        told.extend(lines[:1] if lines[0] == "RELOADING=1" else lines)


async def test_systemd_is_told_of_a_reload_that_fails_too(vendor: Vendor) -> None:
    async with serving(config(ucs("a", vendor))) as service:
        heard = Heard()
        lists = Lists(service.load(), service.targets, service.telemetry, Clock())
        reloader = Reloader(service.load, lists, service.telemetry, Clock(), heard)
        service.text = config(ucs("a", vendor), ucs("b", vendor))
        await reloader.reload("test")
        service.text = "targets: 7"
        with pytest.raises(ConfigError):
            await reloader.reload("test")

    told = ["RELOADING=1", "READY=1", "STATUS=polling 2 targets"]
    assert getattr(heard, "told", None) == told * 2


async def test_files_are_watched_on_after_a_thread_that_could_not_start(
    vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.answer = HEALTHY
    path = tmp_path / "config.yaml"
    path.write_text("a")
    starts = [True, False, False]
    start = threading.Thread.start

    def start_some(thread: threading.Thread) -> None:
        if starts and not starts.pop(0):
            raise RuntimeError("can't start new thread")
        start(thread)

    async with serving(config(ucs("a", vendor))) as service:
        monkeypatch.setattr(threading.Thread, "start", start_some)
        watching = asyncio.create_task(service.reloader.watch((path,), 0.01))
        async with asyncio.timeout(60):
            while starts:
                await asyncio.sleep(0.01)
        before = service.loads
        path.write_text("b")
        async with asyncio.timeout(60):
            while service.loads == before and not watching.done():
                await asyncio.sleep(0.01)
        watching.cancel()

    assert service.loads > before
