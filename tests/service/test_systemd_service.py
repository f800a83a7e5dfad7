"""The program under systemd: confined, started by its socket, supervised."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from support.deployment_files import SERVICE, settings
from support.process import ONE_TARGET, fetch, started

_PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE = 38, 65


def confine() -> None:
    """Confine this process like the service, as far as a process can do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Kernels before 6.3 do not know it; the service has it from systemd there.
    libc.prctl(_PR_SET_MDWE, 1, 0, 0, 0)
    os.umask(0o077)


# Takes the socket up as number 3, as systemd hands it over.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "exporter", *sys.argv[2:]])
"""


def test_the_program_runs_confined_and_notifies_systemd(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(ONE_TARGET, encoding="utf-8")
    (line,) = settings(SERVICE)["ExecStart"]
    flags = line.replace("/etc/status-exporter/config.yaml", str(config)).split()[1:-1]
    with socket.socket() as listener, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        os.set_inheritable(listener.fileno(), True)
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-c", HAND_OVER, str(listener.fileno()), *flags],
            pass_fds=[listener.fileno()],
            preexec_fn=confine,  # noqa: PLW1509 - no other thread runs here
            env={
                **os.environ,
                "NOTIFY_SOCKET": str(tmp_path / "notify"),
                "WATCHDOG_USEC": "30000000",
            },
            stderr=subprocess.DEVNULL,
        )
        try:
            first = notify.recv(1000).decode()
            page = fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/metrics")
        finally:
            process.terminate()
            code = process.wait(30)

    assert re.search("^READY=1$", first, re.MULTILINE) or first == "WATCHDOG=1"
    assert "status_exporter_targets 1" in page.replace('{system="genesys_ucs"}', "")
    assert code == 0


def test_the_program_notifies_systemd(
    inbox: tuple[socket.socket, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, address = inbox
    config = tmp_path / "config.yaml"
    config.write_text(ONE_TARGET, encoding="utf-8")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    received = list[str]()
    flags = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
    with started(*flags) as (process, _):
        while len(received) < 4:
            received.append(box.recv(4096).decode())
        process.send_signal(signal.SIGTERM)
        while not received[-1].startswith("STOPPING=1"):
            received.append(box.recv(4096).decode())

        assert process.wait(timeout=60) == 0
    assert received[0] == "READY=1\nSTATUS=polling 1 targets"
    assert set(received[1:-1]) == {"WATCHDOG=1"}


def test_a_stopped_program_feeds_no_watchdog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(ONE_TARGET, encoding="utf-8")
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    flags = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box:
        box.bind(path)
        box.settimeout(60)
        with started(*flags) as (process, _):
            while box.recv(4096) != b"WATCHDOG=1":
                pass
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            box.settimeout(1)
            left = 0
            with suppress(TimeoutError):
                while left < 100 and box.recv(4096):  # Earlier messages.
                    left += 1
            assert left < 100
            process.send_signal(signal.SIGCONT)
            box.settimeout(60)

            assert box.recv(4096) == b"WATCHDOG=1"
