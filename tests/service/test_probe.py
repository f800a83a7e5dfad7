"""Probes by name: one fresh poll for whoever asks, within Prometheus' deadline."""

import asyncio
import gzip
import math
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from exporter.clock import Clock
from exporter.errors import QueryError
from exporter.http.connections import Connections
from exporter.runtime import host_queues as limits_module
from exporter.runtime import schedule as schedule_module
from exporter.runtime.poll_run import PollRun
from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.service import running
from exporter.settings import Client, RateLimit, Settings, Target
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web import probe as probe_module
from exporter.web.exposition import expose_targets
from exporter.web.probe import deadline
from exporter.web.routes import make_app
from support.polling import make_target
from support.vendor import HEALTHY, response, serving

TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"
UP = 'status_exporter_target_up{target="t",system="genesys_ucs"} '
POLLS = 'status_exporter_polls_total{target="t"} '


class Gate:
    """A vendor that answers only while it is open, and counts who asks."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.at_once = 0
        self.most = 0
        self.answer = HEALTHY
        self.open = asyncio.Event()
        self.open.set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            try:
                await self.open.wait()
            finally:
                self.at_once -= 1
            writer.write(self.answer)
            await writer.drain()


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    one = Gate()
    async with serving(one.handle) as one.url:
        yield one
        one.open.set()


def target(gate: Gate, name: str = "t", *, interval: float = math.inf) -> Target:
    """Make a target that is polled on probe, unless it has an interval."""
    return replace(
        make_target(url=gate.url),
        name=name,
        interval=interval,
        timeout=30.0,
        max_age=3 * interval,
    )


class Site:
    """A service that polls and serves, with a client to ask it."""

    def __init__(
        self, base: str, targets: Targets, schedule: Schedule, session: aiohttp.ClientSession
    ) -> None:
        self.base = base
        self.targets = targets
        self.probed = 0
        """How many probes have come as far as to poll, or to wait for a poll."""
        self._session = session
        self._poll_now = schedule.poll_now
        schedule.poll_now = self._count  # type: ignore[method-assign]

    async def _count(self, tracked: TargetState, max_age: float, within: float) -> None:
        self.probed += 1
        await self._poll_now(tracked, max_age, within)

    async def get(
        self, path: str, method: str = "GET", headers: Mapping[str, str] = MappingProxyType({})
    ) -> tuple[int, str]:
        async with self._session.request(method, f"{self.base}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def raw(self, path: str, **headers: str) -> tuple[Mapping[str, str], bytes]:
        async with self._session.get(
            f"{self.base}{path}", headers=headers, auto_decompress=False
        ) as answer:
            return answer.headers, await answer.read()


@asynccontextmanager
async def site_of(*targets: Target) -> AsyncIterator[Site]:
    async with running(Settings(targets=targets), Clock()) as (live, telemetry, schedule):
        app = make_app(live, telemetry, "/metrics", schedule=schedule)
        async with listening(app, ["127.0.0.1:0"]) as (address,), aiohttp.ClientSession() as one:
            yield Site(f"http://{address}", live, schedule, one)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.005)


async def test_a_probe_polls_and_shows_that_target_alone(gate: Gate) -> None:
    async with site_of(target(gate), target(gate, "other")) as site:
        status, page = await site.get("/probe?target=t")

    assert (status, gate.asked) == (200, 1)
    assert f"{UP}1\n" in page
    assert 'genesys_ucs_mode{target="t",mode="production"} 1\n' in page
    assert "other" not in page
    assert "process_" not in page
    assert "status_exporter_build" not in page


async def test_each_probe_is_a_poll_and_is_counted(gate: Gate) -> None:
    async with site_of(target(gate)) as site:
        pages = [(await site.get("/probe?target=t"))[1] for _ in range(3)]

    assert gate.asked == 3
    assert [f"{POLLS}{number}\n" in page for number, page in enumerate(pages, 1)] == [True] * 3


@pytest.mark.parametrize(("limit", "is_beside"), [(0, True), (10_000, False)])
async def test_a_large_page_is_written_beside_the_event_loop(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, limit: int, is_beside: bool
) -> None:
    threads = list[threading.Thread]()

    def expose(*given: Any, **named: Any) -> list[bytes]:
        threads.append(threading.current_thread())
        return expose_targets(*given, **named)

    monkeypatch.setattr(probe_module, "_MAX_SERIES_AT_ONCE", limit)
    monkeypatch.setattr(probe_module, "expose_targets", expose)
    async with site_of(target(gate)) as site:
        status, page = await site.get("/probe?target=t")

    assert (status, f"{UP}1\n" in page) == (200, True)
    assert [one is not threading.main_thread() for one in threads] == [is_beside]


async def test_probes_in_a_loop_cost_a_target_with_an_interval_nothing(gate: Gate) -> None:
    async with site_of(target(gate, interval=3600.0)) as site:

        async def loop() -> list[int]:
            return [(await site.get("/probe?target=t"))[0] for _ in range(20)]

        statuses = await asyncio.gather(*(loop() for _ in range(8)))

    assert {status for each in statuses for status in each} == {200}
    assert gate.asked == 1


async def test_a_result_older_than_half_the_interval_is_renewed(gate: Gate) -> None:
    async with site_of(replace(target(gate, interval=3600.0), max_age=7200.0)) as site:
        await site.get("/probe?target=t")
        (tracked,) = site.targets
        assert tracked.snapshot is not None
        age = tracked.snapshot.poll._replace(taken=tracked.snapshot.poll.taken - 1801.0)
        tracked.snapshot = tracked.snapshot._replace(poll=age)
        await site.get("/probe?target=t")

    assert gate.asked == 2


async def test_a_reading_that_is_young_enough_is_not_polled_for_again(gate: Gate) -> None:
    async with site_of(target(gate)) as site:
        for max_age, asked in (("1h", 1), ("1h", 1), ("0s", 2), ("1h30m", 2)):
            status, page = await site.get(f"/probe?target=t&max_age={max_age}")
            assert (status, f"{UP}1\n" in page, gate.asked) == (200, True, asked)


async def test_a_reading_too_old_for_its_target_is_too_old_for_every_probe(gate: Gate) -> None:
    old = replace(target(gate, interval=3600.0), max_age=0.0)
    async with site_of(old) as site:
        await until(lambda: gate.asked)
        await site.get("/probe?target=t&max_age=1h")
        before = gate.asked
        _, page = await site.get("/probe?target=t&max_age=1h")

    assert gate.asked == before + 1
    assert f"{UP}1\n" in page


async def test_one_poll_serves_all_who_probe_meanwhile(gate: Gate) -> None:
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


async def test_who_goes_away_takes_no_poll_with_it(gate: Gate) -> None:
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


async def test_a_deadline_ends_the_wait_and_not_the_poll(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate)) as site:
        status, text = await site.get("/probe?target=t", headers={TIMEOUT: "0.2"})
        gate.open.set()
        await until(lambda: [one.snapshot for one in site.targets] != [None])
        later, page = await site.get("/probe?target=t&max_age=1h", headers={TIMEOUT: "10"})

    assert (status, text) == (504, '"t" did not answer in time; its poll goes on\n')
    assert (later, gate.asked) == (200, 1)
    assert f"{UP}1\n" in page


async def test_the_targets_own_timeout_holds_where_it_is_shorter(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(replace(target(gate), timeout=0.1)) as site:
        status, page = await site.get("/probe?target=t", headers={TIMEOUT: "60"})

    assert status == 200
    assert f"{UP}0\n" in page
    assert 'status_exporter_poll_failures_total{target="t",reason="timeout"} 1\n' in page


async def test_a_target_that_is_down_is_an_answer(gate: Gate) -> None:
    gate.answer = response(b"", status="401 Unauthorized")
    async with site_of(target(gate)) as site:
        await site.get("/probe?target=t")
        status, page = await site.get("/probe?target=t")

    assert status == 200
    assert f"{UP}0\n" in page
    assert 'status_exporter_poll_failures_total{target="t",reason="http_401"} 2\n' in page


async def test_a_vendor_that_wants_a_pause_gets_it(gate: Gate) -> None:
    gate.answer = response(b"", status="429 Slow down", more="Retry-After: 300\r\n")
    async with site_of(target(gate)) as site:
        answers = {await site.get("/probe?target=t") for _ in range(3)}

    assert gate.asked == 1
    assert len(answers) == 1
    assert f"{UP}0\n" in answers.pop()[1]


async def test_a_rate_limit_puts_probes_off_until_their_deadline(gate: Gate) -> None:
    limited = Client(name="c", rate_limit=RateLimit(requests_per_second=0.001, burst=1))
    both = [replace(target(gate, name), client=limited) for name in ("t", "u")]
    async with site_of(*both) as site:
        first = await site.get("/probe?target=t", headers={TIMEOUT: "30"})
        second = await site.get("/probe?target=u", headers={TIMEOUT: "0.2"})

    reason = 'the rate_limit of the client "c" puts it off'
    assert first[0] == 200
    assert second == (503, f'"u" could not be polled in time: {reason}\n')
    assert gate.asked == 1


async def test_a_rate_limit_lets_a_probe_through_when_its_moment_comes(gate: Gate) -> None:
    limited = Client(name="c", rate_limit=RateLimit(requests_per_second=5, burst=1))
    names = ["t", "u", "v"]
    async with site_of(*(replace(target(gate, name), client=limited) for name in names)) as site:
        answers = await asyncio.gather(*(site.get(f"/probe?target={name}") for name in names))

    assert [status for status, _ in answers] == [200] * 3
    assert gate.asked == 3


async def test_a_full_host_puts_probes_off(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert [one.tally.polls for one in (t, u)] == [1, 1]


async def test_a_probe_takes_the_normalized_url_the_targets_next_turn(gate: Gate) -> None:
    now = [0.0]
    clock, telemetry = Clock(monotonic=lambda: now[0]), Telemetry()
    targets = Targets(Settings(targets=(target(gate, interval=10.0),)), telemetry, clock)
    connections = Connections(clock)
    schedule = Schedule(targets, connections, telemetry, clock, 100)
    (tracked,) = targets

    async def asked_at(moment: float) -> int:
        now[0] = moment
        while schedule.leave_due(moment):
            pass
        while schedule.under_way:
            await asyncio.sleep(0.01)
        return gate.asked

    assert await asked_at(1.0) == 1
    for moment, polls in ((4.0, 2), (14.3, 3), (24.6, 4)):
        before = await asked_at(moment - 0.1)
        now[0] = moment
        await schedule.poll_now(tracked, 0.0, 60.0)
        assert (before, gate.asked) == (polls - 1, polls)
    # No more probes come, and its own turns go on an interval after the last.
    assert await asked_at(35.0) == 4
    assert await asked_at(35.6) == 5
    assert await asked_at(50.2) == 6
    await connections.close()


async def test_a_turn_that_comes_up_during_a_probes_poll_is_not_another_poll(gate: Gate) -> None:
    now = [0.0]
    clock, telemetry = Clock(monotonic=lambda: now[0]), Telemetry()
    targets = Targets(Settings(targets=(target(gate, interval=10.0),)), telemetry, clock)
    connections = Connections(clock)
    schedule = Schedule(targets, connections, telemetry, clock, 100)
    (tracked,) = targets
    gate.open.clear()
    probe = asyncio.create_task(schedule.poll_now(tracked, 0.0, 60.0))
    await until(lambda: gate.asked)
    for moment in (1.0, 11.0, 21.0):
        schedule.leave_due(moment)
    polls = schedule.under_way
    gate.open.set()
    await probe
    await connections.close()

    assert (polls, gate.asked, gate.most) == (1, 1, 1)


async def test_turns_that_are_moved_leave_nothing_behind(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, telemetry = Clock(monotonic=lambda: 0.0), Telemetry()
    targets = Targets(Settings(targets=(target(gate),)), telemetry, clock)
    left = list[object]()
    monkeypatch.setattr(PollRun, "start", lambda run, *_, **__: left.append(run))
    schedule = Schedule(targets, Connections(clock), telemetry, clock, 100)
    (turn,) = schedule._turns.values()
    for number in range(10_000):
        schedule._slots.put(turn, 20_000.0 - number)
    kept = sum(len(slot) for slot in schedule._slots._slots.values())
    for _ in range(10):
        schedule.leave_due(30_000.0)

    assert kept == 1
    assert len(left) == 1


async def test_a_target_altered_while_it_is_probed_is_polled_as_it_is_now(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate)) as site:
        probe = asyncio.create_task(site.get("/probe?target=t"))
        await until(lambda: gate.asked)
        site.targets.replace([replace(target(gate), labels={"site": "ams"})])
        gate.open.set()
        status, page = await probe

    assert status == 200
    assert 'status_exporter_target_up{target="t",site="ams",system="genesys_ucs"} 1\n' in page


async def test_a_target_that_goes_while_it_is_probed_is_unknown(gate: Gate) -> None:
    gate.open.clear()
    async with site_of(target(gate)) as site:
        probe = asyncio.create_task(site.get("/probe?target=t"))
        await until(lambda: gate.asked)
        site.targets.replace([])
        answer = await probe

    assert answer == (404, 'there is no target "t"\n')


async def test_a_target_that_goes_before_its_poll_began_is_unknown_at_once(gate: Gate) -> None:
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


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "the parameter target is missing: /probe?target=NAME"),
        ("?target=", "the parameter target is empty"),
        ("?target=t&target=t", "the parameter target is given more than once"),
        ("?target=t&module=x", 'unknown parameter "module"; known: labels, max_age, target'),
        ("?targt=t", 'unknown parameter "targt"; did you mean "target"?'),
        ("?target=t&labels=all", "the parameter labels can only be sd"),
        (
            "?target=t&max_age=15",
            'max_age: "15" is not a duration such as 15s, 1m30s or 500ms',
        ),
        (
            "?target=t&max_age=-1s",
            'max_age: "-1s" is not a duration such as 15s, 1m30s or 500ms',
        ),
    ],
)
async def test_a_query_that_is_wrong_is_told(gate: Gate, query: str, reason: str) -> None:
    async with site_of(target(gate)) as site:
        answer = await site.get(f"/probe{query}")

    assert answer == (400, f"{reason}\n")
    assert gate.asked == 0


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("nobody", "nobody"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
        ("%3Cb%3E%1B%5B2J", "<b>\ufffd[2J"),
        ("x" * 500, "x" * 80 + "..."),
    ],
)
async def test_only_names_of_targets_can_be_probed(gate: Gate, sent: str, said: str) -> None:
    async with site_of(target(gate)) as site:
        headers, body = await site.raw(f"/probe?target={sent}")
        status, _ = await site.get(f"/probe?target={sent}")

    assert (status, body.decode()) == (404, f'there is no target "{said}"\n')
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert gate.asked == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ([], 119.5),
        (["10"], 9.5),
        (["10.000000"], 9.5),
        (["1"], 0.9),
        (["0.9"], 0.81),
        ([".1"], 0.09),
    ],
)
def test_the_deadline_is_prometheus_timeout_less_a_margin(
    headers: list[str], seconds: float
) -> None:
    assert deadline(headers) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "header", ["", "0", "0.0", "-1", "nan", "inf", "1e9", "10s", "\u0661", "1" * 99]
)
def test_a_timeout_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(QueryError, match="must be a number of seconds above 0"):
        deadline([header])


async def test_a_malformed_timeout_is_told(gate: Gate) -> None:
    async with site_of(target(gate)) as site:
        answer = await site.get("/probe?target=t", headers={TIMEOUT: "soon"})

    assert answer == (400, f"the header {TIMEOUT} must be a number of seconds above 0\n")


async def test_head_has_the_headers_and_polls_nothing(gate: Gate) -> None:
    async with site_of(target(gate)) as site:
        answers = [
            await site.get(f"/probe?target={name}", method)
            for name, method in (("t", "HEAD"), ("nobody", "HEAD"), ("t", "POST"))
        ]

    assert [status for status, _ in answers] == [200, 404, 405]
    assert gate.asked == 0


async def test_a_probe_negotiates_as_a_scrape_does(gate: Gate) -> None:
    form = "application/openmetrics-text;version=1.0.0"
    async with site_of(target(gate)) as site:
        headers, packed = await site.raw(
            "/probe?target=t", Accept=form, **{"Accept-Encoding": "gzip"}
        )
    page = gzip.decompress(packed).decode()

    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert headers["Vary"] == "Accept, Accept-Encoding"
    assert list(parse_openmetrics(page))  # type: ignore[no-untyped-call]
    assert page.endswith("# EOF\n")


async def test_what_is_polled_on_probe_is_left_out_of_all_else(gate: Gate) -> None:
    by_itself = Gate()
    async with serving(by_itself.handle) as by_itself.url:
        regular = replace(target(by_itself, "r"), interval=0.1, max_age=600.0)
        async with site_of(target(gate), regular) as site:
            await until(lambda: by_itself.asked > 3)
            ready, _ = await site.get("/-/ready")
            asked = gate.asked
            _, before = await site.get("/")
            await site.get("/probe?target=t")
            _, page = await site.get("/metrics")
            _, after = await site.get("/")
            site.targets.replace([one.target for one in site.targets])
            _, again = await site.get("/metrics")

    assert (ready, asked, gate.asked) == (200, 0, 1)
    assert 'target="r"' in page
    assert 'target="t"' not in page + again
    assert 'status_exporter_targets{system="genesys_ucs"} 2.0\n' in page
    assert "<b>1</b> on probe" in before
    assert '<span class="state on-probe">on probe</span>' in before
    assert "<b>2</b> up" in after


async def test_a_site_without_a_schedule_says_that_nothing_polls(gate: Gate) -> None:
    targets = Targets(Settings(targets=(target(gate),)), Telemetry(), Clock())
    app = make_app(targets, Telemetry(), "/metrics")
    async with (
        listening(app, ["127.0.0.1:0"]) as (address,),
        aiohttp.request("GET", f"http://{address}/probe?target=t") as answer,
    ):
        assert answer.status == 503
