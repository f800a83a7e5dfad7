"""The manifests, as kustomize puts them together: sound to Kubernetes, and as the program is."""

import shutil
import subprocess
from collections.abc import Sequence
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
    KUBERNETES,
    OVERLAYS,
    exporters_of,
    fits_the_program,
    is_confined,
    overlay,
    pod_of,
    selectors,
)
from support.repository import ROOT
from support.tools import tool

# The first with sidecars as these are, what most clusters have, and the newest whose schemas are
# at hand.
VERSIONS = ("1.29", "1.33", "1.37")

Document = dict[str, Any]


@cache
def built(folder: Path) -> tuple[Document, ...]:
    """Return what kustomize makes of the folder."""
    # kubectl has kustomize built in.
    kubectl = shutil.which("kubectl")
    command = [kubectl, "kustomize"] if kubectl else [tool("kustomize"), "build"]
    done = subprocess.run(
        [*command, folder], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(found: Sequence[Document], kind: str) -> Document:
    (one,) = [one for one in found if one["kind"] == kind]
    return one


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_accepts_every_manifest(name: str, version: str) -> None:
    for one in built(KUBERNETES / name):
        if one["apiVersion"].partition("/")[0] in GROUPS:
            check_custom_resource(one)
        else:
            kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("name", OVERLAYS)
def test_flags_ports_and_paths_are_those_of_the_program(name: str) -> None:
    for one in built(KUBERNETES / name):
        for container in exporters_of(one):
            fits_the_program(container)


@pytest.mark.parametrize("name", ["base", "examples/sharded", "examples/sidecar"])
def test_the_exporter_has_minimal_privileges(name: str) -> None:
    pods = [pod for one in built(KUBERNETES / name) if (pod := pod_of(one))]

    assert pods
    for pod in pods:
        is_confined(pod)


@pytest.mark.parametrize("name", ["base", "examples/sharded", "operator"])
def test_selectors_select_only_pods_of_the_exporter(name: str) -> None:
    found = built(KUBERNETES / name)
    (labels,) = [one["spec"]["template"]["metadata"]["labels"] for one in found if pod_of(one)]
    chosen = [selector for one in found for selector in selectors(one)]

    assert len(chosen) >= 4
    for selector in chosen:
        assert selector
        assert selector.items() <= labels.items()


def test_the_configuration_of_the_example_is_where_the_program_looks_for_it(
    tmp_path: Path,
) -> None:
    found = built(KUBERNETES / "examples/exporter")
    pod = pod_of(of_kind(found, "Deployment"))
    assert pod
    (config,) = [one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one]
    mounts = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    map_ = of_kind(found, "ConfigMap")

    assert map_["metadata"]["name"] == config
    assert list(map_["data"]) == ["config.yaml"]
    assert f"--config.file={mounts['config']}/config.yaml" in pod["containers"][0]["args"]
    assert f"{mounts['secrets']}/ucs" in map_["data"]["config.yaml"]
    # The Secret is not here; a file in its place is.
    (tmp_path / "ucs").write_text("s", encoding="utf-8")
    text = map_["data"]["config.yaml"].replace(mounts["secrets"], str(tmp_path))
    assert len(load_text(text, "config.yaml", tmp_path, SYSTEMS).targets) == 1


@pytest.mark.parametrize("resource", ["base", "operator"])
def test_the_number_of_replicas_matches_the_flags(resource: str, tmp_path: Path) -> None:
    found = built(overlay(tmp_path, resource, "sharded"))
    shards = of_kind(found, "StatefulSet")
    (container,) = shards["spec"]["template"]["spec"]["containers"]
    total = fits_the_program(container)
    services = {one["metadata"]["name"]: one["spec"] for one in found if one["kind"] == "Service"}
    named = services.pop(shards["spec"]["serviceName"])
    (scraped,) = services.values()

    assert total.total_shards == shards["spec"]["replicas"] > 1
    assert total.shard == "pod"
    # With a port, Prometheus would scrape each shard by either Service.
    assert (named["clusterIP"], named.get("ports")) == ("None", None)
    assert [one["name"] for one in scraped["ports"]] == ["metrics"]
    assert "clusterIP" not in scraped
    assert not [one for one in found if one["kind"] == "Deployment"]


def test_a_sidecar_neither_delays_its_application_nor_makes_it_unready() -> None:
    pod = pod_of(of_kind(built(KUBERNETES / "examples/sidecar"), "Deployment"))
    assert pod
    (sidecar,) = pod["initContainers"]

    assert sidecar["restartPolicy"] == "Always"
    assert "startupProbe" not in sidecar
    assert "readinessProbe" not in sidecar
    assert sidecar["livenessProbe"]["httpGet"]["path"] == "/-/healthy"
    assert [one["name"] for one in pod["containers"]] == ["mdworkbench"]


def test_the_sidecar_of_the_example_needs_no_file_of_configuration() -> None:
    pod = pod_of(of_kind(built(KUBERNETES / "examples/sidecar"), "Deployment"))
    assert pod
    (sidecar,) = pod["initContainers"]
    arguments = fits_the_program(sidecar)
    (mount,) = sidecar["volumeMounts"]

    assert arguments.system in SYSTEMS
    assert arguments.config_file is None
    assert str(arguments.password_file).startswith(f"{mount['mountPath']}/")


def test_monitors_select_their_services() -> None:
    operator = built(KUBERNETES / "operator")
    monitor, service = of_kind(operator, "ServiceMonitor"), of_kind(operator, "Service")
    sidecars = of_kind(built(KUBERNETES / "operator/sidecars"), "PodMonitor")
    example = of_kind(built(KUBERNETES / "examples/sidecar"), "Deployment")["spec"]["template"]
    wanted = monitor["spec"]["selector"]["matchLabels"]

    assert wanted.items() <= service["metadata"]["labels"].items()
    assert [one["port"] for one in monitor["spec"]["endpoints"]] == ["metrics"]
    assert monitor["spec"]["jobLabel"] in service["metadata"]["labels"]
    wanted = sidecars["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= example["metadata"]["labels"].items()
    assert [one["port"] for one in sidecars["spec"]["podMetricsEndpoints"]] == [
        port["name"] for port in example["spec"]["initContainers"][0]["ports"]
    ]


def test_probes_replace_the_scrape(tmp_path: Path) -> None:
    found = built(overlay(tmp_path, "operator", "operator/probe"))
    probe, service = of_kind(found, "Probe"), of_kind(found, "Service")
    (port,) = service["spec"]["ports"]

    check_custom_resource(probe)
    assert not [one for one in found if one["kind"] == "ServiceMonitor"]
    assert probe["spec"]["prober"] == {
        "url": f"{service['metadata']['name']}:{port['port']}",
        "path": "/probe",
    }


def test_grafana_finds_every_dashboard_by_its_label() -> None:
    maps = [
        one
        for one in built(KUBERNETES / "operator")
        if one["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
    ]
    shown = {name: text for one in maps for name, text in one["data"].items()}

    assert shown == {
        path.name: path.read_text(encoding="utf-8")
        for path in (ROOT / "grafana" / "dashboards").glob("*.json")
    }
