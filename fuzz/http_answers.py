"""Raw HTTP answers: the result depends neither on how the bytes arrive nor on which reader reads."""

from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from zlib import compress, crc32

from exporter.errors import PollError
from exporter.http.answer import MAX_BODY
from exporter.http.answer_reader import AnswerReader, BodyBudget, plain_answer
from exporter.http.message import HttpRequest, make_request
from exporter.settings import Client
from fuzz.harness import ANSWERS, Harness
from fuzz.mutate import mutate_bytes

_BODY = b'{"mode":"production"}'
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_WAYS = 3
_REFUSED = "refused: "
_TOKENS = (
    *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b":", b" ", b"\t", b"\0", b"\xff", b"HTTP/1.1 "),
    *(b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 X\r\n\r\n"),
    *(b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 503 X\r\nRetry-After: 1\r\n\r\n"),
    *(b"Content-Length: 21\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"),
    *(b"5\r\n", b"ffffffffffffffffff\r\n", b"1;a=b\r\n", b"Trailer: X\r\n", b"Upgrade: h2c\r\n"),
    *(b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n", b"Content-Encoding: br\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Connection: upgrade\r\n"),
    *(b"Content-Type: \r\n", b"X: " + b"a" * 9000 + b"\r\n", b"X:\r\n" * 300, _BODY, _OK),
)


@cache
def _request() -> HttpRequest:
    return make_request(Client(name=""), "GET", "http://127.0.0.1:1/", {})


def _read(pieces: list[bytes]) -> str:
    """Read the pieces, then the end of the connection; return the result."""
    held = BodyBudget()
    reader = AnswerReader(_request(), held)
    is_complete = False
    try:
        for piece in pieces:
            is_complete = is_complete or reader.feed(piece)
        if not is_complete:
            reader.end(None)
        answer = reader.answer(0.0)
    except PollError as error:
        return f"{_REFUSED}{error}"
    finally:
        reader.close()
        assert held.size == 0
    assert len(answer.body) <= MAX_BODY
    return f"{answer.content_type!r} {answer.body!r}"


def _is_refused(outcome: str) -> bool:
    return outcome.startswith(_REFUSED)


def _pieces(data: bytes, chance: Random) -> list[bytes]:
    pieces = []
    while data:
        size = chance.choice((1, 2, 7, 50, 1000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def check_reader(data: bytes) -> None:
    """Check that an answer has the same result whole and in pieces."""
    chance = Random(crc32(data))  # noqa: S311 - not for secrets
    whole = _read([data] if data else [])
    for _ in range(_WAYS):
        cut = _read(_pieces(data, chance))
        described = f"whole: {whole[:200]}; in pieces: {cut[:200]}"
        # Of several faults either may be reported; a valid answer has one result.
        assert cut == whole or (_is_refused(cut) and _is_refused(whole)), described


def check_plain(data: bytes) -> None:
    """Check that the fast reader agrees with the parser."""
    plain = plain_answer(data)
    if plain is not None:
        assert _read([data]) == f"{plain[0]!r} {plain[1]!r}"


def _seeds() -> Iterator[bytes]:
    yield _OK + b"Content-Length: 21\r\n\r\n" + _BODY
    yield _OK + b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + _BODY + b"\r\n0\r\n\r\n"
    yield _OK + b"Connection: close\r\n\r\n" + _BODY
    yield b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + _OK + b"Content-Length: 2\r\n\r\n{}"
    packed = compress(_BODY)
    yield _OK + b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    for path in sorted(ANSWERS.glob("*/*.http")):
        head, _, body = path.read_bytes().partition(b"\n\n")
        yield head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body


def _mutate(data: bytes, chance: Random) -> bytes:
    return mutate_bytes(data, chance, _TOKENS)


def _harness(name: str, check: Callable[[bytes], None]) -> Harness:
    return Harness(name=name, seeds=lambda: list(_seeds()), mutate=_mutate, check=check)


READER = _harness("reader", check_reader)
PLAIN = _harness("plain", check_plain)
