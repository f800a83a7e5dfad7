"""Limits over real connections: slow, idle or numerous clients cannot keep scrapers out."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from exporter.toolkit.connection_limits import Limits, Phase
from exporter.toolkit.server_metrics import RejectReason
from exporter.web import page_handlers
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


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: h\r\nX: ", HEALTHY + b"GET /"]
)
async def test_a_connection_whose_head_does_not_end_is_closed(sent: bytes, hand: Hand) -> None:
    async with opened(Limits(head=0.2), clock=hand.clock) as port:
        asking = asyncio.create_task(port.ask(sent))
        await port.until(lambda: len(port.limiter) == 1)
        await pass_until(asking.done, hand)

        assert port.rejected("slow_request") == 1
        assert await port.is_well()


async def test_a_slow_head_gains_no_time_by_single_bytes(hand: Hand) -> None:
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
        assert {reason: port.rejected(str(reason)) for reason in RejectReason} == dict.fromkeys(
            RejectReason, 0.0
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
async def test_a_client_that_does_not_read_a_response_is_closed(
    limits: Limits, header: str, hand: Hand
) -> None:
    async with opened(limits, clock=hand.clock) as port:
        sent = SCRAPE[:-2] + f"X-Prometheus-Scrape-Timeout-Seconds: {header}\r\n\r\n".encode()
        await port.connect(sent)
        await port.until(lambda: any(one.stalled_since for one in port.limiter._connections))
        await pass_until(lambda: len(port.limiter) == 0, hand)

        assert port.rejected("slow_response") == 1
        assert await port.is_well()


async def test_a_client_that_does_not_read_the_end_of_a_response_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_handlers, "render_list", lambda *_: iter(["x" * 20_000_000]))
    async with opened(Limits(response=0.3)) as port:
        await port.connect(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await port.until(lambda: port.rejected("slow_response") == 1)

        assert len(port.limiter) == 0


@pytest.mark.usefixtures("large")
async def test_scrapes_beyond_the_limit_are_answered_503() -> None:
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
async def test_a_stalled_scrape_gives_way_to_the_next() -> None:
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
async def test_an_address_with_only_scrapes_gets_no_more_connections(
    tmp_path: Path,
) -> None:
    path = tmp_path / "port"
    async with opened(Limits(connections=3, stall=60.0), path=path) as port:
        for _ in "abc":
            reader, _ = await port.connect(SCRAPE, path)
            await reader.readexactly(1)

        assert await port.ask(LAST, path) == b""
        assert len(port.limiter) == 3
        assert await port.is_well()  # Another address evicts one of them.
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


def test_aiohttp_has_the_methods_that_a_connection_overrides() -> None:
    for name in ("finish_response", "handle_error", "data_received", "connection_made"):
        assert callable(getattr(web.RequestHandler, name))
