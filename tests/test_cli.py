"""The command line: what it prints, and the exit codes."""

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
from aiohttp import web
from conftest import Vendor, response
from program import fetch, run, said, started

from exporter import __version__
from exporter.cli import main
from exporter.cli.demo import _listening
from exporter.systems import SYSTEMS

GOOD = 'targets: [{name: a, system: genesys_ucs, url: "http://127.0.0.1:1"}]\n'

FOUR = {"genesys", "webitel", "mdworkbench", "clanforge"}
"""The first words of the names of the systems' metrics."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_check_says_what_a_sound_file_holds(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (["check", str(config)], ["check", "--config.file", str(config)]):
        assert main(arguments) == 0
        assert capsys.readouterr().out == "configuration OK: 1 target, 0 clients\n"


@pytest.mark.parametrize("arguments", [["check"], ["serve", "--config.check"], ["--config.check"]])
def test_a_faulty_file_exits_2_with_every_fault_on_standard_error(
    arguments: list[str], config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("global: {interval: 1}\ntargets: [{name: a}]\n", encoding="utf-8")

    assert main([*arguments, "--config.file", str(config)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"{config}:1:10: global.interval: 1 is not a duration such as 15s, 1m30s or 500ms",
        f"{config}:2:11: targets[0].system: this key is required",
        f"{config}:2:11: targets[0].url: this key is required",
    ]


def test_a_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "no.yaml"

    assert main(["serve", "--config.file", str(missing)]) == 2
    assert capsys.readouterr().err == f"{missing}: No such file or directory\n"


def test_the_file_is_named_once(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(config), "--config.file", str(config)]) == 2
    assert "give the file once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--url", "http://h"], "--system: this key is required"),
        (["--system", "webitel"], "--url: this key is required"),
        (["--system", "webitle", "--url", "http://h"], 'did you mean "webitel"?'),
        (["--system", "webitel", "--url", "h"], "--url: a target's url begins with"),
        (["--system", "clanforge", "--url", "http://h"], "--param: clanforge needs the parameter"),
        (
            ["--system", "webitel", "--url", "http://h", "--param", "x"],
            "--param: x is not NAME=VALUE",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--interval", "5s"],
            "--timeout: 5s (the default",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--username", "u"],
            "--username: needs password or password_file",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--header-file", "X-Key=/no/file"],
            "--header-file: /no/file: No such file",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--config.file", "c.yaml"],
            "--config.file and --system exclude each other",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--web.telemetry-path", "/probe"],
            "--web.telemetry-path: /probe is not a path",
        ),
        (
            ["--system", "webitel", "--url", "http://h", "--web.telemetry-path", "metrics"],
            "--web.telemetry-path: metrics is not a path",
        ),
    ],
)
def test_a_wrong_flag_is_named(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_systems_lists_every_metric_with_its_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems"]) == 0
    out = capsys.readouterr().out

    for system in SYSTEMS.values():
        for family in system.families:
            assert family.name in out
    assert "/Node memory/rss" in out
    assert "params.serverid (required)" in out


def test_systems_lists_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems", "mdworkbench"]) == 0
    assert "webitel" not in capsys.readouterr().out
    assert main(["systems", "webitle"]) == 2
    assert 'did you mean "webitel"?' in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"status-exporter {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["serve", "--no-such-flag"], ["poll", "a", "b"]]
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2


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


async def test_poll_polls_what_is_otherwise_polled_on_probe(vendor: Vendor) -> None:
    vendor.answer = response(b'{"mode": "production"}')
    flags = ("--system", "genesys_ucs", "--url", vendor.url, "--interval", "on_probe")
    done = await in_thread("poll", *flags)

    assert done.returncode == 0
    assert 'mode="production"} 1\n' in done.stdout


async def test_poll_takes_one_target_from_flags(vendor: Vendor, secrets: Path) -> None:
    vendor.answer = response(b'{"server": {"active": 1}}')
    done = await in_thread(
        *("poll", "--system", "clanforge", "--url", vendor.url, "--param", "serverid=17"),
        *("--param", "query_info=false", "--label", "site=ams", "--name", "eu-17"),
        *("--header-file", f"X-Key={secrets}/key"),
        *("--username", "u", "--password-file", f"{secrets}/password"),
    )

    assert done.returncode == 0
    assert 'clanforge_server_state{target="eu-17",site="ams",state="started"} 1\n' in done.stdout
    (request,) = vendor.requests
    assert request.startswith("GET /cfp/v1/server/17/status?query_info=false HTTP/1.1\r\n")
    assert "X-Key: k-1\r\n" in request
    assert "Authorization: Basic dTpwLTE=\r\n" in request


def test_a_failed_poll_exits_1_and_says_why(config: Path) -> None:
    done = run("poll", "--config.file", str(config))

    assert done.returncode == 1
    assert 'status_exporter_target_up{target="a",system="genesys_ucs"} 0\n' in done.stdout
    assert re.fullmatch(r"a: connect: no connection: .*refused.*\n", done.stderr)


def test_poll_wants_to_know_which(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = GOOD.replace("targets: [", "").replace("name: a", "name: b").rstrip("]\n")
    config.write_text(GOOD.replace("]", f", {other}]"), encoding="utf-8")

    assert main(["poll", "--config.file", str(config)]) == 2
    assert capsys.readouterr().err == "which target? There are: a, b\n"
    assert main(["poll", "c", "--config.file", str(config)]) == 2
    assert capsys.readouterr().err == 'there is no target "c"; known: a, b\n'


def test_a_pipe_that_closes_is_no_traceback() -> None:
    command = f"{sys.executable} -m exporter systems | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602

    assert done.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_runs_until_a_signal_and_ends_well(config: Path, number: signal.Signals) -> None:
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


def test_a_port_in_use_is_one_line(config: Path) -> None:
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


def test_the_demo_shows_all_four_systems_with_figures_that_change() -> None:
    addresses = ("--web.listen-address", "127.0.0.1:0", "--simulator.listen-address", "127.0.0.1:0")
    with started("demo", *addresses) as (process, address):

        def shown() -> dict[str, str]:
            lines = fetch(f"http://{address}/metrics").splitlines()
            return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

        deadline = time.monotonic() + 60
        systems = set[str]()
        up = set[str]()
        while len(up) < 9 and time.monotonic() < deadline:
            ups = {name: value for name, value in shown().items() if "_target_up{" in name}
            systems = {found[1] for name in ups if (found := re.search(r'system="(\w+)"', name))}
            up |= {name for name, value in ups.items() if value == "1"}
        first = shown()
        deadline = time.monotonic() + 60
        changed: set[str] = set()
        while not changed >= FOUR and time.monotonic() < deadline:
            later = shown()
            # Times change by themselves.
            names = [name for name in first if "_seconds" not in name]
            names = [name for name in names if later.get(name, first[name]) != first[name]]
            changed |= {name.partition("_")[0] for name in names}
        process.send_signal(signal.SIGINT)

        assert process.wait(timeout=60) == 0
    assert len(up) == 9
    assert systems == {*SYSTEMS} - {"clanforge_fleet"}
    assert changed >= FOUR


def test_demos_without_flags_run_side_by_side() -> None:
    with started("demo") as (_, first), started("demo") as (_, second):
        assert first != second
        for address in (first, second):
            assert "status_exporter_build_info" in fetch(f"http://{address}/metrics")


@pytest.mark.parametrize("flag", ["--web.listen-address", "--simulator.listen-address"])
def test_a_demo_whose_given_address_is_taken_names_the_flag(flag: str) -> None:
    addresses = {"--web.listen-address": "127.0.0.1:0", "--simulator.listen-address": "127.0.0.1:0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        addresses[flag] = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("demo", *(word for pair in addresses.items() for word in pair))

    assert done.returncode == 1
    assert done.stdout == ""
    assert said(done.stderr) == [
        f"status-exporter: cannot listen on {addresses[flag]}: Address already in use; change {flag}"
    ]


async def test_a_default_port_that_is_taken_gives_way_to_a_free_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        default = f"127.0.0.1:{taken.getsockname()[1]}"
        async with _listening(web.Application(), [], default, "--flag") as (address,):
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port))).close()

    assert host == "127.0.0.1"
    assert address != default
    assert capsys.readouterr().out == (
        f"cannot listen on {default}: Address already in use; a free port serves instead\n"
    )
