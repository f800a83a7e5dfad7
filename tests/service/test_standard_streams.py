"""Standard streams that are closed, or that block."""

import asyncio
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from support.process import unused_port
from support.raw_requests import ask

CLOSED = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"]


def until_ready(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait for every target's first poll."""
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError):
            if b"Ready." in asyncio.run(ask(socket.AF_UNIX, str(path), "/-/ready")):
                return
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)


def healthy(path: Path, process: "subprocess.Popen[bytes]") -> bool:
    """Wait for the program to answer at the socket."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            return b"Healthy." in asyncio.run(ask(socket.AF_UNIX, str(path)))
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("closed", CLOSED)
def test_the_service_exits_0_with_closed_standard_streams(
    closed: str, config: Path, tmp_path: Path
) -> None:
    path = tmp_path / "one.sock"
    command = [sys.executable, "-m", "exporter", "--config.file", str(config)]
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    with subprocess.Popen([*shell, *command, "--web.listen-address", f"unix:{path}"]) as process:
        try:
            is_healthy = healthy(path, process)
            own = Path(f"/proc/{process.pid}/fd")
            kinds = [(own / str(number)).readlink().name.partition(":")[0] for number in range(3)]
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
        finally:
            process.kill()

    assert is_healthy
    assert "socket" not in kinds
    assert "anon_inode" not in kinds
    assert code == 0


def test_a_log_that_is_not_read_stops_nothing(tmp_path: Path) -> None:
    path, config = tmp_path / "one.sock", tmp_path / "config.yaml"
    url = f"http://127.0.0.1:{unused_port()}"
    # Each logs that it is down: more than a pipe takes.
    targets = (
        f"- {{name: {'t' * 99}{at}, system: genesys_ucs, url: '{url}'}}\n" for at in range(300)
    )
    config.write_text(f"targets:\n{''.join(targets)}", encoding="utf-8")
    command = [sys.executable, "-m", "exporter", "--config.file", str(config)]
    with subprocess.Popen(
        [*command, "--web.listen-address", f"unix:{path}"], stderr=subprocess.PIPE
    ) as process:
        try:
            until_ready(path, process)
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
        finally:
            process.kill()

    assert code == 0


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["poll"], 1), (["--nosuch"], 2)])
def test_a_command_keeps_its_exit_code_with_closed_standard_streams(
    closed: str, arguments: list[str], code: int, config: Path
) -> None:
    more = ["--config.file", str(config)] if arguments == ["poll"] else []
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "exporter"]
    done = subprocess.run(
        [*command, *arguments, *more], capture_output=True, check=False, timeout=60
    )

    assert done.returncode == code
