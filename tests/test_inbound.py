"""What strangers may take of the port, and that scrapers get theirs whatever strangers do."""

import asyncio
import logging
import re
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvloop
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program import fetch, started

from exporter.clock import Clock
from exporter.settings import Settings
from exporter.targets import Targets
from exporter.telemetry import Telemetry
from exporter.web import routes
from exporter.web.connection import GUARD, _peer
from exporter.web.inbound import Inbound, Limits, Rejection
from exporter.web.listen import listening
from exporter.web.routes import make_app

MARK = "zqxj"
PIECE = b"x" * 100_000 + b"\n"
PIECES = 50
SCRAPE = b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n"
HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: h\r\n\r\n"
LAST = b"GET /-/healthy HTTP/1.0\r\n\r\n"


class Port:
    """A running site, and what became of those who asked there."""

    def __init__(self, address: str, telemetry: Telemetry, inbound: Inbound) -> None:
        self.host, _, port = address.rpartition(":")
        self.port = int(port)
        self.inbound = inbound
        self._telemetry = telemetry
        self._open = list[asyncio.StreamWriter]()

    def rejected(self, reason: str) -> float:
        name, labels = "status_exporter_http_rejected_total", {"reason": reason}
        found = self._telemetry.registry.get_sample_value(name, labels)
        assert found is not None
        return found

    async def connect(
        self, sent: bytes = b"", source: str = "127.0.0.1"
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection that takes little in advance."""
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.bind((source, 0))
        one.setblocking(False)
        await asyncio.get_running_loop().sock_connect(one, (self.host, self.port))
        reader, writer = await asyncio.open_connection(sock=one, limit=4096)
        self._open.append(writer)
        writer.write(sent)
        return reader, writer

    async def ask(self, sent: bytes, source: str = "127.0.0.1") -> bytes:
        """Return everything that comes until the end of the connection."""
        async with asyncio.timeout(20):
            reader, writer = await self.connect(sent, source)
            parts = [b""]
            with suppress(ConnectionError):
                while part := await reader.read(1_000_000):
                    parts.append(part)
            writer.close()
            return b"".join(parts)

    async def is_well(self) -> bool:
        return b"200 OK" in await self.ask(LAST)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.01)

    def close(self) -> None:
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def opened(limits: Limits, grace: float = 0.2) -> AsyncIterator[Port]:
    telemetry = Telemetry()
    targets = Targets(Settings(targets=()), telemetry, Clock())
    app = make_app(targets, telemetry, "/metrics", limits)
    async with AsyncExitStack() as stack:
        (address,) = await stack.enter_async_context(listening(app, ["127.0.0.1:0"], grace=grace))
        port = Port(address, telemetry, app[GUARD])
        yield port
        async with asyncio.timeout(20):
            await stack.aclose()
        port.close()


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    async with opened(Limits()) as one:
        yield one


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the page of metrics larger than what lies between two processes."""
    monkeypatch.setattr(routes, "expose_targets", lambda *_: [PIECE] * PIECES)


def is_safe(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    return (
        b"\r\nX-Content-Type-Options: nosniff" in head
        and b"\r\nContent-Security-Policy: default-src 'none'" in head
        and b"\r\nServer: status-exporter" in head
        and b"\r\nContent-Type: text/plain" in head
        and MARK.encode() not in answer
        and len(body) < 100
    )


def test_every_reason_is_there_from_the_beginning() -> None:
    telemetry = Telemetry()
    Inbound(telemetry, Limits(), Clock())
    name = "status_exporter_http_rejected_total"

    assert {
        telemetry.registry.get_sample_value(name, {"reason": str(reason)}) for reason in Rejection
    } == {0.0}


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: h\r\nX: ", HEALTHY + b"GET /"]
)
async def test_who_does_not_finish_a_head_is_closed(sent: bytes) -> None:
    async with opened(Limits(head=0.2)) as port:
        await port.ask(sent)

        assert port.rejected("slow_request") == 1
        assert await port.is_well()


async def test_a_byte_now_and_then_gains_no_time() -> None:
    async with opened(Limits(head=0.2)) as port:
        reader, writer = await port.connect(HEALTHY)
        await reader.readuntil(b"Healthy.\n")
        async with asyncio.timeout(20):
            with suppress(ConnectionError):
                for letter in b"GET /" + b"x" * 5000:
                    writer.write(bytes([letter]))
                    await writer.drain()
                    await asyncio.sleep(0.01)
                    if reader.at_eof() or port.rejected("slow_request"):
                        break

        assert port.rejected("slow_request") == 1


async def test_a_connection_between_two_requests_stays() -> None:
    async with opened(Limits(head=0.1)) as port:
        reader, writer = await port.connect(HEALTHY)
        await reader.readuntil(b"Healthy.\n")
        await asyncio.sleep(0.4)  # As long as several heads may take.
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
        (Limits(answer=0.3), ""),
        (Limits(answer=0.3), "30"),
        (Limits(answer=0.3), "nan"),
        (Limits(answer=0.3), "inf"),
        (Limits(answer=0.3), "-1"),
        (Limits(answer=0.3), "soon"),
        (Limits(margin=0.1), "0.2"),
    ],
)
async def test_who_does_not_read_an_answer_is_closed(limits: Limits, header: str) -> None:
    async with opened(limits) as port:
        sent = SCRAPE[:-2] + f"X-Prometheus-Scrape-Timeout-Seconds: {header}\r\n\r\n".encode()
        await port.connect(sent)
        await port.until(lambda: port.inbound.held == 0 and port.rejected("slow_response") == 1)

        assert await port.is_well()


async def test_who_does_not_read_the_end_of_an_answer_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routes, "status_page", lambda *_: "x" * 20_000_000)
    async with opened(Limits(answer=0.3)) as port:
        await port.connect(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        await port.until(lambda: port.rejected("slow_response") == 1)

        assert port.inbound.held == 0


@pytest.mark.usefixtures("large")
async def test_beyond_the_limit_scrapes_are_told_to_come_back() -> None:
    async with opened(Limits(scrapes=2, stall=60.0)) as port:
        slow = [await port.connect(SCRAPE) for _ in "ab"]
        for reader, _ in slow:
            await reader.readexactly(1)
        busy = await port.ask(SCRAPE.replace(b"1.1", b"1.0"))
        well = await port.is_well()
        for _, writer in slow:
            writer.transport.abort()
        await port.until(lambda: port.inbound.held == 0)
        after = await port.ask(SCRAPE.replace(b"1.1", b"1.0"))

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
            lambda: all(one.stalled_since is not None for one in port.inbound._scraping)
        )
        page = await port.ask(SCRAPE.replace(b"1.1", b"1.0"))

        assert page.count(PIECE) == PIECES
        assert port.rejected("slow_response") == 1
        assert port.rejected("busy") == 0


@pytest.mark.usefixtures("large")
async def test_without_a_limit_all_scrapes_are_served() -> None:
    async with opened(Limits(scrapes=0)) as port:
        for _ in range(60):
            reader, _ = await port.connect(SCRAPE)
            await reader.readexactly(1)
        page = await port.ask(SCRAPE.replace(b"1.1", b"1.0"))

        assert page.count(PIECE) == PIECES


async def test_one_address_cannot_keep_others_out() -> None:
    async with opened(Limits(connections=10)) as port:
        reader, writer = await port.connect(HEALTHY)
        await reader.readuntil(b"Healthy.\n")
        for _ in range(30):
            await port.connect(source="127.0.0.2")
        await port.until(lambda: port.rejected("connections") == 21)
        writer.write(HEALTHY)

        assert await reader.readuntil(b"Healthy.\n")
        assert await port.is_well()
        assert port.inbound.held <= 10


async def test_idle_connections_of_an_address_make_room_for_its_next() -> None:
    async with opened(Limits(connections=10)) as port:
        for _ in range(30):
            reader, _ = await port.connect(HEALTHY)
            await reader.readuntil(b"Healthy.\n")

        assert port.rejected("connections") == 20
        assert await port.is_well()


@pytest.mark.usefixtures("large")
async def test_an_address_with_nothing_but_scrapes_has_no_room_for_more() -> None:
    async with opened(Limits(connections=3, stall=60.0)) as port:
        for _ in "abc":
            reader, _ = await port.connect(SCRAPE, "127.0.0.2")
            await reader.readexactly(1)

        assert await port.ask(LAST, "127.0.0.2") == b""
        assert port.inbound.held == 3
        assert await port.is_well()  # Another address takes the place of one of them.
        assert port.rejected("connections") == 2


@pytest.mark.usefixtures("large")
async def test_a_scraper_is_served_among_a_thousand_that_do_not_read() -> None:
    async with opened(Limits(stall=0.1)) as port:
        held = 0

        def measured() -> int:
            callers = port.inbound._callers
            return sum(one.transport.get_write_buffer_size() for one in callers)

        for _ in range(1000):
            with suppress(ConnectionError):
                await port.connect(SCRAPE)
            held = max(held, measured())
        async with asyncio.timeout(20):
            # As Prometheus does: one that is turned away comes again.
            while (page := await port.ask(SCRAPE.replace(b"1.1", b"1.0"))).count(PIECE) < PIECES:
                assert page == b"" or page.startswith(b"HTTP/1.0 503 ")
                await asyncio.sleep(0.1)

        assert port.inbound.held <= 128
        assert len(port.inbound._scraping) <= 40
        # Of a page of twenty megabytes each keeps a piece or two.
        assert held < 128 * 4 * len(PIECE)
        assert await port.is_well()


MALFORMED = [
    f"{MARK}\r\n\r\n",
    f"GET / HTTP/{MARK}\r\n\r\n",
    f"GET / HTTP/1.1\r\n{MARK}\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: h\r\n{MARK} : x\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: {MARK}\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: {MARK}\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: h\r\n{MARK}: a\x00b\r\n\r\n",
    f"G{MARK}\x01T / HTTP/1.1\r\nHost: h\r\n\r\n",
    f"GET /{MARK * 5000} HTTP/1.1\r\nHost: h\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: h\r\nX: {MARK * 5000}\r\n\r\n",
    f"GET / HTTP/1.1\r\nHost: h\r\n{MARK * 5000}: x\r\n\r\n",
    f"\x16\x03\x01\x02{MARK}\r\n\r\n",
]


@pytest.mark.parametrize("sent", MALFORMED, ids=range(len(MALFORMED)))
async def test_what_is_malformed_is_told_nothing_back(
    port: Port, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = await port.ask(sent.encode("latin-1"))

    assert answer.split()[1] == b"400"
    assert answer.endswith(b"\r\n\r\n400 Bad Request\n")
    assert is_safe(answer)
    assert port.rejected("bad_request") == 1
    assert caplog.records == []
    assert await port.is_well()


async def test_an_expectation_is_not_repeated(port: Port) -> None:
    answer = await port.ask(
        f"GET / HTTP/1.1\r\nConnection: close\r\nHost: h\r\nExpect: {MARK}\r\n\r\n".encode()
    )

    assert answer.split()[1] == b"417"
    assert is_safe(answer)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("POST", "/metrics", b"405", b"GET,HEAD"),
        ("DELETE", "/", b"405", b"GET,HEAD"),
        ("PUT", "/-/ready", b"405", b"GET,HEAD"),
        ("PROPFIND", "/-/healthy", b"405", b"GET,HEAD"),
        ("OPTIONS", "*", b"404", b""),
        ("GET", f"/{MARK}", b"404", b""),
        ("GET", f"/%2e%2e/{MARK}?{MARK}=<script>", b"404", b""),
        ("GET", "/metrics/", b"404", b""),
    ],
)
async def test_what_is_not_offered_is_told_so_in_short(
    port: Port, method: str, path: str, status: bytes, allow: bytes
) -> None:
    answer = await port.ask(f"{method} {path} HTTP/1.0\r\nHost: {MARK}\r\n\r\n".encode())

    assert answer.split()[1] == status
    assert is_safe(answer)
    assert (b"\r\nAllow: " + allow in answer) == bool(allow)


async def test_a_flood_of_headers_is_cut_off(port: Port) -> None:
    lines = "".join(f"X-{number}: {'y' * 100}\r\n" for number in range(50_000))
    answer = await port.ask(f"GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n".encode())

    assert answer == b"" or answer.split()[1] == b"400"
    assert port.rejected("large_request") + port.rejected("bad_request") >= 1
    assert await port.is_well()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_body_ends_the_connection(port: Port, method: str) -> None:
    head = f"{method} /-/healthy HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n".encode()
    answer = await port.ask(head + b"body" + HEALTHY)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close" in answer


async def test_a_large_body_is_cut_off(port: Port) -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n"
    await port.ask(head + b"x" * 10_000_000)

    assert port.rejected("large_request") == 1
    assert await port.is_well()


async def test_a_mistake_of_ours_is_logged_and_not_shown(
    port: Port, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> str:
        raise ZeroDivisionError(MARK)

    monkeypatch.setattr(routes, "status_page", fail)
    answer = await port.ask(b"GET / HTTP/1.0\r\nAccept: text/html\r\n\r\n")

    assert answer.split()[1] == b"500"
    assert is_safe(answer)
    assert MARK in caplog.text


def test_the_limits_are_those_the_document_tells() -> None:
    text = (Path(__file__).parent.parent / "docs" / "operating.md").read_text(encoding="utf-8")
    limits = Limits()

    assert set(re.findall(r"`(\w+)` \|$", text, re.MULTILINE)) == set(Rejection)
    assert f"| connections at once | {limits.connections} |" in text
    assert f"| scrapes at once | {limits.scrapes}, " in text
    assert f"| time for the head of a request | {limits.head:.0f} s |" in text
    assert f"| {limits.answer:.0f} s, or the scraper's timeout and {limits.margin:.0f} s" in text
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
    assert _peer(name) == peer


@pytest.mark.usefixtures("large")
async def test_a_scrape_that_is_read_is_whole_though_the_service_ends() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(opened(Limits(), grace=60.0))
        reader, writer = await port.connect(SCRAPE.replace(b"1.1", b"1.0"))
        await reader.readexactly(1)
        port._open.clear()
        ending = asyncio.create_task(stack.aclose())
        await asyncio.sleep(0)
        parts = [b""]
        while part := await reader.read(1_000_000):
            parts.append(part)
        await ending
        writer.close()

        assert b"".join(parts).count(PIECE) == PIECES


@pytest.mark.usefixtures("large")
async def test_readers_that_do_not_read_hold_up_no_end() -> None:
    async with opened(Limits(connections=2000), grace=0.1) as port:
        for number in range(500):
            await port.connect(SCRAPE if number % 25 == 0 else HEALTHY if number % 2 else b"G")
        await port.until(lambda: port.inbound.held == 500)
    # `opened` ends in time, or raises.

    assert port.inbound.held == 0


FRAGMENTS = [
    b"GET ", b"POST ", b"HEAD ", b"/metrics", b"/", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n",
    b"\r\n\r\n", b"\n", b"Host: h\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"Expect: 100-continue\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"\x00", b"\xff" * 9,
    b"Content-Encoding: gzip\r\n", b"Accept: application/openmetrics-text\r\n", HEALTHY,
]  # fmt: skip


@pytest.fixture(scope="module")
def served() -> Iterator[int]:
    """Serve from a thread, on the loop that the program has, and name the port."""
    ready = threading.Event()
    found = list[int]()
    loop = uvloop.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with opened(Limits(head=5.0)) as port:
            found.append(port.port)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(30)
    yield found[0]
    loop.call_soon_threadsafe(end.set)
    thread.join(30)
    loop.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sent=st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=40), max_size=12).map(b"".join)
)
def test_after_any_bytes_the_next_request_is_answered(served: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served), timeout=30) as one:
        with suppress(ConnectionError):
            one.sendall(sent)
        with socket.create_connection(("127.0.0.1", served), timeout=30) as good:
            good.sendall(LAST)

            assert good.recv(65536).startswith(b"HTTP/1.0 200 OK\r\n")


@pytest.fixture
def busy_config(tmp_path: Path) -> Path:
    """Configure a page that is larger than what lies between two processes."""
    lines = (
        f"- {{name: t{number}, system: genesys_ucs, url: 'http://127.0.0.1:1',"
        f" labels: {{x: '{'x' * 5000}'}}}}"
        for number in range(100)
    )
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(["targets:", *lines, ""]), encoding="utf-8")
    return path


def stalled(address: str, many: int) -> list[socket.socket]:
    """Scrape so many times at once, and read nothing but the beginning."""
    host, _, port = address.rpartition(":")
    opened = list[socket.socket]()
    for _ in range(many):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(30)
        one.connect((host, int(port)))
        one.sendall(SCRAPE)
        opened.append(one)
    return opened


def test_a_signal_ends_the_program_whoever_does_not_read(busy_config: Path) -> None:
    flags = ("--config.file", str(busy_config), "--web.listen-address", "127.0.0.1:0")
    with started(*flags) as (process, address):
        wait_until_ready(address)
        host, _, port = address.rpartition(":")
        held = [socket.create_connection((host, int(port))) for _ in range(1000)]
        held += stalled(address, 20)
        for one in held[1000:]:
            one.recv(1)
        page = fetch(f"http://{address}/metrics")
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=30) == 0
        for one in held:
            one.close()
    assert page.count("status_exporter_target_up{") == 100


def test_a_second_signal_ends_the_program_at_once(busy_config: Path) -> None:
    flags = ("--config.file", str(busy_config), "--web.listen-address", "127.0.0.1:0")
    with started(*flags) as (process, address):
        wait_until_ready(address)
        (one,) = stalled(address, 1)
        one.recv(1)
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        while "msg=stopping" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=30) == -signal.SIGINT
        one.close()


def test_a_vendor_that_hangs_holds_up_no_end(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    with socket.socket() as vendor:
        vendor.bind(("127.0.0.1", 0))
        vendor.listen()
        url = f"http://127.0.0.1:{vendor.getsockname()[1]}"
        config.write_text(
            f"global: {{interval: 2h, timeout: 1h}}\n"
            f"targets:\n- {{name: a, system: genesys_ucs, url: '{url}'}}\n",
            encoding="utf-8",
        )
        flags = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
        with started(*flags) as (process, _):
            vendor.settimeout(20)
            connection, _ = vendor.accept()  # It is asked, and never answers.
            process.send_signal(signal.SIGTERM)

            assert process.wait(timeout=30) == 0
            connection.close()


def wait_until_ready(address: str) -> None:
    host, _, port = address.rpartition(":")
    answer = b""
    while b" 200 " not in answer:
        with socket.create_connection((host, int(port)), timeout=30) as one:
            one.sendall(b"GET /-/ready HTTP/1.0\r\n\r\n")
            answer = one.recv(4096)


def test_the_library_has_what_a_connection_overrides() -> None:
    for name in ("finish_response", "handle_error", "data_received", "connection_made"):
        assert callable(getattr(web.RequestHandler, name))
