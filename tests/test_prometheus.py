"""A real Prometheus scrapes the demo and answers queries for all four systems."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from program import fetch, started
from servers import unused_port

from exporter.systems import SYSTEMS

HERE = Path(__file__).parent
# Debian's own, and a 3.x that was unpacked beside the project or is named in the environment.
CANDIDATES = (
    shutil.which("prometheus"),
    str(HERE.parent / ".tools" / "prometheus3" / "usr" / "bin" / "prometheus"),
    *os.environ.get("PROMETHEUS", "").split(os.pathsep),
)
SERVERS = [path for path in CANDIDATES if path and Path(path).is_file()]

QUERIES = {
    "up": 1,
    "status_exporter_target_up == 1": 9,
    "genesys_ucs_jvm_memory_used_bytes / genesys_ucs_jvm_memory_max_bytes < 1": 1,
    "sum by (mode) (genesys_ucs_mode) == 1": 1,
    "abs(genesys_ucs_clock_skew_seconds) < 60": 1,
    "increase(genesys_ucs_requests_total[1m])": 1,
    "webitel_freeswitch_active_sessions / webitel_freeswitch_sessions_limit < 1": 2,
    'webitel_info{node_version=~"v.+"}': 2,
    "rate(webitel_freeswitch_sessions_total[1m]) >= 0": 2,
    "sum by (target) (mdworkbench_launches) >= 0": 1,
    'mdworkbench_server_state{state="active"} == 1': 1,
    "clanforge_server_admin_locked"
    " * on (target, serverid) group_left (profileid, locationid) clanforge_server_info": 5,
}


def version_of(server: str) -> str:
    done = subprocess.run([server, "--version"], capture_output=True, text=True, check=True)
    return (done.stdout + done.stderr).split()[2].partition("+")[0]


CHOOSY = [server for server in SERVERS if not version_of(server).startswith("2.4")]


@contextmanager
def prometheus(server: str, target: str, folder: Path, more: str = "") -> Iterator[str]:
    """Run a Prometheus that scrapes the target each second; yield its address."""
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 900ms}\n"
        "scrape_configs:\n"
        f'  - {{job_name: demo, static_configs: [{{targets: ["{target}"]}}]{more}}}\n',
        encoding="utf-8",
    )
    address = f"127.0.0.1:{unused_port()}"
    command = [
        server,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield address
        finally:
            process.kill()
            process.wait()


def ask(address: str, path: str, **params: str) -> Any:
    """Ask Prometheus' API; None while it is not there yet."""
    try:
        body = fetch(f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(params)}")
    except (urllib.error.URLError, ConnectionError):
        return None
    return json.loads(body)["data"]


def until_answered(address: str, query: str, expected: int) -> list[Any]:
    """Ask until as many series come back as are expected, or a minute has passed."""
    deadline = time.monotonic() + 60
    result: list[Any] = []
    while time.monotonic() < deadline:
        data = ask(address, "query", query=query)
        result = data["result"] if data else []
        if len(result) == expected:
            break
        time.sleep(0.2)
    return result


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    addresses = ("--web.listen-address", "127.0.0.1:0", "--simulator.listen-address", "127.0.0.1:0")
    with started("demo", *addresses) as (_, address):
        yield address


@pytest.mark.skipif(not SERVERS, reason="no prometheus on this machine")
@pytest.mark.parametrize("server", SERVERS, ids=version_of)
def test_prometheus_answers_for_all_four_systems(server: str, demo: str, tmp_path: Path) -> None:
    with prometheus(server, demo, tmp_path) as address:
        answers = {query: len(until_answered(address, query, n)) for query, n in QUERIES.items()}
        names = set(ask(address, "label/__name__/values"))
        targets = ask(address, "targets")["activeTargets"]

    assert answers == QUERIES
    assert [target["lastError"] for target in targets] == [""]
    served = {line.split("{")[0] for line in fetch(f"http://{demo}/metrics").splitlines()}
    vendors = {name for name in served if name.startswith(tuple(SYSTEMS))}
    assert vendors - names == set()
    assert not [name for name in names if name.endswith("_created")]


@pytest.mark.skipif(not CHOOSY, reason="no prometheus that can be told which format to ask for")
@pytest.mark.parametrize("server", CHOOSY, ids=version_of)
def test_prometheus_takes_the_text_format_too(server: str, demo: str, tmp_path: Path) -> None:
    protocols = ", scrape_protocols: [PrometheusText0.0.4]"
    with prometheus(server, demo, tmp_path, protocols) as address:
        found = until_answered(address, "status_exporter_target_up == 1", 9)

    assert len(found) == 9


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on this machine")
def test_promtool_finds_nothing_wrong_with_the_page(demo: str) -> None:
    page = fetch(f"http://{demo}/metrics")
    command = ["promtool", "check", "metrics"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
