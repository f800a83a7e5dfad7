"""The command line, run as users run it: output, exit codes, signals."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.demo_targets import DEMO, SIMULATED
from support.process import fetch, run, said, started
from support.vendor import Vendor, response


async def in_thread(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run, *arguments)


async def test_poll_prints_the_targets_metrics(vendor: Vendor) -> None:
    vendor.answer = response(b'{"mode": "production", "request_today": "many"}')
    done = await in_thread("poll", "--system", "genesys_ucs", "--url", vendor.url, "--name", "a")

    assert done.returncode == 0
    assert 'genesys_ucs_mode{target="a",mode="production"} 1\n' in done.stdout
    assert 'status_exporter_target_up{target="a",system="genesys_ucs"} 1\n' in done.stdout
    assert done.stderr == 'a: genesys_ucs_requests_total: "many" is not a number\n'


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("k-1", encoding="utf-8")
    (tmp_path / "password").write_text("p-1", encoding="utf-8")
    return tmp_path


async def test_poll_polls_a_target_that_is_polled_on_probe(vendor: Vendor) -> None:
    vendor.answer = response(b'{"mode": "production"}')
    flags = ("--system", "genesys_ucs", "--url", vendor.url, "--interval", "on_probe")
    done = await in_thread("poll", *flags)

    assert done.returncode == 0
    assert 'mode="production"} 1\n' in done.stdout


async def test_poll_accepts_one_target_in_flags(vendor: Vendor, secrets: Path) -> None:
    vendor.answer = response(b'{"server": {"serverid": 17, "active": 1}}')
    done = await in_thread(
        *("poll", "--system", "clanforge", "--url", vendor.url, "--param", "serverid=17"),
        *("--param", "query_info=false", "--label", "site=ams", "--name", "eu-17"),
        *("--header-file", f"X-Key={secrets}/key"),
        *("--username", "u", "--password-file", f"{secrets}/password"),
    )

    assert done.returncode == 0
    labels = 'target="eu-17",site="ams",serverid="17",state="started"'
    assert f"clanforge_server_state{{{labels}}} 1\n" in done.stdout
    (request,) = vendor.requests
    assert request.startswith("GET /cfp/v1/server/17/status?query_info=false HTTP/1.1\r\n")
    assert "X-Key: k-1\r\n" in request
    assert "Authorization: Basic dTpwLTE=\r\n" in request


def test_a_failed_poll_exits_1_and_is_explained(config: Path) -> None:
    done = run("poll", "--config.file", str(config))

    assert done.returncode == 1
    assert 'status_exporter_target_up{target="a",system="genesys_ucs"} 0\n' in done.stdout
    assert re.fullmatch(
        r"a: connect: GET http://127.0.0.1:1/server/status: no connection: .*refused.*\n",
        done.stderr,
    )


def test_a_closed_pipe_causes_no_traceback() -> None:
    command = f"{sys.executable} -m exporter systems | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602

    assert done.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_until_a_signal_and_exits_0(config: Path, number: signal.Signals) -> None:
    with started("--config.file", str(config), "--web.listen-address", "127.0.0.1:0") as (
        process,
        address,
    ):
        assert fetch(f"http://{address}/-/healthy") == "Healthy.\n"
        assert "status_exporter_build_info" in fetch(f"http://{address}/metrics")
        process.send_signal(number)

        assert process.wait(timeout=60) == 0
        assert process.stdout is not None
        assert "msg=stopping" in process.stdout.read()


def test_a_port_in_use_is_reported_in_one_line(config: Path) -> None:
    with started("--config.file", str(config), "--web.listen-address", "127.0.0.1:0") as (
        _,
        address,
    ):
        done = run("serve", "--config.file", str(config), "--web.listen-address", address)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"status-exporter: cannot listen on {address}: ")
    assert "Traceback" not in done.stderr


def test_the_log_can_be_json(config: Path) -> None:
    arguments = (
        "--config.file",
        str(config),
        "--web.listen-address",
        "192.0.2.1:1",
        "--log.format",
        "json",
    )
    done = run("serve", *arguments)
    first = json.loads(done.stderr.splitlines()[0])

    assert done.returncode == 1
    assert (first["msg"], first["level"], first["targets"]) == (
        "starting status-exporter",
        "info",
        1,
    )


def test_the_demo_shows_each_of_its_systems_with_values_that_change() -> None:
    addresses = ("--web.listen-address", "127.0.0.1:0", "--simulator.listen-address", "127.0.0.1:0")
    with started("demo", *addresses) as (process, address):

        def shown() -> dict[str, str]:
            lines = fetch(f"http://{address}/metrics").splitlines()
            return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

        deadline = time.monotonic() + 60
        systems = set[str]()
        up = set[str]()
        while len(up) < len(DEMO) and time.monotonic() < deadline:
            ups = {name: value for name, value in shown().items() if "_target_up{" in name}
            systems = {found[1] for name in ups if (found := re.search(r'system="(\w+)"', name))}
            up |= {name for name, value in ups.items() if value == "1"}
        first = shown()
        deadline = time.monotonic() + 60
        prefixes = {target.system.prefix for target in DEMO}
        unchanged = set(prefixes)
        while unchanged and time.monotonic() < deadline:
            later = shown()
            # Times change by themselves.
            names = [name for name in first if "_seconds" not in name]
            names = [name for name in names if later.get(name, first[name]) != first[name]]
            unchanged -= {
                prefix for prefix in prefixes for name in names if name.startswith(prefix)
            }
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=60) == 0
    assert len(up) == len(DEMO)
    assert systems == SIMULATED
    assert unchanged == set()


def test_demos_without_flags_run_side_by_side() -> None:
    with started("demo") as (_, first), started("demo") as (_, second):
        assert first != second
        for address in (first, second):
            assert "status_exporter_build_info" in fetch(f"http://{address}/metrics")


@pytest.mark.parametrize("flag", ["--web.listen-address", "--simulator.listen-address"])
def test_a_demo_names_the_flag_of_an_address_in_use(flag: str) -> None:
    addresses = {"--web.listen-address": "127.0.0.1:0", "--simulator.listen-address": "127.0.0.1:0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addresses[flag] = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("demo", *(word for pair in addresses.items() for word in pair))

    assert done.returncode == 1
    assert done.stdout == ""
    assert said(done.stderr) == [
        f"status-exporter: cannot listen on {addresses[flag]}: Address already in use; change {flag}"
    ]


def test_a_check_needs_neither_the_configuration_nor_the_server() -> None:
    code = (
        "import sys; from exporter.cli import main; main(['healthcheck', '--url', 'unix:/none']);"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert set(done.stdout.split()) & {"aiohttp", "asyncio", "pydantic", "uvloop", "yaml"} == set()


def test_help_names_the_default_address() -> None:
    assert "(default: http://127.0.0.1:10125)" in " ".join(
        run("healthcheck", "--help").stdout.split()
    )
