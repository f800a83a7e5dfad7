"""`set` in a terminal: the question, the progress and Ctrl-C."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest

from support.simulator_stage import Stage, setting

# Tests that a shell starts in the background ignore SIGINT.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " from exporter.cli import main; sys.exit(main())"
)


class Terminal:
    """A `set` that has a terminal, and what it printed so far."""

    def __init__(self, stage: Stage, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        command = [sys.executable, "-c", PROGRAM, "set", *words]
        self.process = subprocess.Popen(
            [*command, "--config.file", str(stage.config)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(theirs)
        self._read_so_far = b""

    @property
    def printed(self) -> str:
        """What the program printed so far."""
        # Decoded as a whole: a read may end within a character or a line end.
        return self._read_so_far.decode(errors="replace").replace("\r\n", "\n")

    async def until(self, text: str) -> None:
        """Read until the text was printed."""
        async with asyncio.timeout(60):
            while text not in self.printed:
                piece = await asyncio.to_thread(self._read)
                assert piece, f"it ended before it printed {text!r}: {self.printed}"
                self._read_so_far += piece

    def type(self, text: bytes) -> None:
        os.write(self._ours, text)

    async def end(self) -> int:
        """Read what is left and return the exit code."""
        async with asyncio.timeout(60):
            while piece := await asyncio.to_thread(self._read):
                self._read_so_far += piece
            code = await asyncio.to_thread(self.process.wait)
        os.close(self._ours)
        return code

    def _read(self) -> bytes:
        # The end of a terminal is an error.
        with suppress(OSError):
            return os.read(self._ours, 65536)
        return b""


Starts = Callable[..., Terminal]


@pytest.fixture
async def start(stage: Stage) -> AsyncIterator[Starts]:
    made = list[Terminal]()

    def one(*words: str) -> Terminal:
        made.append(Terminal(stage, *words))
        return made[-1]

    yield one
    for terminal in made:
        terminal.process.kill()
        terminal.process.wait()


async def test_on_a_terminal_set_asks_and_shows_progress(stage: Stage, start: Starts) -> None:
    stage.reads_until_over = 1000
    terminal = start("ucs-ams", "mode", "maintenance")
    await terminal.until("Send it? [y/N] ")
    before = len(stage.writes)
    terminal.type(b"y\n")
    # A thread draws the line, which a busy machine may not run between two reads.
    await terminal.until("not yet, unknown (HTTP 503)")
    stage.reads_until_over = 0

    code = await terminal.end()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.printed)

    assert code == 0
    assert before == 0
    assert len(stage.writes) == 1
    assert "ucs-ams: not yet, unknown (HTTP 503) ━" in plain, terminal.printed
    assert "ucs-ams: mode is maintenance\n" in plain


@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"yeah\n", b"y\xff\n"])
async def test_anything_but_yes_sends_nothing(answer: bytes, stage: Stage, start: Starts) -> None:
    terminal = start("ucs-ams", "mode", "maintenance")
    await terminal.until("[y/N] ")
    terminal.type(answer)

    assert await terminal.end() == 1
    assert "ucs-ams: nothing was sent; the server has not changed\n" in terminal.printed
    assert "outcome=declined\n" in terminal.printed
    assert stage.writes == []


async def test_a_state_that_changed_while_the_question_was_open_is_not_overwritten(
    stage: Stage, start: Starts
) -> None:
    terminal = start("mdw", "state", "maintenance")
    await terminal.until("[y/N] ")
    other = await setting(stage, "mdw", "state", "suspended", "--yes")
    terminal.type(b"y\n")

    assert await terminal.end() == 1
    assert other.returncode == 0
    assert "mdw: not sent, as its state has changed from active " in terminal.printed
    assert "; the server has not changed\n" in terminal.printed
    assert "outcome=not_sent\n" in terminal.printed
    assert len(stage.writes) == 1


async def test_of_two_concurrent_orders_only_the_last_is_confirmed(stage: Stage) -> None:
    values = ("suspended", "maintenance")
    done = await asyncio.gather(
        *(setting(stage, "mdw", "state", value, "--yes", "--settle", "2s") for value in values)
    )
    written = [one.path.partition("value=")[2] for one in stage.writes]
    codes = {value: one.returncode for value, one in zip(values, done, strict=True)}

    assert sorted(written) == sorted(values)
    assert stage.world.mdworkbench.state == written[-1]
    assert codes[written[-1]] == 0
    for value, one in zip(values, done, strict=True):
        outcome = "confirmed" if codes[value] == 0 else "unconfirmed"
        assert f"to={value} outcome={outcome}\n" in one.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_ctrl_c_at_the_question_sends_nothing(
    number: signal.Signals, stage: Stage, start: Starts
) -> None:
    terminal = start("ucs-ams", "mode", "maintenance")
    await terminal.until("[y/N] ")
    terminal.process.send_signal(number)

    assert await terminal.end() == 130
    assert "ucs-ams: interrupted; the server has not changed\n" in terminal.printed
    assert "outcome=interrupted\n" in terminal.printed
    assert stage.writes == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("holds", [True, False], ids=["at the answer", "while reading"])
async def test_ctrl_c_after_sending_reports_that_the_order_was_sent(
    number: signal.Signals, holds: bool, stage: Stage, start: Starts
) -> None:
    stage.holds_answer = holds
    stage.reads_until_over = 1000
    terminal = start("ucs-ams", "mode", "maintenance", "--yes")
    async with asyncio.timeout(60):
        while not stage.writes or (len(stage.reads) < 2 and not holds):
            await asyncio.sleep(0.05)
    terminal.process.send_signal(number)

    assert await terminal.end() == 130
    assert "ucs-ams: interrupted; the server may have changed\n" in terminal.printed
    assert "outcome=interrupted\n" in terminal.printed
    assert "Traceback" not in terminal.printed
