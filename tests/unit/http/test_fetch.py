"""Each failure of a server fails one poll with one reason, and the next poll works."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from exporter.errors import Reason
from exporter.http import answer_reader
from exporter.http.answer import MAX_BODY
from support.polling import OK, Polls, make_target, mode, result
from support.pooled_requests import silent
from support.vendor import BODY, HEALTHY, Handler, Vendor, open_vendor, response, serving

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIP = "Content-Encoding: gzip\r\n"
DEFLATE = "Content-Encoding: deflate\r\n"

INVALID = "bad_http: not a valid HTTP answer"
DAMAGED = "bad_http: the body is cut short or badly compressed"
TOO_LARGE = f"too_large: more than {MAX_BODY} bytes"
BROKEN = "connect: the connection broke before there was an answer"
SILENT = "timeout: no complete answer within 0.05s"


def chunked(body: bytes) -> bytes:
    return CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


class Faulty:
    """A server whose answers are wrong until it is repaired."""

    def __init__(self, fault: Handler) -> None:
        self.healed = False
        self._fault = fault
        self._vendor = Vendor()
        self._vendor.answer = HEALTHY

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.healed:
            await self._vendor.handle(reader, writer)
        else:
            await reader.readuntil(b"\r\n\r\n")
            await self._fault(reader, writer)


ANSWERS = {
    "healthy": (HEALTHY, OK),
    "chunked": (chunked(BODY), OK),
    "chunks of a byte": (
        CHUNKED + b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n",
        OK,
    ),
    "gzip": (response(gzip.compress(BODY), more=GZIP), OK),
    "gzip in two members": (
        response(gzip.compress(BODY[:9]) + gzip.compress(BODY[9:]), more=GZIP),
        OK,
    ),
    "deflate": (response(zlib.compress(BODY), more=DEFLATE), OK),
    "until the end": (b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n" + BODY, OK),
    "after 100": (b"HTTP/1.1 100 Continue\r\n\r\n" + HEALTHY, OK),
    "after 103": (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + HEALTHY, OK),
    "exactly the limit": (response(BODY.ljust(MAX_BODY)), OK),
    "exactly the limit, chunked": (chunked(BODY.ljust(MAX_BODY)), OK),
    "exactly the limit, gzip": (response(gzip.compress(BODY.ljust(MAX_BODY)), more=GZIP), OK),
    "over the limit": (response(BODY.ljust(MAX_BODY + 1)), TOO_LARGE),
    "over the limit, chunked": (chunked(BODY.ljust(MAX_BODY + 1)), TOO_LARGE),
    "over the limit, gzip": (
        response(gzip.compress(BODY.ljust(MAX_BODY + 1)), more=GZIP),
        TOO_LARGE,
    ),
    "10 GiB": (b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n{", TOO_LARGE),
    "cut short": (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{",
        DAMAGED,
    ),
    "chunked, cut short": (
        chunked(BODY)[:-5].replace(b"\r\n", b"\r\nConnection: close\r\n", 1),
        DAMAGED,
    ),
    **{
        f"Content-Encoding: {coding}": (response(BODY, more=f"Content-Encoding: {coding}\r\n"), OK)
        for coding in ("identity", "utf-8", "UTF8 ", "none", "")
    },
    **{
        f"Content-Encoding: {coding}": (
            response(BODY, more=f"Content-Encoding: {coding}\r\n"),
            f'bad_http: the Content-Encoding "{coding}" is not supported',
        )
        for coding in ("br", "zstd", "compress", "gzip, gzip")
    },
    "gzip that is none": (response(BODY, more=GZIP), DAMAGED),
    "gzip with a wrong checksum": (
        response(gzip.compress(BODY)[:-8] + bytes(8), more=GZIP),
        DAMAGED,
    ),
    "gzip and more": (response(gzip.compress(BODY) + b"and more", more=GZIP), DAMAGED),
    "gzip of 50,000 empty members": (response(gzip.compress(b"") * 50_000, more=GZIP), DAMAGED),
    "negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}", INVALID),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        f"{INVALID}: Duplicate Content-Length",
    ),
    "length and chunks": (CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", INVALID),
    "chunk size that is none": (CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n", INVALID),
    "chunk size below 0": (CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n", INVALID),
    "chunk size beyond 64 bits": (CHUNKED + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n", INVALID),
    "HTTP/0.9": (b"<html>It works!</html>", INVALID),
    "TLS": (bytes.fromhex("15030100020246"), "bad_http: the answer is TLS: write https://"),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", INVALID),
    "any bytes": (bytes(range(256)), INVALID),
    "status that is none": (b"HTTP/1.1 abc OK\r\n\r\n", INVALID),
    "status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", INVALID),
    "status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", INVALID),
    "header of 100 KiB": (response(BODY, more=f"X: {'a' * 102_400}\r\n"), INVALID),
    "10,000 headers": (
        response(BODY, more="".join(f"X-{i}: a\r\n" for i in range(10_000))),
        INVALID,
    ),
    # Some servers still send these; the messages are those of the parser.
    "a header folded over two lines": (
        response(BODY, more="X: a\r\n b\r\n"),
        f"{INVALID}: Unexpected whitespace after header value",
    ),
    "bare line feeds": (
        response(BODY).replace(b"\r\n", b"\n"),
        f"{INVALID}: Missing expected CR after response line",
    ),
    "two equal lengths": (
        response(BODY, more=f"Content-Length: {len(BODY)}\r\n"),
        f"{INVALID}: Duplicate Content-Length",
    ),
    "header without a colon": (response(BODY, more="X\r\n"), INVALID),
    "header with a NUL": (response(BODY, more="X: \0\r\n"), INVALID),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_gives_its_reason_and_the_next_poll_works(
    answer: bytes, expected: str, vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = answer
    actual = result(await poll(make_target()))
    vendor.answer = HEALTHY

    assert actual == expected or (expected == INVALID and actual.startswith(f"{INVALID}: "))
    assert mode(await poll(make_target())) == "production"


async def close_at_once(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close without an answer."""


async def reset_mid_body(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEALTHY[:-5])
    await writer.drain()
    # Closing with a linger time of 0 sends RST instead of FIN.
    writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )


def repeat(head: bytes, piece: bytes) -> Handler:
    async def handle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    return handle


FAULTS = {
    "closes at once": (close_at_once, BROKEN),
    "resets mid-body": (reset_mid_body, DAMAGED),
    "says nothing": (silent, SILENT),
    "one byte at a time": (repeat(response(b" " * MAX_BODY)[:-MAX_BODY], b" "), SILENT),
    "endless 100 Continue": (repeat(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), SILENT),
    "endless headers": (repeat(b"HTTP/1.1 200 OK\r\n", b"X: aaaaaaaaaaaaaaaa\r\n" * 50), INVALID),
    "endless chunks": (repeat(CHUNKED, b"ffff\r\n" + b" " * 0xFFFF + b"\r\n"), TOO_LARGE),
}


@pytest.mark.parametrize(("fault", "expected"), FAULTS.values(), ids=FAULTS)
async def test_a_fault_gives_its_reason_and_the_next_poll_works(
    fault: Handler, expected: str, poll: Polls
) -> None:
    server = Faulty(fault)
    async with serving(server.handle) as url:
        target = make_target(url=url, timeout=0.05 if expected == SILENT else 5.0)
        actual = result(await poll(target))
        server.healed = True

        assert actual == expected or (expected == INVALID and actual.startswith(f"{INVALID}: "))
        assert result(await poll(replace(target, timeout=5.0))) == OK


async def test_an_endless_body_is_read_no_further_than_the_limit(poll: Polls) -> None:
    sent = 0
    ended = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        try:
            while True:
                writer.write(b"ffff\r\n" + b" " * 0xFFFF + b"\r\n")
                await writer.drain()
                sent += 0xFFFF
        finally:
            ended.set()

    async with serving(endless) as url:
        actual = result(await poll(make_target(url=url)))
        await ended.wait()

    # Plus what is in the buffers of the two sockets.
    assert actual == TOO_LARGE
    assert sent < 16 * MAX_BODY


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
async def test_a_bomb_bursts_at_the_limit(
    pack: Callable[[bytes], bytes], vendor: Vendor, poll: Polls
) -> None:
    more = GZIP if pack is gzip.compress else DEFLATE
    vendor.answer = response(pack(bytes(64 * MAX_BODY)), more=more)
    tracemalloc.start()
    try:
        actual = result(await poll(make_target()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert actual == TOO_LARGE
    assert peak < 8 * MAX_BODY


async def test_a_body_whose_compression_is_cut_short_gives_no_values(
    vendor: Vendor, poll: Polls
) -> None:
    # The HTTP answer is complete: only its JSON shows that something is missing.
    vendor.answer = response(gzip.compress(BODY)[:-14], more=GZIP)

    assert result(await poll(make_target())).startswith(("bad_http: ", "bad_json: "))


async def test_bytes_after_an_answer_are_not_read_as_the_next_one(
    vendor: Vendor, poll: Polls
) -> None:
    vendor.answer = HEALTHY + response(b'{"mode":"maintenance"}')

    assert mode(await poll(make_target())) == "production"
    assert mode(await poll(make_target())) == "production"


STATUSES = {
    "200 OK": OK,
    "201 Created": OK,
    "203 Non-Authoritative Information": OK,
    "206 Partial Content": OK,
    "204 No Content": "bad_json: the answer is empty",
    "101 Switching Protocols": "http_5xx: HTTP 101",
    "300 Multiple Choices": "redirect: HTTP 300, which is not followed: correct the url",
    "304 Not Modified": "redirect: HTTP 304, which is not followed: correct the url",
    "400 Bad Request": "http_4xx: HTTP 400",
    "401 Unauthorized": "http_401: HTTP 401",
    "403 Forbidden": "http_403: HTTP 403",
    "404 Not Found": "http_404: HTTP 404",
    "407 Proxy Authentication Required": "http_4xx: HTTP 407",
    "418 I'm a teapot": "http_4xx: HTTP 418",
    "429 Too Many Requests": "http_429: HTTP 429",
    "499 Client Closed Request": "http_4xx: HTTP 499",
    "500 Internal Server Error": "http_5xx: HTTP 500",
    "502 Bad Gateway": "http_5xx: HTTP 502",
    "503 Service Unavailable": "http_503: HTTP 503",
    "504": "http_5xx: HTTP 504",
    "999 Request Denied": "http_5xx: HTTP 999",
    "000 None": "http_5xx: HTTP 0",
}


@pytest.mark.parametrize(("status", "expected"), STATUSES.items())
async def test_a_status_gives_its_reason(
    status: str, expected: str, vendor: Vendor, poll: Polls
) -> None:
    bodiless = status.startswith(("1", "204", "304"))
    vendor.answer = response(b"" if bodiless else BODY, status=status, more="Connection: close\r\n")
    actual = result(await poll(make_target()))
    vendor.answer = HEALTHY

    assert actual == expected
    assert result(await poll(make_target())) == OK


def test_every_status_that_has_a_reason_is_tried() -> None:
    named = {str(one) for one in Reason if one.startswith("http_")}

    assert named <= {expected.partition(":")[0] for expected in STATUSES.values()}


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(status: str, vendor: Vendor, poll: Polls) -> None:
    expected = f"redirect: HTTP {status[:3]}, which is not followed: correct the url"
    async with open_vendor() as other:
        other.answer = HEALTHY
        for to in (vendor.url, f"{other.url}/server/status", "http://[", ""):
            vendor.answer = response(b"", status=status, more=f"Location: {to}\r\n")

            assert result(await poll(make_target())) == expected
        assert other.requests == []
    assert len(vendor.requests) == 4


def test_long_heads_are_not_kept() -> None:
    before = len(answer_reader._known_heads)
    for number in range(3):
        head = f"HTTP/1.1 200 OK\r\nX: {number}{'x' * 5000}\r\nContent-Length: 2\r\n\r\n"
        assert answer_reader.plain_answer(head.encode() + b"{}") is None

    assert len(answer_reader._known_heads) == before
