"""Where the program listens: ports, Unix sockets, sockets that systemd passes."""

import asyncio
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter import service
from exporter.clock import Clock
from exporter.settings import Settings
from support.process import fetch, run, said, started, unused_port
from support.raw_requests import ask, listeners


def test_a_bare_port_in_use_is_reported_in_one_line(config: Path) -> None:
    with socket.socket() as one:
        one.bind(("0.0.0.0", 0))  # noqa: S104 - that is what the bare port is
        one.listen()
        address = f":{one.getsockname()[1]}"
        done = run("serve", "--config.file", str(config), "--web.listen-address", address)

    assert done.returncode == 1
    assert said(done.stderr) == [
        f"status-exporter: cannot listen on {address}: Address already in use"
    ]


def test_a_negative_number_of_requests_is_reported(config: Path) -> None:
    done = run("serve", "--config.file", str(config), "--web.max-requests", "-1")

    assert (done.returncode, done.stderr) == (2, "--web.max-requests: -1 is below 0\n")


def test_a_unix_socket_is_removed_at_the_end(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.sock"
    addresses = ("--web.listen-address", f"unix:{path}", "--web.listen-address", "127.0.0.1:0")
    with started("--config.file", str(config), *addresses) as (process, _):
        assert stat.S_ISSOCK(path.stat().st_mode)
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=60) == 0
    assert not path.exists()


# Takes the sockets up as numbers 3 and following, and names this process as theirs.
HAND_OVER = """
import os, sys
numbers = [int(one) for one in sys.argv[1].split(",") if one]
for at, number in enumerate(numbers):
    os.dup2(number, 3 + at)
os.environ |= {"LISTEN_FDS": str(len(numbers)), "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, "-m", "exporter", *sys.argv[2:]])
"""


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


def test_idle_clients_keep_no_scraper_out_with_few_open_files(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    url = f"http://127.0.0.1:{unused_port()}"
    targets = (f"- {{name: t{at}, system: genesys_ucs, url: '{url}'}}\n" for at in range(300))
    config.write_text(f"targets:\n{''.join(targets)}", encoding="utf-8")
    flags = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
    with started(*flags, first="ulimit -n 64") as (_, address), ExitStack() as stack:
        host, _, port = address.rpartition(":")
        for at in range(100):
            # Of so many addresses that none holds more connections than the scraper.
            idle = socket.create_connection(
                (host, int(port)), timeout=60, source_address=(f"127.0.1.{at}", 0)
            )
            stack.enter_context(idle)
        pages = [fetch(f"http://{address}/metrics") for _ in range(3)]

    assert all(page.endswith("\n") for page in pages)
    assert 'http_rejected_total{reason="connections"} 9' in pages[0]


def test_too_few_open_files_are_logged_with_the_number_that_is_needed(config: Path) -> None:
    flags = ("--config.file", str(config), "--web.systemd-socket")
    command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", sys.executable, "-m", "exporter"]
    done = subprocess.run(
        [*command, *flags], capture_output=True, text=True, check=False, timeout=60
    )

    assert re.search(
        r"level=warn msg=\"too few open files .* open_files=64 needed=201\b", done.stderr
    )


@pytest.mark.parametrize(("files", "polls"), [(64, 48), (250, 188), (1024, 824)])
async def test_with_few_open_files_most_are_for_polls(
    files: int, polls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_raise_file_limit", lambda: files)
    async with service.running(Settings(targets=()), Clock()) as (_, _, schedule):
        assert schedule._max_at_once == polls


def test_a_missing_socket_of_systemd_is_reported_in_one_line(config: Path) -> None:
    done = run("serve", "--config.file", str(config), "--web.systemd-socket")

    assert done.returncode == 1
    assert said(done.stderr) == [
        "status-exporter: cannot listen: --web.systemd-socket is given, and no socket was passed"
    ]


def test_a_passed_socket_that_does_not_listen_is_reported_in_one_line(
    config: Path, tmp_path: Path
) -> None:
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
