"""Log lines: one a line whatever a vendor sends, and none that strangers can cause at will."""

import asyncio
import json
import logging

import pytest

from exporter import log
from exporter.clock import Clock
from exporter.settings import Settings
from exporter.targets import Targets
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "why=plain"),
        ("two words", 'why="two words"'),
        ('a "quote"', 'why="a \\"quote\\""'),
        ("a\nb", 'why="a\\nb"'),
        ("a=b", 'why="a=b"'),
        ("", 'why=""'),
        ("\x1b[31m", 'why="\\u001b[31m"'),
        ("café", "why=café"),
    ],
)
def test_a_fact_stays_in_its_line(
    value: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up("info", "logfmt")
    logging.getLogger("exporter.x").info("target down", extra={"facts": {"why": value}})
    (line,) = capsys.readouterr().err.splitlines()

    assert line.endswith(expected)
    assert ' level=info msg="target down" source=exporter.x ' in line


def test_json_lines_hold_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("warn", "json")
    logging.getLogger("a").info("not told")
    try:
        1 // 0  # noqa: B018 - for the traceback
    except ZeroDivisionError:
        logging.getLogger("a").exception("failed", extra={"facts": {"target": "t"}})
    told = json.loads(capsys.readouterr().err)

    assert (told["level"], told["msg"], told["target"]) == ("error", "failed", "t")
    assert "ZeroDivisionError" in told["traceback"]


async def test_strangers_cannot_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info", "logfmt")
    targets = Targets(Settings(targets=()), Telemetry(), Clock())
    async with listening(make_app(targets, Telemetry(), "/metrics"), ["127.0.0.1:0"]) as (one,):
        host, _, port = one.rpartition(":")
        for request in (
            b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n",
        ):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(request)
            await writer.drain()
            writer.transport.abort()
        async with asyncio.timeout(60):
            # The server has seen all of it once it answers what comes after it.
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            await reader.read()
            writer.close()

    assert "Traceback" not in capsys.readouterr().err
