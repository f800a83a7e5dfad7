"""Probes that wait: concurrent polls, deadlines, limits and targets that change."""

import asyncio
from dataclasses import replace

import pytest

from exporter.clock import Clock
from exporter.http.connections import Connections
from exporter.runtime import host_queues as limits_module
from exporter.runtime import schedule as schedule_module
from exporter.runtime.schedule import Schedule
from exporter.runtime.targets import Targets
from exporter.settings import Client, RateLimit, Settings
from exporter.telemetry import Telemetry
from support.probed_site import POLLS, TIMEOUT, UP, Gate, site_of, target, until
from support.vendor import response


async def test_concurrent_probes_share_one_poll(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate)) as site:
        probes = [asyncio.create_task(site.get("/probe?target=t")) for _ in range(20)]
        await until(lambda: gate.asked)
        probes += [asyncio.create_task(site.get("/probe?target=t")) for _ in range(20)]
        await until(lambda: site.probed == 40)
        gate.open.set()
        answers = await asyncio.gather(*probes)

    assert (gate.asked, gate.most) == (1, 1)
    assert set(answers) == {answers[0]}
    assert f"{POLLS}1\n" in answers[0][1]


async def test_a_probe_waits_for_the_poll_that_the_schedule_began(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate, interval=3600.0)) as site:
        await until(lambda: gate.asked)
        probe = asyncio.create_task(site.get("/probe?target=t"))
        await until(lambda: site.probed)
        gate.open.set()
        status, page = await probe

    assert (status, gate.asked) == (200, 1)
    assert f"{POLLS}1\n" in page


async def test_a_client_that_disconnects_does_not_end_the_poll(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate)) as site:
        host, _, port = site.base.removeprefix("http://").partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /probe?target=t HTTP/1.1\r\nHost: h\r\n\r\n")
        await until(lambda: gate.asked)
        writer.transport.abort()
        probe = asyncio.create_task(site.get("/probe?target=t"))
        await until(lambda: site.probed == 2)
        gate.open.set()
        status, page = await probe

    assert (status, gate.asked) == (200, 1)
    assert f"{UP}1\n" in page


async def test_a_deadline_ends_the_wait_but_not_the_poll(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate)) as site:
        status, text = await site.get("/probe?target=t", headers={TIMEOUT: "0.2"})
        gate.open.set()
        await until(lambda: [one.snapshot for one in site.targets] != [None])
        later, page = await site.get("/probe?target=t&max_age=1h", headers={TIMEOUT: "10"})

    assert (status, text) == (504, '"t" did not answer in time; its poll continues\n')
    assert (later, gate.asked) == (200, 1)
    assert f"{UP}1\n" in page


async def test_a_shorter_timeout_of_the_target_applies(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(replace(target(gate), timeout=0.1)) as site:
        status, page = await site.get("/probe?target=t", headers={TIMEOUT: "60"})

    assert status == 200
    assert f"{UP}0\n" in page
    assert 'status_exporter_poll_failures_total{target="t",reason="timeout"} 1\n' in page


async def test_a_pause_that_the_vendor_requests_is_kept(gate: Gate) -> None:
    gate.answer = response(b"", status="429 Slow down", more="Retry-After: 300\r\n")
    async with site_of(target(gate)) as site:
        answers = {await site.get("/probe?target=t") for _ in range(3)}

    assert gate.asked == 1
    assert len(answers) == 1
    assert f"{UP}0\n" in answers.pop()[1]


async def test_a_rate_limit_delays_probes_until_their_deadline(gate: Gate) -> None:
    limited = Client(name="c", rate_limit=RateLimit(requests_per_second=0.001, burst=1))
    both = [replace(target(gate, name), client=limited) for name in ("t", "u")]
    async with site_of(*both) as site:
        first = await site.get("/probe?target=t", headers={TIMEOUT: "30"})
        second = await site.get("/probe?target=u", headers={TIMEOUT: "0.2"})

    reason = 'the rate_limit of the client "c" puts it off'
    assert first[0] == 200
    assert second == (503, f'"u" could not be polled in time: {reason}\n')
    assert gate.asked == 1


async def test_a_rate_limit_admits_a_probe_before_its_deadline(gate: Gate) -> None:
    limited = Client(name="c", rate_limit=RateLimit(requests_per_second=5, burst=1))
    names = ["t", "u", "v"]
    async with site_of(*(replace(target(gate, name), client=limited) for name in names)) as site:
        answers = await asyncio.gather(*(site.get(f"/probe?target={name}") for name in names))

    assert [status for status, _ in answers] == [200] * 3
    assert gate.asked == 3


async def test_a_full_host_delays_probes(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (limits_module, schedule_module):
        monkeypatch.setattr(module, "MAX_A_HOST", 1)
    gate.open.clear()
    async with site_of(target(gate), target(gate, "u")) as site:
        first = asyncio.create_task(site.get("/probe?target=t"))
        await until(lambda: gate.asked)
        refused = await site.get("/probe?target=u", headers={TIMEOUT: "0.2"})
        waiting = asyncio.create_task(site.get("/probe?target=u"))
        await until(lambda: site.probed == 3)
        gate.open.set()
        answers = await asyncio.gather(first, waiting)

    assert refused == (503, '"u" could not be polled in time: the 1 places of its host are taken\n')
    assert [status for status, _ in answers] == [200, 200]
    assert (gate.asked, gate.most) == (2, 1)


async def test_a_removed_target_gives_its_turn_at_a_full_host_to_the_next(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (limits_module, schedule_module):
        monkeypatch.setattr(module, "MAX_A_HOST", 1)
    gate.open.clear()
    async with site_of(*(target(gate, name) for name in "tuv")) as site:
        probes = [asyncio.create_task(site.get("/probe?target=t"))]
        await until(lambda: gate.asked)
        for name in "uv":
            probes.append(asyncio.create_task(site.get(f"/probe?target={name}")))
            await until(lambda: site.probed == len(probes))
        site.targets.replace([one.target for one in site.targets if one.target.name != "u"])
        gate.open.set()
        async with asyncio.timeout(60):
            answers = await asyncio.gather(*probes)

    assert [status for status, _ in answers] == [200, 404, 200]
    assert gate.asked == 2


async def test_a_full_exporter_polls_for_a_probe_once_there_is_room(gate: Gate) -> None:
    clock, telemetry = Clock(), Telemetry()
    targets = Targets(Settings(targets=(target(gate), target(gate, "u"))), telemetry, clock)
    connections = Connections(clock)
    schedule = Schedule(targets, connections, telemetry, clock, 1)
    running_schedule = asyncio.create_task(schedule.run())
    gate.open.clear()
    t, u = targets
    probes = [asyncio.create_task(schedule.poll_now(t, 0.0, 60.0))]
    await until(lambda: gate.asked)
    probes.append(asyncio.create_task(schedule.poll_now(u, 0.0, 60.0)))
    await asyncio.sleep(0.1)  # For ticks at which there is no room.
    gate.open.set()
    await asyncio.gather(*probes)
    running_schedule.cancel()
    await asyncio.wait([running_schedule])
    await connections.close()

    assert (gate.asked, gate.most) == (2, 1)
    assert [one.counts.polls for one in (t, u)] == [1, 1]


async def test_a_target_changed_during_a_probe_is_polled_with_its_new_settings(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate)) as site:
        probe = asyncio.create_task(site.get("/probe?target=t"))
        await until(lambda: gate.asked)
        site.targets.replace([replace(target(gate), labels={"site": "ams"})])
        gate.open.set()
        status, page = await probe

    assert status == 200
    assert 'status_exporter_target_up{target="t",site="ams",system="genesys_ucs"} 1\n' in page


async def test_a_target_removed_during_a_probe_is_unknown(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate)) as site:
        probe = asyncio.create_task(site.get("/probe?target=t"))
        await until(lambda: gate.asked)
        site.targets.replace([])
        answer = await probe

    assert answer == (404, 'there is no target "t"\n')


async def test_a_target_removed_before_its_poll_began_is_unknown_at_once(gate: Gate) -> None:
    limited = Client(name="c", rate_limit=RateLimit(requests_per_second=0.001, burst=1))
    both = [replace(target(gate, name), client=limited) for name in ("t", "u")]
    async with site_of(*both) as site:
        await site.get("/probe?target=t")
        probe = asyncio.create_task(site.get("/probe?target=u"))
        await until(lambda: site.probed == 2)
        site.targets.replace(both[:1])
        async with asyncio.timeout(60):
            answer = await probe

    assert answer == (404, 'there is no target "u"\n')
    assert gate.asked == 1
