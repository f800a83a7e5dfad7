"""A real Prometheus that knows only /sd scrapes each target separately."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.demo import config_text
from support.process import fetch, started, unused_port
from support.prometheus_server import ask, prometheus, until_answered, until_scraped

# Targets of the demo, of which Prometheus paces one.
SITE = "labels: {site: ams}"
ON_PROBE = "ucs-ams"


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    simulator = f"127.0.0.1:{unused_port()}"
    config = tmp_path_factory.mktemp("sd") / "config.yaml"
    text = config_text(f"http://{simulator}").replace(SITE, f"{SITE}, interval: on_probe")
    config.write_text(text, encoding="utf-8")
    own = ("--web.listen-address", "127.0.0.1:0")
    with (
        started("demo", *own, "--simulator.listen-address", simulator),
        started("serve", *own, "--config.file", str(config)) as (_, address),
    ):
        yield address


def by_instance(found: list[Any]) -> dict[str, dict[str, str]]:
    return {one["metric"].pop("instance"): one["metric"] for one in found}


def test_prometheus_scrapes_each_target_that_the_list_names(
    server: str, exporter: str, tmp_path: Path
) -> None:
    job = f'http_sd_configs: [{{url: "http://{exporter}/sd"}}]'
    with prometheus(server, job, tmp_path) as address:
        ups = by_instance(until_answered(address, "up == 1", 9))
        states = by_instance(until_answered(address, "status_exporter_target_up == 1", 9))
        vendors = until_answered(address, "genesys_ucs_jvm_memory_used_bytes", 1)
        polls = f'status_exporter_polls_total{{instance="{ON_PROBE}"}}'
        until_answered(address, f"count_over_time({polls}[5m]) >= 5", 1)
        (counted,) = ask(address, "query", query=f"{polls}[5m]")["result"]
        (scrapes,) = ask(
            address, "query", query=f'count_over_time(up{{instance="{ON_PROBE}"}}[5m])'
        )["result"]
        labels = ask(address, "labels")
        targets = until_scraped(address)

    names = {"ucs-ams", "pbx-old", "pbx-new", "mdw"} | {
        name for name in ups if name.startswith("game-")
    }
    assert set(ups) == set(states) == names
    assert all(labels["target"] == name for name, labels in ups.items())
    assert all(labels["target"] == name for name, labels in states.items())
    assert {name for name, labels in states.items() if labels.get("site") == "ams"} == {ON_PROBE}
    assert states["mdw"]["system"] == "mdworkbench"
    assert vendors[0]["metric"] == {
        "__name__": "genesys_ucs_jvm_memory_used_bytes",
        "instance": ON_PROBE,
        "job": "demo",
        "site": "ams",
        "target": ON_PROBE,
    }
    assert [label for label in labels if label.startswith("exported_")] == []
    assert targets["droppedTargets"] == []
    assert {target["lastError"] for target in targets["activeTargets"]} == {""}
    # Each scrape caused one poll, and nothing else did.
    values = [float(value) for _, value in counted["values"]]
    assert all(later > earlier for earlier, later in pairwise(values))
    assert values[-1] - values[0] <= float(scrapes["value"][1])
    assert f'target="{ON_PROBE}"' not in fetch(f"http://{exporter}/metrics")
