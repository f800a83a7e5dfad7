"""Raw bytes to the exporter's port: an HTTP answer or a closed connection, never a 500.

The next request is served as before.
"""

import asyncio
import logging
from functools import cache
from random import Random

from exporter import log
from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.pipeline.snapshot import PollResult
from exporter.runtime.targets import Targets
from exporter.settings import Client, Settings, Target
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app
from fuzz.harness import Harness
from fuzz.mutate import mutate_bytes

_PATIENCE = 20.0
_LONGEST_WAIT = 0.02
_ENOUGH = 1000
_SEEDS = (
    b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /-/ready?a=b&c=%00%ff&name[]=x HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD /-/healthy HTTP/1.0\r\n\r\n",
    b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
)
_TOKENS = (
    *(b"\r\n", b"\n", b" ", b":", b"\0", b"\xff", b"%", b"%00", b"%2e%2e/", b"//", b"?", b"#"),
    *(b"GET ", b"OPTIONS * ", b"CONNECT x:1 ", b"http://x/metrics", b"HTTP/1.0", b"HTTP/2.0"),
    *(b"Content-Length: 99\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"Host: \r\n"),
    *(b"Accept: " + b"a/b," * 3000 + b"\r\n", b"X: a\r\n" * 200, b"Content-Encoding: gzip\r\n"),
    *(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"Range: bytes=0-1\r\n",
    ),
)
_HEALTHY = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        # As the program logs them.
        self.addFilter(log._is_logged)  # noqa: SLF001 - the very filter that is tested here
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter().format(record))


class _Site:
    """The exporter's port, with one target."""

    def __init__(self) -> None:
        self._errors = _Errors()
        logging.getLogger().addHandler(self._errors)
        self._runner = asyncio.Runner()
        self._address = self._runner.run(self._open())

    async def _open(self) -> tuple[str, int]:
        target = Target(
            name="t",
            system=SYSTEMS["genesys_ucs"],
            url="http://127.0.0.1:1",
            client=Client(name=""),
            interval=15.0,
            timeout=5.0,
            max_age=45.0,
        )
        clock, telemetry = Clock(), Telemetry()
        targets = Targets(Settings(targets=(target,)), telemetry, clock)
        down = PollError(Reason.TIMEOUT, "x")
        for tracked in targets:
            targets.record(tracked, PollResult(down, 0.1, clock.wall(), clock.monotonic()))
        self._site = listening(make_app(targets, telemetry, "/metrics"), ["127.0.0.1:0"])
        (address,) = await self._site.__aenter__()
        host, _, port = address.rpartition(":")
        return host, int(port)

    def ask(self, data: bytes) -> tuple[bytes, bytes, list[str]]:
        """Send the bytes, then a valid request; return both answers and the errors that were logged."""
        self._errors.lines.clear()
        return *self._runner.run(self._ask(data)), self._errors.lines

    async def _ask(self, data: bytes) -> tuple[bytes, bytes]:
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            # Half-closing would count as a client that left.
            writer.write(data)
            good, second = await asyncio.open_connection(*self._address)
            async with asyncio.timeout(_PATIENCE):
                second.write(_HEALTHY)
                healthy = await good.read()
            second.close()
            return await _what_came(reader), healthy
        finally:
            writer.transport.abort()


async def _what_came(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(_LONGEST_WAIT):
            return await reader.read(_ENOUGH)
    except (TimeoutError, ConnectionError):
        return b""  # Half a request has no answer. A 500 that comes later is logged as an error.


@cache
def _site() -> _Site:
    return _Site()


def check(data: bytes) -> None:
    """Send the bytes to the port."""
    answer, healthy, errors = _site().ask(data)
    assert not answer or answer.startswith(b"HTTP/"), answer[:100]
    assert b" 500 " not in answer.partition(b"\r\n")[0], answer[:100]
    assert healthy.endswith(b"Healthy.\n"), healthy[:100]
    assert not errors, errors


def _mutate(data: bytes, chance: Random) -> bytes:
    return mutate_bytes(data, chance, _TOKENS)


REQUESTS = Harness(name="requests", seeds=lambda: _SEEDS, mutate=_mutate, check=check)
