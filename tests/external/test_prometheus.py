"""A real Prometheus scrapes the demo and answers queries for all four systems."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.systems import SYSTEMS
from support.process import fetch, started
from support.prometheus_server import (
    ask,
    prometheus,
    until_answered,
    until_scraped,
    until_stored,
)

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


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    addresses = ("--web.listen-address", "127.0.0.1:0", "--simulator.listen-address", "127.0.0.1:0")
    with started("demo", *addresses) as (_, address):
        yield address


def test_prometheus_answers_for_all_four_systems(server: str, demo: str, tmp_path: Path) -> None:
    job = f'static_configs: [{{targets: ["{demo}"]}}]'
    with prometheus(server, job, tmp_path) as address:
        answers = {query: len(until_answered(address, query, n)) for query, n in QUERIES.items()}
        page = fetch(f"http://{demo}/metrics")
        served = {line.split("{")[0] for line in page.splitlines()}
        vendors = {name for name in served if name.startswith(tuple(SYSTEMS))}
        missing = until_stored(address, vendors)
        names = ask(address, "label/__name__/values")
        targets = until_scraped(address)["activeTargets"]

    assert answers == QUERIES
    assert [target["lastError"] for target in targets] == [""]
    assert missing == set()
    assert not [name for name in names if name.endswith("_created")]


# Before 2.49 the format that Prometheus requests cannot be configured.
@pytest.mark.parametrize("server", ["3"], indirect=True)
def test_prometheus_accepts_the_text_format_too(server: str, demo: str, tmp_path: Path) -> None:
    protocols = "scrape_protocols: [PrometheusText0.0.4]"
    job = f'static_configs: [{{targets: ["{demo}"]}}], {protocols}'
    with prometheus(server, job, tmp_path) as address:
        found = until_answered(address, "status_exporter_target_up == 1", 9)

    assert len(found) == 9


def test_promtool_finds_nothing_wrong_with_the_page(demo: str, promtool: str) -> None:
    page = fetch(f"http://{demo}/metrics")
    command = [promtool, "check", "metrics"]
    done = subprocess.run(command, input=page, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
