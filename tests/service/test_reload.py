"""A new configuration is applied while the old one is in use."""

import asyncio
import logging

import pytest
from aiohttp import web

from exporter.errors import ConfigError
from exporter.runtime.target_state import TargetChanges
from exporter.simulator.app import SimulatedServers
from exporter.simulator.app import make_app as make_world
from exporter.simulator.webitel_login import USER
from support.polling import snapshots_of
from support.reloading_service import config, serving, ucs
from support.vendor import HEALTHY, Vendor

pytestmark = pytest.mark.usefixtures("any_timeout")


async def test_an_unchanged_target_keeps_its_snapshot_timing_and_connection(
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
        await service.polled("a", before.counts.polls + 2)
        await service.polled("b", 1)

    assert after is before
    assert kept
    assert vendor.connections == 1
    assert said == "2 targets: 1 new, 0 changed, 0 gone"


async def test_a_removed_target_is_neither_shown_nor_polled(vendor: Vendor, other: Vendor) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor), ucs("b", other))) as service:
        await service.polled("a", 1)
        await service.polled("b", 1)
        service.text = config(ucs("a", vendor))
        said = await service.reloader.reload("test")
        await service.requests_arrived()
        asked = len(other.requests)
        await service.polled("a", service.tracked("a").counts.polls + 3)
        shown = [target.name for target, _ in snapshots_of(service.targets)]

    assert said == "1 targets: 0 new, 0 changed, 1 gone"
    assert shown == ["a"]
    assert len(other.requests) == asked


async def test_the_poll_of_a_removed_target_is_cancelled_and_its_result_dropped(
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
        await service.polled("b", service.tracked("b").counts.polls + 2)

    assert slow.counts.polls == 0
    assert slow.snapshot is None


async def test_a_changed_target_is_polled_at_once_and_keeps_its_counters(
    vendor: Vendor, other: Vendor
) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor))) as service:
        await service.polled("a", 2)
        before = service.tracked("a").counts.polls
        service.text = config(ucs("a", other))
        said = await service.reloader.reload("test")
        fresh, polls = service.tracked("a").snapshot, service.tracked("a").counts.polls
        await service.requests_arrived()
        asked = len(vendor.requests)
        await service.polled("a", polls + 3)

    assert said == "1 targets: 0 new, 1 changed, 0 gone"
    assert fresh is None
    assert polls >= before
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
        await service.requests_arrived()
        asked = len(vendor.requests)
        await service.polled("a", service.tracked("a").counts.polls + 1)

    assert "Basic dTpvbGQ=" in vendor.requests[0]
    assert all("Basic dTpuZXc=" in request for request in vendor.requests[asked:])


async def test_a_faulty_file_keeps_the_old_configuration(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor))) as service:
        good = service.text
        service.text = config(ucs("a", vendor), "name: b, system: genesys, url: x", "name: c")
        with caplog.at_level(logging.INFO), pytest.raises(ConfigError) as error:
            await service.reloader.reload("test")
        states = [service.value("last_reload_successful"), service.value("reload_failures_total")]
        await service.polled("a", service.tracked("a").counts.polls + 2)
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


async def test_an_unexpected_exception_keeps_the_old_configuration(vendor: Vendor) -> None:
    vendor.answer = HEALTHY
    async with serving(config(ucs("a", vendor))) as service:
        service.text = None  # type: ignore[assignment]
        with pytest.raises(ConfigError, match="a fault of the exporter"):
            await service.reloader.reload("test")
        service.text = config(ucs("a", vendor))
        service.targets.subscribe(broken)
        with pytest.raises(ConfigError, match="a fault of the exporter"):
            await service.reloader.reload("test")
        await service.polled("a", service.tracked("a").counts.polls + 1)

    assert service.value("last_reload_successful") == 0.0
    assert service.value("reload_failures_total") == 2.0


async def test_concurrent_requests_share_one_reload_of_the_newest_file(
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
        rest[0].cancel()  # A client that disconnects does not affect the others.
        service.hold.set()
        results = await asyncio.gather(first, *rest[1:])

    assert service.loads == 1 + 2
    assert results[0] == "1 targets: 0 new, 0 changed, 0 gone"
    assert set(results[1:]) == {"2 targets: 1 new, 0 changed, 0 gone"}


async def test_readiness_is_not_lost_by_a_reload(vendor: Vendor) -> None:
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


async def test_a_login_outlives_a_reload_that_keeps_its_client(vendor: Vendor) -> None:
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
        await service.polled("pbx", service.tracked("pbx").counts.polls + 2)
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
