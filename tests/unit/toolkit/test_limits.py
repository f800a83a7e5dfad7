"""What strangers may take of the port, and that scrapers get theirs whatever strangers do."""

import asyncio
import errno
import re
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from exporter.telemetry import Telemetry
from exporter.toolkit.limits import ConnectionLimiter, Limits, Phase, normalized_address
from exporter.toolkit.server_metrics import Rejection, ServerMetrics
from exporter.web import pages
from support.paths import ROOT
from support.polling import Hand
from support.raw_requests import (
    HEALTHY,
    LAST,
    LAST_SCRAPE,
    PIECE,
    PIECES,
    SCRAPE,
    enlarge,
    is_safe,
    opened,
)


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    enlarge(monkeypatch)


async def pass_until(holds: Callable[[], bool], hand: Hand) -> None:
    """Let time pass on the clock until something has happened."""
    async with asyncio.timeout(60):
        while not holds():
            hand.passed += 0.1
            await asyncio.sleep(0.01)


def test_every_reason_is_there_from_the_beginning() -> None:
    telemetry = Telemetry()
    name = "status_exporter_http_rejected_total"

    assert {
        telemetry.registry.get_sample_value(name, {"reason": str(reason)}) for reason in Rejection
    } == {0.0}


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: h\r\nX: ", HEALTHY + b"GET /"]
)
async def test_who_does_not_finish_a_head_is_closed(sent: bytes, hand: Hand) -> None:
    async with opened(Limits(head=0.2), clock=hand.clock) as port:
        asking = asyncio.create_task(port.ask(sent))
        await port.until(lambda: len(port.limiter) == 1)
        await pass_until(asking.done, hand)

        assert port.rejected("slow_request") == 1
        assert await port.is_well()


async def test_a_byte_now_and_then_gains_no_time(hand: Hand) -> None:
    async with opened(Limits(head=0.2), clock=hand.clock) as port:
        reader, writer = await port.connect(HEALTHY)
        await reader.readuntil(b"Healthy.\n")
        async with asyncio.timeout(60):
            with suppress(ConnectionError):
                for letter in b"GET /" + b"x" * 5000:
                    writer.write(bytes([letter]))
                    await writer.drain()
                    hand.passed += 0.01
                    await asyncio.sleep(0.01)
                    if reader.at_eof() or port.rejected("slow_request"):
                        break

        assert port.rejected("slow_request") == 1


async def test_a_connection_between_two_requests_stays(hand: Hand) -> None:
    async with opened(Limits(head=0.1), clock=hand.clock) as port:
        reader, writer = await port.connect(HEALTHY)
        await reader.readuntil(b"Healthy.\n")
        await port.until(lambda: {one.phase for one in port.limiter._connections} == {Phase.IDLE})
        hand.passed += 0.4  # As long as several heads may take.
        await asyncio.sleep(0.1)  # For it to be looked at again and again.
        writer.write(HEALTHY)

        assert await reader.readuntil(b"Healthy.\n")
        assert port.rejected("slow_request") == 0


async def test_a_connection_that_is_not_used_again_is_closed() -> None:
    async with opened(Limits(idle=0.2)) as port:
        assert b"Healthy." in await port.ask(HEALTHY)
        assert {reason: port.rejected(str(reason)) for reason in Rejection} == dict.fromkeys(
            Rejection, 0.0
        )


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("limits", "header"),
    [
        (Limits(response=0.3), ""),
        (Limits(response=0.3), "30"),
        (Limits(response=0.3), "nan"),
        (Limits(response=0.3), "inf"),
        (Limits(response=0.3), "-1"),
        (Limits(response=0.3), "soon"),
        (Limits(margin=0.1), "0.2"),
    ],
)
async def test_who_does_not_read_an_answer_is_closed(
    limits: Limits, header: str, hand: Hand
) -> None:
    async with opened(limits, clock=hand.clock) as port:
        sent = SCRAPE[:-2] + f"X-Prometheus-Scrape-Timeout-Seconds: {header}\r\n\r\n".encode()
        await port.connect(sent)
        await port.until(lambda: any(one.stalled_since for one in port.limiter._connections))
        await pass_until(lambda: len(port.limiter) == 0, hand)

        assert port.rejected("slow_response") == 1
        assert await port.is_well()


async def test_who_does_not_read_the_end_of_an_answer_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "status_page", lambda *_: "x" * 20_000_000)
    async with opened(Limits(response=0.3)) as port:
        await port.connect(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await port.until(lambda: port.rejected("slow_response") == 1)

        assert len(port.limiter) == 0


@pytest.mark.usefixtures("large")
async def test_beyond_the_limit_scrapes_are_told_to_come_back() -> None:
    async with opened(Limits(scrapes=2, stall=60.0)) as port:
        slow = [await port.connect(SCRAPE) for _ in "ab"]
        for reader, _ in slow:
            await reader.readexactly(1)
        busy = await port.ask(LAST_SCRAPE)
        well = await port.is_well()
        for _, writer in slow:
            writer.transport.abort()
        await port.until(lambda: len(port.limiter) == 0)
        after = await port.ask(LAST_SCRAPE)

        assert busy.startswith(b"HTTP/1.0 503 ")
        assert b"\r\nRetry-After: 1\r\n" in busy
        assert busy.endswith(b"\r\n\r\nBusy: 2 scrapes are under way.\n")
        assert is_safe(busy)
        assert well
        assert port.rejected("busy") == 1
        assert after.count(PIECE) == PIECES


@pytest.mark.usefixtures("large")
async def test_who_does_not_read_gives_his_place_to_the_next() -> None:
    async with opened(Limits(scrapes=2, stall=0.0)) as port:
        for _ in "ab":
            reader, _ = await port.connect(SCRAPE)
            await reader.readexactly(1)
        await port.until(
            lambda: all(one.stalled_since is not None for one in port.limiter._scrapes)
        )
        page = await port.ask(LAST_SCRAPE)

        assert page.count(PIECE) == PIECES
        assert port.rejected("slow_response") == 1
        assert port.rejected("busy") == 0


@pytest.mark.usefixtures("large")
async def test_without_a_limit_all_scrapes_are_served() -> None:
    async with opened(Limits(scrapes=0)) as port:
        for _ in range(60):
            reader, _ = await port.connect(SCRAPE)
            await reader.readexactly(1)
        page = await port.ask(LAST_SCRAPE)

        assert page.count(PIECE) == PIECES


async def test_one_address_cannot_keep_others_out(tmp_path: Path) -> None:
    path = tmp_path / "port"
    async with opened(Limits(connections=10), path=path) as port:
        reader, writer = await port.connect(HEALTHY)
        await reader.readuntil(b"Healthy.\n")
        for _ in range(30):
            await port.connect(path=path)
        await port.until(lambda: port.rejected("connections") == 21)
        writer.write(HEALTHY)

        assert await reader.readuntil(b"Healthy.\n")
        assert await port.is_well()
        assert len(port.limiter) <= 10


async def test_idle_connections_of_an_address_make_room_for_its_next() -> None:
    async with opened(Limits(connections=10)) as port:
        for _ in range(30):
            reader, _ = await port.connect(HEALTHY)
            await reader.readuntil(b"Healthy.\n")

        assert port.rejected("connections") == 20
        assert await port.is_well()


@pytest.mark.usefixtures("large")
async def test_an_address_with_nothing_but_scrapes_has_no_room_for_more(
    tmp_path: Path,
) -> None:
    path = tmp_path / "port"
    async with opened(Limits(connections=3, stall=60.0), path=path) as port:
        for _ in "abc":
            reader, _ = await port.connect(SCRAPE, path)
            await reader.readexactly(1)

        assert await port.ask(LAST, path) == b""
        assert len(port.limiter) == 3
        assert await port.is_well()  # Another address takes the place of one of them.
        assert port.rejected("connections") == 2


@pytest.mark.usefixtures("large")
async def test_a_scraper_is_served_among_a_thousand_that_do_not_read() -> None:
    async with opened(Limits(stall=0.1)) as port:
        held = 0

        def measured() -> int:
            callers = port.limiter._connections
            return sum(one.transport.get_write_buffer_size() for one in callers)

        for _ in range(1000):
            with suppress(ConnectionError):
                await port.connect(SCRAPE)
            held = max(held, measured())
        async with asyncio.timeout(60):
            # As Prometheus does: one that is turned away comes again.
            while (page := await port.ask(LAST_SCRAPE)).count(PIECE) < PIECES:
                assert page == b"" or page.startswith(b"HTTP/1.0 503 ")
                await asyncio.sleep(0.1)

        assert len(port.limiter) <= 128
        assert len(port.limiter._scrapes) <= 40
        # Of a page of twenty megabytes each keeps a piece or two.
        assert held < 128 * 4 * len(PIECE)
        assert await port.is_well()


class FakeTransport(asyncio.Transport):
    """A connection that only notes that it was closed."""

    is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def make_limiter(connections: int, now: list[float]) -> ConnectionLimiter:
    metrics = ServerMetrics(CollectorRegistry(), "x")
    return ConnectionLimiter(metrics, Limits(connections=connections), lambda: now[0])


async def test_of_addresses_that_hold_the_same_the_longest_idle_gives_way() -> None:
    now = [0.0]
    limiter = make_limiter(3, now)
    held = list[FakeTransport]()
    for address in ("a", "b", "c", "scraper"):
        now[0] += 1
        held.append(FakeTransport())
        client = limiter.add(held[-1], address)
        if address == "a":
            limiter.begin_response(client, None)

    assert [one.is_aborted for one in held] == [False, True, False, False]


@pytest.mark.parametrize(
    ("number", "left"), [(errno.EMFILE, 1), (errno.ENFILE, 1), (errno.ECONNABORTED, 2)]
)
async def test_a_lack_of_open_files_costs_an_idle_connection(number: int, left: int) -> None:
    now = [0.0]
    limiter = make_limiter(3, now)
    held = [FakeTransport() for _ in "ab"]
    for transport, address in zip(held, "ab", strict=True):
        now[0] += 1
        limiter.add(transport, address)
    limiter.make_room(OSError(number, "x"))

    assert len(limiter) == left
    assert [one.is_aborted for one in held] == [left == 1, False]


def test_without_a_connection_there_is_no_room_to_make() -> None:
    make_limiter(3, [0.0]).make_room(OSError(errno.EMFILE, "x"))


@pytest.mark.parametrize(
    ("files", "connections"),
    [(16, 4), (64, 4), (256, 52), (1024, 128), (2**20, 128), (resource.RLIM_INFINITY, 128)],
)
async def test_connections_leave_open_files_for_polls(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    limiter = make_limiter(128, [0.0])
    for _ in range(200):
        limiter.add(FakeTransport(), "a")

    assert len(limiter) == connections


def test_the_limits_are_those_the_document_tells() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    limits = Limits()

    assert set(re.findall(r"`(\w+)` \|$", text, re.MULTILINE)) == set(Rejection)
    assert f"| connections at once | {limits.connections}, " in text
    assert f"| scrapes at once | {limits.scrapes}, " in text
    assert f"| time for the head of a request | {limits.head:.0f} s |" in text
    assert f"| {limits.response:.0f} s, or the scraper's timeout and {limits.margin:.0f} s" in text
    assert f"| {limits.request_bytes // 1024} KiB |" in text
    assert f"| idle between two requests | {limits.idle:.0f} s |" in text


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        (("192.0.2.1", 1), "192.0.2.1"),
        (("::ffff:192.0.2.1", 1, 0, 0), "192.0.2.1"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_peer_is_whoever_has_the_address(name: object, peer: str) -> None:
    assert normalized_address(name) == peer


def test_the_library_has_what_a_connection_overrides() -> None:
    for name in ("finish_response", "handle_error", "data_received", "connection_made"):
        assert callable(getattr(web.RequestHandler, name))
