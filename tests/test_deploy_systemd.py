"""The units for systemd: its own judgement of them, and that they fit the program."""

import configparser
import ctypes
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from deployed import DEPLOY, parsed
from program import ONE_TARGET, fetch

from exporter.address import parse_address

UNITS = DEPLOY / "systemd"
SERVICE, SOCKET = UNITS / "status-exporter.service", UNITS / "status-exporter.socket"
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(not ANALYZE, reason="systemd-analyze is not installed")

# In tenths of systemd's points, of which an unhardened service has about a hundred.
MOST_EXPOSED = 11

_PR_SET_NO_NEW_PRIVS, _PR_SET_MDWE = 38, 65


def settings(unit: Path) -> dict[str, list[str]]:
    """Return what the unit sets, by key, in the order it stands there."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert ANALYZE
    # Which colours and pages systemd would make of it is no matter of ours.
    environment = {**os.environ, "SYSTEMD_PAGER": "cat", "SYSTEMD_LOG_COLOR": "0"}
    return subprocess.run(
        [ANALYZE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment,
    )


def test_the_service_starts_the_program_with_flags_that_it_has() -> None:
    (line,) = settings(SERVICE)["ExecStart"]
    program, *flags, more = line.split()
    arguments = parsed(flags)

    assert program == "/opt/status-exporter/bin/status-exporter"
    assert more == "$STATUS_EXPORTER_ARGS"
    assert arguments.command == "serve"
    assert arguments.systemd_socket


def test_the_socket_is_where_the_program_would_listen() -> None:
    (port,) = settings(SOCKET)["ListenStream"]

    assert parse_address(parsed(["serve"]).default_address) == (None, int(port))


@needs_systemd
def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    for unit in (SERVICE, SOCKET):
        text = unit.read_text(encoding="utf-8")
        # What is not installed here stands where it would be.
        text = text.replace("/opt/status-exporter/bin/status-exporter", sys.executable)
        (tmp_path / unit.name).write_text(text, encoding="utf-8")

    done = analyze("verify", "--man=no", tmp_path / SERVICE.name, tmp_path / SOCKET.name)

    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_little_of_the_system_is_left_to_the_service() -> None:
    done = analyze("security", "--offline=true", f"--threshold={MOST_EXPOSED}", SERVICE)

    assert done.returncode == 0, done.stdout


def test_every_word_of_the_units_stands_in_a_section() -> None:
    for unit, sections in ((SERVICE, "Service"), (SOCKET, "Socket")):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read(unit, encoding="utf-8")

        assert parser.sections() == ["Unit", sections, "Install"]


def confine() -> None:
    """Take away in this process what the service is not given, as far as a process itself can."""
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


def test_the_program_runs_confined_and_tells_systemd(tmp_path: Path) -> None:
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
