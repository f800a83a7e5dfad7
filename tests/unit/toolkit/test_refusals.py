"""Malformed and unsupported requests: short responses that echo nothing."""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.toolkit.connection_limits import Limits
from exporter.web import page_handlers
from support.raw_requests import HEALTHY, LAST, MARK, Port, is_safe, opened

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
FRAGMENTS = [
    b"GET ", b"POST ", b"HEAD ", b"/metrics", b"/", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"\r\n",
    b"\r\n\r\n", b"\n", b"Host: h\r\n", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"Expect: 100-continue\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"\x00", b"\xff" * 9,
    b"Content-Encoding: gzip\r\n", b"Accept: application/openmetrics-text\r\n", HEALTHY,
]  # fmt: skip


@pytest.fixture
async def port() -> AsyncIterator[Port]:
    async with opened(Limits()) as one:
        yield one


@pytest.mark.parametrize("sent", MALFORMED, ids=range(len(MALFORMED)))
async def test_a_malformed_request_is_not_echoed(
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


async def test_an_expectation_is_not_echoed(port: Port) -> None:
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
async def test_unknown_paths_and_methods_have_short_responses(
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


async def test_an_unexpected_exception_is_logged_and_not_shown(
    port: Port, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> str:
        raise ZeroDivisionError(MARK)

    monkeypatch.setattr(page_handlers, "render_list", fail)
    answer = await port.ask(b"GET / HTTP/1.0\r\nAccept: text/html\r\n\r\n")

    assert answer.split()[1] == b"500"
    assert is_safe(answer)
    assert MARK in caplog.text


@pytest.fixture(scope="module")
def served() -> Iterator[int]:
    """Serve from a thread, on the loop that the program has, and name the port."""
    ready = threading.Event()
    found = list[int]()
    loop = uvloop.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with opened(Limits(head=60.0)) as port:
            found.append(port.port)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(60)
    yield found[0]
    loop.call_soon_threadsafe(end.set)
    thread.join(60)
    loop.close()


@settings(max_examples=150)
@given(
    sent=st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=40), max_size=12).map(b"".join)
)
def test_after_any_bytes_the_next_request_is_answered(served: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served), timeout=60) as one:
        with suppress(ConnectionError):
            one.sendall(sent)
        with socket.create_connection(("127.0.0.1", served), timeout=60) as good:
            good.sendall(LAST)

            assert good.recv(65536).startswith(b"HTTP/1.0 200 OK\r\n")
