"""The simulator, the exporter and Prometheus with its rules sped up, for tests of alerts."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from exporter.simulator.app import SimulatedServers, make_app
from exporter.simulator.clanforge import ACCOUNT_SERVICE
from exporter.simulator.demo import config_text
from exporter.toolkit.listen import listening
from support.metric_names import ALERTS, RULES
from support.process import started
from support.prometheus_server import ask, running
from support.tools import tool

PACE = 150
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Far more than necessary, so that only a hang fails.
PATIENCE = 180.0
# These fire when polls or scrapes fail. At this pace they would fire after 1.2 s, which a busy machine
# sometimes needs for three scrapes; with a longer time only a target or exporter that is down does.
UNREACHABLE = (
    "StatusTargetDown",
    "StatusManyTargetsDown",
    "StatusExporterDown",
    "StatusExporterAbsent",
)
UNREACHABLE_SECONDS = 8
# A busy machine causes these without a fault of the rules.
BUSY = frozenset({"StatusExporterPollsLate", "StatusExporterLoopLag", "StatusFieldsUntaken"})
Firing = set[tuple[str, str]]


def quickened(text: str) -> str:
    def shorter(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) * UNITS[found[3]] * 1000 // PACE}ms"

    text = re.sub(r"(\[|offset |for: )(\d+)([smhd])\b", shorter, text)
    unreachable = rf"(alert: (?:{'|'.join(UNREACHABLE)})\n(?:(?!.*alert:).*\n)*? +for: )\w+"
    return re.sub(unreachable, rf"\g<1>{UNREACHABLE_SECONDS}s", text)


@contextmanager
def prometheus(target: str, folder: Path) -> Iterator[str]:
    """Run a Prometheus with the quickened rules; yield its address."""
    for path in (RULES, ALERTS):
        (folder / path.name).write_text(quickened(path.read_text(encoding="utf-8")))
    settings = {
        "global": {
            "scrape_interval": "500ms",
            "scrape_timeout": "450ms",
            "evaluation_interval": "250ms",
        },
        "rule_files": [RULES.name, ALERTS.name],
        "scrape_configs": [{"job_name": "live", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    command = [
        tool("prometheus", "3"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with running(command, folder / "log") as address:
        yield address


@dataclass
class Scene:
    """All running parts, and what is repeated while a test waits."""

    world: SimulatedServers
    address: str
    exporter: "subprocess.Popen[str]"
    port: str
    config: Path
    lists: Path
    again: Callable[[], None] = field(default=lambda: None)

    async def firing(self) -> Firing:
        query = 'ALERTS{alertstate="firing"}'
        data = await asyncio.to_thread(ask, self.address, "query", query=query)
        found = {named(one["metric"]) for one in data["result"]} if data else set()
        return {one for one in found if one[0] not in BUSY}

    async def seen_until(self, done: Callable[[Firing, Firing], bool]) -> Firing:
        """Collect alerts until `done`, given all that have fired and those that fire now."""
        seen: Firing = set()
        now: Firing = set()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while loop.time() < deadline:
            self.again()
            now = await self.firing()
            seen |= now
            if done(seen, now):
                return seen
            await asyncio.sleep(0.2)
        pytest.fail(f"waited in vain; now {sorted(now)}, in all {sorted(seen)}")

    async def expect(self, expected: Firing, *, left_over: Firing = frozenset()) -> None:  # type: ignore[assignment]
        """Wait for each expected alert; no other may fire, except those left over."""
        seen = await self.seen_until(lambda all_of_them, _: expected <= all_of_them)
        # Alerts that must not fire would fire a moment later.
        loop = asyncio.get_running_loop()
        end = loop.time() + 1.5
        seen |= await self.seen_until(lambda _, __: loop.time() > end)

        assert seen - left_over == expected - left_over

    async def expect_value(self, query: str, value: str) -> None:
        """Wait for the one result of a query; a scrape that a busy machine misses has none."""
        found: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while found != [value]:
                self.again()
                data = await asyncio.to_thread(ask, self.address, "query", query=query)
                found = [result["value"][1] for result in data["result"]] if data else []
                await asyncio.sleep(0.1)


def named(labels: dict[str, str]) -> tuple[str, str]:
    """Return the name of an alert and its subject."""
    place = ":".join(labels[name] for name in ("profileid", "locationid") if name in labels)
    about = labels.get("target") or labels.get("metric") or place or labels.get("system", "")
    return labels["alertname"], about


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    world = SimulatedServers(seed=1, switch_seconds=1.0)
    for server in world.clanforge.servers.values():
        server.hold("available")
    async with listening(make_app(world), ["127.0.0.1:0"]) as (simulator,):
        config, lists = folder / "config.yaml", folder / "lists"
        text = config_text(f"http://{simulator}", "500ms")
        text = text.replace("timeout:", "max_age: 10s, timeout:", 1)
        # A login that times out is retried after half a minute, at any pace.
        text = text.replace("name: pbx-new,", "name: pbx-new, interval: 2s, timeout: 1900ms,")
        config.write_text(f"{text}{fleet(f'http://{simulator}')}")
        lists.mkdir()
        (lists / "games.yaml").write_text("- targets: [1200345]\n")
        options = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
        with (
            started("serve", *options) as (process, exporter),
            prometheus(exporter, folder) as address,
        ):
            yield Scene(world, address, process, exporter, config, lists)


def fleet(url: str) -> str:
    """Return configuration of the servers as a fleet as well, and of one of them in a list."""
    return (
        f"  - {{name: fleet, system: clanforge_fleet, url: '{url}', client: clanforge,"
        f" params: {{accountserviceid: '{ACCOUNT_SERVICE}'}}, max_series: {FLEET_SERIES}}}\n"
        f"discovery:\n  - {{system: clanforge, url: '{url}', client: clanforge,"
        " name: 'listed-{item}', file_sd: {files: [lists/*.yaml], refresh_interval: 1s}}\n"
    )


# More than five servers that answer their query have.
FLEET_SERIES = 50
LISTED = "listed-1200345"
TARGETS = 11


async def calm(one: Scene) -> None:
    """Wait until the rules have a past without alerts to compare with."""
    query = "count_over_time(status_exporter_target_up[1m]) > 20"
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while loop.time() < deadline:
        firing = await one.firing()
        # Prometheus begins to scrape some seconds after its start.
        assert firing <= {("StatusExporterAbsent", "")}
        data = await asyncio.to_thread(ask, one.address, "query", query=query)
        if data and len(data["result"]) == TARGETS and not firing:
            return
        await asyncio.sleep(0.2)
    pytest.fail("the targets did not come up")
