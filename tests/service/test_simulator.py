"""The simulator as a process."""

import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from exporter.config import load_file
from exporter.systems import SYSTEMS
from support.deployment_files import CONFIG
from support.process import fetch, started


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "exporter.simulator", *arguments]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_command_serves_until_it_is_stopped(stop: signal.Signals) -> None:
    arguments = command("--listen", "127.0.0.1:0", "--seed", "4")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            base = process.stdout.readline().decode().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", base)
            with urllib.request.urlopen(f"{base}/", timeout=60) as answer:  # noqa: S310
                assert b"/cv/server/status" in answer.read()
            process.send_signal(stop)
            assert process.wait(timeout=60) == 0
            assert process.stderr.read() == b""
        finally:
            process.kill()


def test_command_reports_a_port_in_use_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            command("--listen", address), capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "in use" in done.stderr


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1", ":80"])
def test_command_refuses_an_invalid_address(address: str) -> None:
    done = subprocess.run(
        command("--listen", address), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "not an address" in done.stderr


def test_the_exporter_sees_every_server_of_the_simulator(tmp_path: Path) -> None:
    names = {one.name for one in load_file(CONFIG, SYSTEMS).targets}
    simulator = subprocess.Popen(
        [sys.executable, "-m", "exporter.simulator", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert simulator.stdout
        url = simulator.stdout.readline().strip()
        text = CONFIG.read_text(encoding="utf-8").replace("http://simulator:10126", url)
        config = tmp_path / "config.yaml"
        config.write_text(text, encoding="utf-8")
        listen = "--web.listen-address=127.0.0.1:0"
        with started("serve", "--config.file", str(config), listen) as (_, address):
            up = set[str]()
            deadline = time.monotonic() + 60
            while up != names and time.monotonic() < deadline:
                page = fetch(f"http://{address}/metrics")
                up = set(re.findall(r'target_up\{[^}]*target="([^"]+)"[^}]*\} 1', page))
                time.sleep(0.2)
    finally:
        simulator.terminate()
        simulator.wait(60)
        if simulator.stdout is not None:
            simulator.stdout.close()

    assert up == names
