"""The service reads, and never writes."""

import asyncio

import pytest

from exporter.clock import Clock
from exporter.config import load_file
from exporter.service import running
from exporter.systems import SYSTEMS
from support.simulator_stage import Stage


@pytest.mark.usefixtures("any_timeout")
async def test_the_service_sends_nothing_but_reads(stage: Stage) -> None:
    """A login of a Webitel is the one exception."""
    login = "login: {username: monitor@example.com, password: webitel-demo}"
    text = stage.config.read_text(encoding="utf-8").replace(
        "clients:\n", f"global: {{interval: 100ms, timeout: 1m}}\nclients:\n  pbx: {{{login}}}\n"
    )
    text = text.replace('system: webitel, url: "', 'system: webitel, client: pbx, url: "')
    stage.write_config(text)
    settings = load_file(stage.config, SYSTEMS)
    async with running(settings, Clock()), asyncio.timeout(60):
        while len(stage.seen) < 40 or not any(one.path == "/login" for one in stage.seen):
            await asyncio.sleep(0.05)
    asked = {(one.method, one.path) for one in stage.seen}

    assert {path for method, path in asked if method == "POST"} == {"/login"}
    assert {method for method, _ in asked} == {"GET", "POST"}
    assert {path for method, path in asked if method == "GET"} == {
        "/cv/server/status",
        "/mdworkbench/server/state",
        "/api/v2/status",
    }
