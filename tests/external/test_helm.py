"""The chart: what it makes of values is sound to Kubernetes, and as the program is."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from exporter.config import load_text
from exporter.systems import SYSTEMS
from support.custom_resources import GROUPS, check_custom_resource
from support.manifests import (
    CHART,
    documents,
    exporters_of,
    fits_the_program,
    helm,
    is_confined,
    parsed,
    pod_of,
    rendered,
    selectors,
)
from support.repository import DEPLOY, ROOT

VERSIONS = ("1.25", "1.33", "1.37")
VALUES = ("all", "probe", "nodes")

Document = dict[str, Any]


@cache
def made(name: str) -> tuple[Document, ...]:
    """Return what helm makes of the values of this name."""
    done = rendered("--values", CHART / "ci" / f"{name}.yaml")
    assert done.returncode == 0, done.stderr
    return tuple(one for one in yaml.safe_load_all(done.stdout) if one)


def of_kind(name: str, kind: str) -> Document:
    (one,) = [one for one in made(name) if one["kind"] == kind]
    return one


@pytest.mark.parametrize("name", VALUES)
def test_helm_finds_no_fault_with_the_chart(name: str) -> None:
    done = helm("lint", "--strict", CHART, "--values", CHART / "ci" / f"{name}.yaml")

    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_the_rendered_chart(name: str, version: str) -> None:
    for one in made(name):
        if one["apiVersion"].partition("/")[0] in GROUPS:
            check_custom_resource(one)
        else:
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("name", VALUES)
def test_flags_ports_and_paths_of_the_chart_are_those_of_the_program(name: str) -> None:
    (workload,) = [one for one in made(name) if one["kind"] in {"Deployment", "StatefulSet"}]
    (container,) = exporters_of(workload)
    arguments = fits_the_program(container)
    pod = pod_of(workload)
    assert pod
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}

    is_confined(pod)
    assert {one["name"] for one in pod["volumes"]} == mounts.keys()
    assert str(arguments.config_file) == f"{mounts['config']}/config.yaml"
    assert arguments.total_shards == workload["spec"]["replicas"]


@pytest.mark.parametrize("name", VALUES)
def test_the_charts_selectors_exclude_its_test(name: str) -> None:
    (workload,) = [one for one in made(name) if one["kind"] in {"Deployment", "StatefulSet"}]
    labels = workload["spec"]["template"]["metadata"]["labels"]
    test = of_kind(name, "Pod")["metadata"]["labels"]
    for selector in [selector for one in made(name) for selector in selectors(one)]:
        assert selector
        assert selector.items() <= labels.items()
        assert not selector.items() <= test.items()


def test_every_value_arrives() -> None:
    text = json.dumps(made("all"), sort_keys=True)
    given = yaml.safe_load((CHART / "ci" / "all.yaml").read_text(encoding="utf-8"))
    container = exporters_of(of_kind("all", "StatefulSet"))[0]

    assert container["image"] == "registry.example.com/status-exporter:9"
    assert given["extraArgs"][0] in container["args"]
    assert "--web.config.file=/run/secrets/web/web.yml" in container["args"]
    assert container["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert '"name": "rel-more"' in text
    for key in ("tolerations", "topologySpreadConstraints", "hostAliases", "extraVolumes"):
        assert json.dumps(given[key][0], sort_keys=True) in text
    for pair in ('"a": "b"', '"c": "d"', '"e": "f"', '"g": "h"', '"i": "j"', '"k": "l"'):
        assert pair in text
    for pair in ('"m": "n"', '"o": "p"', '"release": "prometheus"', '"folder": "Status"'):
        assert pair in text


def test_the_configuration_of_the_values_is_the_programs(tmp_path: Path) -> None:
    (config,) = [one for one in made("all") if "config.yaml" in one.get("data", {})]

    settings = load_text(config["data"]["config.yaml"], "config.yaml", tmp_path, SYSTEMS)

    assert [one.name for one in settings.targets] == ["pbx"]


@pytest.mark.parametrize("name", VALUES)
def test_the_test_of_the_chart_requests_the_service(name: str) -> None:
    pod = of_kind(name, "Pod")
    (service,) = [
        one for one in made(name) if one["kind"] == "Service" and "clusterIP" not in one["spec"]
    ]
    (container,) = pod["spec"]["containers"]
    arguments = parsed(container["args"])

    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert arguments.command == "healthcheck"
    assert arguments.insecure == (name == "all")
    assert arguments.exporter_url.endswith(
        f"://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    )


def test_the_chart_has_the_rules_and_the_dashboards() -> None:
    rules = [one["spec"]["groups"] for one in made("all") if one["kind"] == "PrometheusRule"]
    shown = {
        name: text
        for one in made("all")
        if one["metadata"].get("labels", {}).get("grafana_dashboard")
        for name, text in one["data"].items()
    }

    assert rules == [
        documents(DEPLOY / "prometheus" / f"status-exporter.{name}.yml")[0]["groups"]
        for name in ("rules", "alerts")
    ]
    assert {name: json.loads(text) for name, text in shown.items()} == {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in (ROOT / "grafana" / "dashboards").glob("*.json")
    }
