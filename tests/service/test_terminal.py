"""What commands print to a terminal: colours, and lines that fit it."""

import asyncio
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from support.simulator_stage import Stage

COLOUR = re.compile(r"\x1b\[([0-9;]+)m")
GREEN, RED = "32", "31"


def on_terminal(*arguments: str, **environment: str) -> str:
    """Run the program on a terminal of 80 columns, and return all that it prints there."""
    ours, theirs = pty.openpty()
    unset = {"NO_COLOR", "FORCE_COLOR", "TERM"}
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    process = subprocess.Popen(
        [sys.executable, "-m", "exporter", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm", "COLUMNS": "80", **environment},
    )
    os.close(theirs)
    printed = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # The end, on Linux.
            break
        if not piece:
            break
        printed += piece
    os.close(ours)
    process.wait(timeout=60)
    return printed.decode().replace("\r\n", "\n")


def colours_of(text: str, word: str) -> set[str]:
    """Return the colours of the lines with a word."""
    lines = [line for line in text.splitlines() if word in line]
    assert lines, text
    return {code for line in lines for code in COLOUR.findall(line)}


async def test_up_and_ok_are_green(stage: Stage) -> None:
    config = ("--config.file", str(stage.config))
    checked = await asyncio.to_thread(on_terminal, "check", *config)
    polled = await asyncio.to_thread(on_terminal, "poll", "ucs-ams", *config)
    explained = await asyncio.to_thread(on_terminal, "explain", "ucs-ams", *config)
    plain = await asyncio.to_thread(on_terminal, "poll", "ucs-ams", *config, NO_COLOR="1")

    assert GREEN in colours_of(checked, "configuration OK")
    assert GREEN in colours_of(polled, "target_up{")
    assert GREEN in colours_of(explained, "ucs-ams: ")
    assert COLOUR.findall(plain) == []


def test_down_is_red(config: Path) -> None:
    polled = on_terminal("poll", "--config.file", str(config))

    assert RED in colours_of(polled, "target_up{")
    assert RED in colours_of(polled, "a: ")


async def test_explain_fits_a_terminal(stage: Stage) -> None:
    config = ("--config.file", str(stage.config))
    shown = await asyncio.to_thread(on_terminal, "explain", "ucs-ams", *config)
    lines = [line.rstrip() for line in COLOUR.sub("", shown).splitlines()]
    at = lines.index("genesys_ucs_jvm_memory_committed_bytes")

    assert max(map(len, lines)) <= 80
    assert f"GET {stage.url}/cv/server/status" in lines
    assert re.fullmatch(r"  /allocated_memory: \d+", lines[at + 1])
    assert re.fullmatch(r"    \d+", lines[at + 2])
