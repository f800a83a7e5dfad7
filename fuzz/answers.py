"""Raw HTTP answers: how the bytes arrive must not matter, and both clients read the same body."""

import asyncio
from collections.abc import Callable, Iterator
from functools import cache
from random import Random
from typing import cast
from zlib import compress, crc32

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.answer import MAX_BODY, Answer
from exporter.poll.line import Line, StaleError
from exporter.poll.plain import Plain
from exporter.poll.request import EndpointRequest, build
from exporter.poll.resolve import Resolver
from exporter.poll.session import Session
from exporter.settings import Client, Target
from exporter.systems import SYSTEMS
from fuzz.harness import ANSWERS, Harness
from fuzz.mutate import mutate_bytes

_BODY = b'{"mode":"production"}'
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_WAYS = 3
_PATIENCE = 10.0
_STALE, _REFUSED = "stale", "refused: "
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


class _Wire:
    """Stands in for a transport; takes what is sent."""

    def __init__(self) -> None:
        self.closing = False

    def write(self, _message: bytes) -> None:
        """Take it."""

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        """Close."""
        self.closing = True


async def _read(pieces: list[bytes]) -> str:
    """Let a line read the pieces, and then the end; return what came of it."""
    line = Line(asyncio.get_running_loop().create_future, lambda _: None)
    wire = _Wire()
    line.connection_made(cast("asyncio.Transport", wire))
    asking = asyncio.create_task(
        line.ask(b"GET / HTTP/1.1\r\n\r\n", _request("http://127.0.0.1:1", Client(name="")))
    )
    await asyncio.sleep(0)
    for piece in pieces:
        if not wire.closing:
            line.data_received(piece)
            await asyncio.sleep(0)
    line.connection_lost(None)
    try:
        await asking
        content_type, body = line.take()
    except PollError as error:
        return f"{_REFUSED}{error}"
    except StaleError:
        return _STALE
    assert len(body) <= MAX_BODY
    return f"{content_type!r} {body!r}"


def _is_refused(outcome: str) -> bool:
    return outcome.startswith(_REFUSED)


def _pieces(data: bytes, chance: Random) -> list[bytes]:
    pieces = []
    while data:
        size = chance.choice((1, 2, 7, 50, 1000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def check_line(data: bytes) -> None:
    """Make sure that it comes to the same however it is cut."""
    chance = Random(crc32(data))  # noqa: S311 - not for secrets
    whole = _runner().run(_read([data] if data else []))
    for _ in range(_WAYS):
        cut = _runner().run(_read(_pieces(data, chance)))
        told = f"whole: {whole[:200]}; in pieces: {cut[:200]}"
        # Of several things that are wrong, either may be told; what is right is one thing.
        assert cut == whole or (_is_refused(cut) and _is_refused(whole)), told
    assert (whole == _STALE) is (not data), "what came is no reason to ask again"


class _Both:
    """A server that gives its bytes to whoever asks and then ends, and both clients to ask it."""

    def __init__(self) -> None:
        self.data = b""
        self._runner = asyncio.Runner()
        self._runner.run(self._open())

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        client = Client(name="")
        self._request = _request(f"http://127.0.0.1:{port}", client)
        clock = Clock()
        self._plain = Plain(clock, Resolver(clock), keep=True)
        self._session = Session(client, clock, Resolver(clock), keep=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.data)
            await writer.drain()
            writer.write_eof()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass  # The client had enough.
        finally:
            writer.close()

    def ask(self, data: bytes) -> tuple[Answer | PollError, Answer | PollError]:
        """Return what each of the clients made of it."""
        self.data = data
        return self._runner.run(self._ask())

    async def _ask(self) -> tuple[Answer | PollError, Answer | PollError]:
        found: list[Answer | PollError] = []
        for client in (self._plain, self._session):
            try:
                async with asyncio.timeout(_PATIENCE):
                    found.append(await client.fetch(self._request, ()))
            except PollError as error:
                found.append(error)
        return found[0], found[1]


def _request(url: str, client: Client) -> EndpointRequest:
    system = SYSTEMS["genesys_ucs"]
    target = Target(
        name="t", system=system, url=url, client=client, interval=15.0, timeout=5.0, max_age=45.0
    )
    return build(target)[0]


@cache
def _both() -> _Both:
    return _Both()


def check_clients(data: bytes) -> None:
    """Make sure that both clients end, with a reason or the same body."""
    plain, session = _both().ask(data)
    if isinstance(plain, Answer) and isinstance(session, Answer):
        assert plain.body == session.body
    for one in (plain, session):
        assert not isinstance(one, PollError) or one.reason is not Reason.INTERNAL


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


LINE = _harness("line", check_line)
CLIENTS = _harness("clients", check_clients)
