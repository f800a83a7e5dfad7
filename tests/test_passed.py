"""Sockets that systemd passes."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from port import ask, site
from program import ONE_TARGET, run, said
from servers import unused_port

from exporter.web.listen import PASSED, ListenError, listening
from exporter.web.sockets import passed, written

# Takes the sockets up as numbers 3 and following, and names this process as theirs.
HAND_OVER = """
import os, sys
numbers = [int(one) for one in sys.argv[1].split(",") if one]
for at, number in enumerate(numbers):
    os.dup2(number, 3 + at)
os.environ |= {"LISTEN_FDS": str(len(numbers)), "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "exporter", *sys.argv[2:]])
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(ONE_TARGET, encoding="utf-8")
    return path


def listeners(tmp_path: Path) -> Iterator[socket.socket]:
    tcp = socket.socket()
    tcp.bind(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "passed.sock"))
    for one in (tcp, unix):
        one.listen()
        os.set_inheritable(one.fileno(), True)
        yield one


def test_sockets_that_systemd_passed_are_served(tmp_path: Path, config: Path) -> None:
    tcp, unix = listeners(tmp_path)
    numbers = f"{tcp.fileno()},{unix.fileno()}"
    ignored = f"127.0.0.1:{unused_port()}"
    arguments = ("--config.file", str(config), "--web.systemd-socket")
    process = subprocess.Popen(
        [sys.executable, "-c", HAND_OVER, numbers, *arguments, "--web.listen-address", ignored],
        pass_fds=(tcp.fileno(), unix.fileno()),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # The queue of a passed socket is there before the process is.
        answers = [asyncio.run(ask(one.family, one.getsockname())) for one in (tcp, unix)]
        own = Path(f"/proc/{process.pid}/fdinfo")
        modes = {number: (own / str(number)).read_text() for number in (3, 4)}
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
        tcp.close()
        unix.close()

    assert [b"Healthy." in answer for answer in answers] == [True, True]
    # O_CLOEXEC, in octal.
    assert all(
        int(re.findall(r"flags:\s+(\d+)", mode)[0], 8) & os.O_CLOEXEC for mode in modes.values()
    )
    assert process.returncode == 0
    assert ignored not in log
    assert (tmp_path / "passed.sock").exists()


def test_no_socket_from_systemd_is_one_line(config: Path) -> None:
    done = run("serve", "--config.file", str(config), "--web.systemd-socket")

    assert done.returncode == 1
    assert said(done.stderr) == [
        "status-exporter: cannot listen: --web.systemd-socket is given, and no socket was passed"
    ]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "0", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "-1", "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "9" * 5000, "LISTEN_PID": str(os.getpid())},
        {"LISTEN_FDS": "x", "LISTEN_PID": "x"},
    ],
)
def test_sockets_of_another_process_are_not_taken(environ: dict[str, str]) -> None:
    with pytest.raises(ListenError, match="no socket was passed"):
        passed(environ | {"LISTEN_FDNAMES": "a"})


def test_the_variables_of_systemd_are_cleared() -> None:
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "LISTEN_FDNAMES": "a", "HOME": "/"}
    with pytest.raises(ListenError):
        passed(environ)

    assert environ == {"HOME": "/"}


def test_a_passed_socket_that_does_not_listen_is_one_line(config: Path, tmp_path: Path) -> None:
    with socket.socket() as one, (tmp_path / "file").open("w") as file:
        done = [
            subprocess.run(
                [
                    sys.executable,
                    "-c",
                    HAND_OVER,
                    str(number),
                    "--web.systemd-socket",
                    "--config.file",
                    str(config),
                ],
                pass_fds=(number,),
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            for number in (one.fileno(), file.fileno())
        ]

    assert [each.returncode for each in done] == [1, 1]
    assert [said(each.stderr) for each in done] == [
        ["status-exporter: cannot listen on passed socket 3: not a listening TCP or Unix socket"],
        ["status-exporter: cannot listen on passed socket 3: Socket operation on non-socket"],
    ]


async def test_passed_sockets_are_told_as_addresses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tcp, unix = listeners(tmp_path)
    monkeypatch.setattr("exporter.web.listen.passed", lambda _environ: [tcp, unix])
    names = [written(tcp), written(unix)]
    async with listening(site(), [PASSED]) as addresses:
        assert addresses == names
