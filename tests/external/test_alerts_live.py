"""The simulator, the exporter and a real Prometheus, driven through everything that can happen.

Each duration of the rules is divided by PACE, and polls and scrapes are faster by the same factor.
Thresholds, expressions and their order are unchanged. NOT_HERE lists the alerts that cannot be
caused this way; they have unit tests.
"""

import asyncio
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path
from random import Random

from exporter.simulator.app import SimulatedServers
from exporter.simulator.game_server import GameServer, Phase
from exporter.simulator.mdworkbench import Launch
from exporter.simulator.pace import Traffic, Wave
from exporter.systems import SYSTEMS
from grafana.source import BOARDS
from support.dashboards import VARIABLES, panels_of, written
from support.demo_targets import SIMULATED
from support.live_scene import (
    LISTED,
    PATIENCE,
    Firing,
    Scene,
    calm,
    scene,
)
from support.metric_names import alert_groups, alerts
from support.prometheus_server import ask

# The time shown, of a Prometheus that has run for so long.
PERIODS = {"$__rate_interval": "4s", "$__range": "2m", "$__interval": "1s"}
NOT_HERE = {
    "ClanforgeServerLockedOver24h": "a day is too long even so",
    "ClanforgeProfileCapacityLow": "the simulator's fleet is too small",
    "StatusTargetStale": "polls cannot be kept from running",
    "StatusExporterPollsStopped": "the same",
    "StatusExporterPollsLate": "it takes a busy machine",
    "StatusExporterLoopLag": "the same",
    "StatusExporterInternalErrors": "it takes a fault in the exporter",
    "StatusExporterShardMissing": "it takes a second exporter",
    "StatusExporterLoginFailing": "a login is tried again after half a minute, whatever the pace",
    "StatusFieldsUntaken": "an answer is looked at again after minutes, whatever the pace",
}
# No answer of the simulator has a series twice.
NOTHING_TO_SHOW = {"exporter: Left out of answers: C"}
# These report maintenance for an hour after it.
LINGERING = frozenset(rule["alert"] for rule in alerts() if "maintenance" in rule["labels"])
GAMES = [f"game-{number}" for number in range(1200345, 1200350)]


def ask_nonsense(address: str) -> None:
    """Send the exporter something that is not HTTP, and wait until it rejects it."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        connection.recv(1)


def set_clock(world: SimulatedServers, offset: float) -> None:
    """Set the clock of the UCS wrong, without a change of its start."""
    world.ucs.started -= offset - world.ucs.clock_offset
    world.ucs.clock_offset = offset


def trouble(one: Scene) -> Firing:
    """Cause everything that can happen to servers that are up."""
    world = one.world
    world.webitel.freeswitch, world.webitel.console = "disconnected", "Offline"
    old = world.webitel_old
    old.crash_worker()
    old.freeswitch = "not ready"
    old.worker.pid = "none"  # type: ignore[assignment]
    world.mdworkbench.queue_stuck = True
    world.mdworkbench.running = []
    # As many have waited for two hours.
    world.mdworkbench.waiting = [time.time() - 7200] * 20
    set_clock(world, 60.0)
    world.ucs.traffic = Traffic(Wave(low=0.0, high=0.0), Random(1))
    world.ucs.last_request = time.time() - 3600
    servers = world.clanforge.servers
    phases: tuple[Phase, ...] = ("allocated", "available", "locked", "stopped", "restarting")
    for server, phase in zip(servers.values(), phases, strict=True):
        server.hold(phase)
    # Its match stays empty.
    servers["1200345"]._move_players = lambda: None  # type: ignore[method-assign]
    world.clanforge.query_failed.add("1200346")
    # More than the fleet's target may have.
    listing = replace(servers["1200345"].listing, serverid=1200350, profileid=7, locationid="7")
    servers["1200350"] = GameServer(listing, Random(1), time.time())
    servers["1200350"].hold("available")
    (one.lists / "broken.yaml").write_text("targetz\n")
    (one.lists / "twice.yaml").write_text("- {targets: [1200345], labels: {region: eu}}\n")
    one.config.write_text(one.config.read_text() + "targetz: []\n")
    one.exporter.send_signal(signal.SIGHUP)

    def again() -> None:
        world.webitel.worker.api_queue += 60
        old.worker.free_memory = 0
        old.switch.session_limit = max(1, old.switch.active)
        old.switch.active = old.switch.session_limit
        old.switch.rate_limit = old.switch.rate_peak_5min = 1
        old.switch.min_idle_cpu = 100.0
        world.mdworkbench.waiting.append(time.time())
        for _ in range(3):
            ask_nonsense(one.port)
        world.ucs.requests += 10
        world.ucs.server_errors += 3
        world.ucs.heap.maximum = int(world.ucs.heap.used * 1.05)

    one.again = again
    return {
        ("WebitelFreeswitchDisconnected", "pbx-new"),
        ("WebitelConsoleDisconnected", "pbx-new"),
        ("WebitelConsoleQueueGrowing", "pbx-new"),
        ("FreeswitchNotReady", "pbx-old"),
        ("FreeswitchSessionSaturation", "pbx-old"),
        ("FreeswitchSessionRateSaturation", "pbx-old"),
        ("FreeswitchCpuBelowMinIdle", "pbx-old"),
        ("WebitelWorkerCrashed", "pbx-old"),
        ("WebitelHostMemoryLow", "pbx-old"),
        ("StatusFieldsUnreadable", "webitel_process_id"),
        ("MdworkbenchQueueNotMoving", "mdw"),
        ("MdworkbenchQueueGrowing", "mdw"),
        ("UcsServerErrorRatioHigh", "ucs-ams"),
        ("UcsClockSkew", "ucs-ams"),
        ("UcsHeapNearMax", "ucs-ams"),
        ("UcsNoTraffic", "ucs-ams"),
        ("ClanforgeAllocatedButEmpty", "game-1200345"),
        ("ClanforgeServerQueryFailing", "game-1200346"),
        ("ClanforgeServerLocked", "game-1200347"),
        ("ClanforgeProfileLocked", "991:7"),
        ("ClanforgeProfileOutOfCapacity", "1002:21"),
        ("ClanforgeServerRestartLoop", "game-1200349"),
        ("ClanforgeAllocatedButEmpty", "fleet"),
        ("ClanforgeAllocatedButEmpty", LISTED),
        ("ClanforgeServerQueryFailing", "fleet"),
        ("MdworkbenchLaunchWaitsLong", "mdw"),
        ("StatusAnswersCut", "clanforge_fleet"),
        ("StatusExporterDiscoveryFailing", ""),
        ("StatusExporterDiscoveryRefused", ""),
        ("StatusExporterRequestsRejected", ""),
        ("ClanforgeProfileOutOfCapacity", "1002:33"),
        ("StatusExporterReloadFailed", ""),
    }


def loss(one: Scene) -> Firing:
    """Fail servers for every kind of reason, and stop two of them intentionally."""
    world = one.world
    # Denied once: the login is tried again after half a minute.
    logins = world.webitel.logins
    denied_from = logins.count
    logins.denied = True
    logins.expire()
    before = one.again

    def again() -> None:
        before()
        logins.denied = logins.count == denied_from

    one.again = again
    world.webitel_old.freeswitch = "hang"
    world.clanforge.throttled = True
    world.ucs.mode = "frozen"  # type: ignore[assignment]
    world.mdworkbench.change("maintenance", resume_on_restart=False)
    now = time.time()
    world.mdworkbench.running.append(Launch(now, now, now + 3600))
    set_clock(world, 0.0)
    return {
        ("StatusTargetRefused", "pbx-new"),
        ("StatusTargetDown", "pbx-old"),
        ("StatusTargetDown", "fleet"),
        *(("ClanforgeServerUnknown", game) for game in (*GAMES, LISTED)),
        ("StatusManyTargetsDown", "clanforge"),
        ("StatusTargetUnknownState", "ucs-ams"),
        ("MdworkbenchInMaintenance", "mdw"),
        ("MdworkbenchDrainStuck", "mdw"),
        ("MdworkbenchQueueNotResumedAfterRestart", "mdw"),
    }


async def maintain(one: Scene, before: Firing) -> Firing:
    """Put UCS into maintenance, in which errors raise no alert, and then fail it."""
    world = one.world
    world.ucs.mode = "maintenance"
    errors_end = {("UcsServerErrorRatioHigh", "ucs-ams")}
    await one.seen_until(lambda _, now: not now & errors_end)
    held: Firing = {
        ("UcsInMaintenance", "ucs-ams"),
        ("UcsStuckInMaintenance", "ucs-ams"),
        ("MdworkbenchStuckInMaintenance", "mdw"),
    }
    await one.expect(held, left_over=before - errors_end)
    world.ucs.stuck_switching = True
    both = {("StatusTargetDown", "ucs-ams"), ("UcsInMaintenance", "ucs-ams")}
    # Both at once, so that one alert can inhibit the other.
    await one.seen_until(lambda _, now: both <= now)
    return held | both


def recovery(one: Scene) -> None:
    """Repair everything."""
    one.again = lambda: None
    world = one.world
    world.webitel.logins.denied = world.clanforge.throttled = world.ucs.stuck_switching = False
    world.webitel.freeswitch = world.webitel_old.freeswitch = "ready"
    world.webitel.console = "Connected"
    world.webitel.worker.drop_queues()
    world.webitel_old.worker.free_memory = world.webitel_old.worker.total_memory // 4
    world.webitel_old.worker.pid = 7
    world.webitel_old.switch.session_limit, world.webitel_old.switch.rate_limit = 1000, 30
    world.webitel_old.switch.rate_peak_5min = 0
    world.webitel_old.switch.min_idle_cpu = 0.0
    world.mdworkbench.running, world.mdworkbench.waiting = [], []
    world.mdworkbench.queue_stuck = False
    world.mdworkbench.change("active")
    world.ucs.mode = "production"
    world.ucs.last_request = time.time()
    world.ucs.heap.maximum = 1037952
    world.clanforge.query_failed.clear()
    del world.clanforge.servers["1200350"]
    for name in ("broken.yaml", "twice.yaml"):
        (one.lists / name).unlink()
    for server in world.clanforge.servers.values():
        server.hold("available")
    one.config.write_text(one.config.read_text().replace("targetz: []\n", ""))
    one.exporter.send_signal(signal.SIGHUP)


def restart(one: Scene) -> Firing:
    """Restart the servers that report their restarts."""
    one.world.ucs.restart()
    one.world.webitel.restart_freeswitch()
    return {("UcsRestarted", "ucs-ams"), ("FreeswitchRestarted", "pbx-new")}


def is_unknown(name: str) -> bool:
    """Return whether a board or a group of alerts is about a system that is not simulated."""
    system = name.replace("-", "_")
    return system in SYSTEMS and system not in SIMULATED


def questions() -> dict[str, str]:
    """Return every query of every panel, as Grafana would send it, by its position."""
    found = {}
    for board in BOARDS:
        if is_unknown(board.name):
            continue
        for panel in panels_of(written(board)):
            for target in panel["targets"]:
                query = target["expr"]
                for variable, value in {**VARIABLES, **PERIODS}.items():
                    query = query.replace(variable, value)
                found[f"{board.name}: {panel['title']}: {target['refId']}"] = query
    return found


def answered(address: str) -> set[str]:
    """Return the positions of the queries that find a value; none may be rejected.

    Each is evaluated at several moments: after a scrape that a busy machine misses, no series exist
    until the next one.
    """
    now = time.time()
    moments = {"start": f"{now - 3}", "end": f"{now}", "step": "0.5"}
    found = {
        place: ask(address, "query_range", query=query, **moments)
        for place, query in questions().items()
    }
    assert [place for place, data in found.items() if data is None] == []
    return {
        place
        for place, data in found.items()
        if any(value != "NaN" for one in data["result"] for _, value in one["values"])
    }


async def test_each_alert_fires_when_it_should_and_each_panel_has_data(tmp_path: Path) -> None:
    async with scene(tmp_path) as one:
        await calm(one)
        troubles = trouble(one)
        await one.expect(troubles)
        # Five separate targets, of which the list has one; the same five and a sixth in the fleet.
        for query in (
            "sum(job_profile_location:clanforge_servers:count)",
            f"sum({questions()['clanforge: Capacity: F']})",
        ):
            await one.expect_value(query, "6")
        shown = await asyncio.to_thread(answered, one.address)
        losses = loss(one)
        await one.expect(losses, left_over=troubles)
        shown |= await asyncio.to_thread(answered, one.address)
        held = await maintain(one, troubles | losses)
        recovery(one)
        await one.seen_until(lambda _, now: {name for name, _ in now} <= LINGERING)
        restarts = restart(one)
        await one.expect(restarts, left_over=held | troubles)
        await one.seen_until(lambda _, now: not now)
        one.exporter.kill()
        ends: Firing = {("StatusExporterDown", ""), ("StatusExporterAbsent", "")}
        await one.expect(ends)

    fired = {name for name, _ in troubles | losses | held | restarts | ends}
    assert set(questions()) - shown == NOTHING_TO_SHOW
    known = {one for name, group in alert_groups().items() if not is_unknown(name) for one in group}
    assert known - fired == set(NOT_HERE)
