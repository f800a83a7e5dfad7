"""Log records: one line each, for any text of a vendor; clients cannot cause them at will."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Iterator

import pytest

from exporter import log
from exporter.clock import Clock
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app


def written(capfd: pytest.CaptureFixture[str]) -> str:
    """Return what was logged."""
    log.drain()
    return capfd.readouterr().err


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
        ("a\x9b31m", 'why="a\\u009b31m"'),
        ("a\u202eb", 'why="a\\u202eb"'),
        ("\u200b", 'why="\\u200b"'),
        ("café", "why=café"),
    ],
)
def test_a_fact_stays_in_its_line(
    value: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    log.set_up("info", "logfmt")
    logging.getLogger("exporter.x").info("target down", extra={"facts": {"why": value}})
    (line,) = written(capfd).splitlines()

    assert line.endswith(expected)
    assert ' level=info msg="target down" source=exporter.x ' in line


def test_json_lines_have_the_same_facts(capfd: pytest.CaptureFixture[str]) -> None:
    log.set_up("warn", "json")
    logging.getLogger("a").info("not logged")
    try:
        1 // 0  # noqa: B018 - for the traceback
    except ZeroDivisionError:
        logging.getLogger("a").exception("failed", extra={"facts": {"target": "t"}})
    record = json.loads(written(capfd))

    assert (record["level"], record["msg"], record["target"]) == ("error", "failed", "t")
    assert "ZeroDivisionError" in record["traceback"]


async def test_clients_cannot_fill_the_log(capfd: pytest.CaptureFixture[str]) -> None:
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

    assert "Traceback" not in written(capfd)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Make standard error of the log a pipe, and return its other end."""
    ours, theirs = os.pipe()
    monkeypatch.setattr(log, "_STDERR", theirs)
    yield ours
    os.close(ours)
    os.close(theirs)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("blocks", [True, False])
def test_lines_that_cannot_be_written_are_dropped_and_counted(
    pipe: int, blocks: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    os.set_blocking(log._STDERR, blocks)
    monkeypatch.setattr(log, "_MAX_QUEUED_LINES", 50)
    dropped = list[int]()
    one = log._StderrQueue()
    one.on_drop = lambda: dropped.append(1)
    one.start()
    lines = [f"{number:09}\n" for number in range(40_000)]
    for line in lines:  # More than a pipe and the queue take.
        one.write(line)
    one.drain(0.01)  # Does not wait for ever.
    before = len(dropped)
    read = b""
    while len(read) < 10 * (len(lines) - before):
        read += os.read(pipe, 1_000_000)

    def reported() -> int:
        # Each time that the thread catches up it says how many they were.
        return sum(record.__dict__["facts"]["records"] for record in caplog.records)

    until(lambda: reported() == before)
    one.write("after\n")

    assert os.read(pipe, 1000) == b"after\n"
    assert before > 0
    assert len(dropped) == before
    assert sorted(set(read.splitlines())) == read.splitlines()
    assert reported() == before


def test_a_closed_reader_loses_only_records(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped = list[int]()
    one = log._StderrQueue()
    one.on_drop = lambda: dropped.append(1)
    monkeypatch.setattr(log, "_STDERR", os.open(os.devnull, os.O_RDONLY))
    one.start()
    one.write("lost\n")
    one.drain(60)
    os.close(log._STDERR)

    assert dropped == [1]
    assert pipe
