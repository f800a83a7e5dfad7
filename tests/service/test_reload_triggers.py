"""What triggers a reload, and how its result is reported: HTTP, SIGHUP, files, systemd."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import aiohttp
import pytest

from exporter.clock import Clock
from exporter.config import load_file
from exporter.errors import ConfigError
from exporter.runtime.discovery import Lists
from exporter.runtime.reload import Reloader
from exporter.service import running
from exporter.settings import Settings
from exporter.systems import SYSTEMS
from exporter.toolkit.listen import listening
from exporter.toolkit.notify import Supervisor
from exporter.toolkit.read_file import content_digest
from exporter.web.routes import make_app
from support.file_sd import replace_file
from support.process import fetch_until, started
from support.reloading_service import config, serving, ucs
from support.vendor import HEALTHY, Vendor

pytestmark = pytest.mark.usefixtures("any_timeout")


async def test_the_response_reports_the_result(vendor: Vendor) -> None:
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
        (
            500,
            'Not reloaded:\nconfig.yaml:1:1: targets: must be a list: [...], or lines that begin with "- "\n',
        ),
    ]


def write(path: Path, *names: str, body: str | None = None) -> None:
    """Replace the configuration by one with targets of these names, or by the body."""
    targets = [f"name: {name}, system: genesys_ucs, url: http://127.0.0.1:1" for name in names]
    text = config(*targets).replace("200ms, timeout: 1m", "10s")
    replace_file(path, text if body is None else body)


def test_hangup_and_auto_reload_apply_the_new_file(tmp_path: Path) -> None:
    path, fifo = tmp_path / "config.yaml", tmp_path / "fifo"
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
        # In one step: a check while the file is missing would count another failure.
        os.mkfifo(fifo)
        fifo.replace(path)
        fetch_until(metrics, "status_exporter_config_reload_failures_total 2.0")
        write(path, "three")
        automatic = fetch_until(metrics, 'target_up{target="three"')

    assert 'target="one"' not in page
    assert 'target="two"' in kept
    assert 'target="one"' not in automatic
    assert "status_exporter_config_reload_failures_total 2.0" in automatic


async def test_what_is_written_during_a_load_is_loaded_next(tmp_path: Path) -> None:
    path, loads, go_on = tmp_path / "config.yaml", list[Settings](), threading.Event()

    def load() -> Settings:
        loads.append(load_file(path, SYSTEMS))
        go_on.wait(60)
        return loads[-1]

    write(path, "one")
    settings = load_file(path, SYSTEMS)
    write(path, "two")  # The watch has not begun.
    clock = Clock()
    async with running(settings, clock) as (targets, telemetry, _), asyncio.timeout(60):
        lists = Lists(settings, targets, telemetry, clock)
        reloader = Reloader(load, lists, telemetry, clock)
        watching = asyncio.create_task(reloader.watch(settings.files, 0.01))
        while not loads:
            await asyncio.sleep(0.01)
        write(path, "three")
        go_on.set()
        while targets.find("three") is None:
            await asyncio.sleep(0.01)
        watching.cancel()

    names = [[target.name for target in one.targets] for one in loads]
    assert names == [["two"], ["three"]]


class Heard(Supervisor):
    """A supervisor that records its messages."""

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "sent", [])

    def _send(self, *lines: str) -> None:
        sent: list[str] = getattr(self, "sent", [])
        sent.extend(lines[:1] if lines[0] == "RELOADING=1" else lines)


async def test_a_failed_reload_is_reported_to_systemd(vendor: Vendor) -> None:
    async with serving(config(ucs("a", vendor))) as service:
        heard = Heard()
        lists = Lists(service.load(), service.targets, service.telemetry, Clock())
        reloader = Reloader(service.load, lists, service.telemetry, Clock(), heard)
        service.text = config(ucs("a", vendor), ucs("b", vendor))
        await reloader.reload("test")
        service.text = "targets: 7"
        with pytest.raises(ConfigError):
            await reloader.reload("test")

    sent = ["RELOADING=1", "READY=1", "STATUS=polling 2 targets"]
    assert getattr(heard, "sent", None) == sent * 2


async def test_files_are_still_watched_after_a_thread_could_not_start(
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
        watching = asyncio.create_task(service.reloader.watch({path: content_digest(b"a")}, 0.01))
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
