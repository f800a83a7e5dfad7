"""What is in `deploy/` for Kubernetes, applied to a real API server, changed and rolled back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.cluster import PROGRAMS, Cluster, running_cluster
from support.manifests import CHART, KUBERNETES, overlay

# Every kind that an overlay or the chart makes.
KINDS = (
    "deployments,statefulsets,services,configmaps,networkpolicies,poddisruptionbudgets,ingresses,"
    "servicemonitors,podmonitors,probes,prometheusrules"
)
# Accounts that the values below name.
OTHERS = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: mine}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: "on"}
"""
NAMES = count(1)
PASSWORD = {
    "basicAuth": {"username": {"name": "a", "key": "b"}, "password": {"name": "a", "key": "c"}}
}
TWICE = {"team": "voice", "app.kubernetes.io/instance": "mine", "helm.sh/chart": "mine"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as one:
        for name in ("high", "no"):
            one.kubectl("create", "priorityclass", name, "--value=1")
        yield one


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    name = f"n{next(NAMES)}"
    cluster.create_namespace(name)
    return name


def values_of(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((CHART / "ci" / f"{name}.yaml").read_text(encoding="utf-8")))


def test_pods_that_break_the_standard_are_refused(cluster: Cluster, namespace: str) -> None:
    run = ("run", "it", "--image=it", "--namespace", namespace)
    done = cluster.call(PROGRAMS / "kubectl", *run)

    assert 'violates PodSecurity "restricted' in done.stderr


def test_warnings_of_the_server_are_failures(cluster: Cluster, namespace: str) -> None:
    values = json.dumps(CONFIG | {"hostNetwork": True})
    with pytest.raises(AssertionError, match="would violate PodSecurity"):
        cluster.helm("install", "rel", CHART, "--namespace", namespace, "--values=-", given=values)


def apply(cluster: Cluster, namespace: str, folder: Path) -> None:
    made = cluster.kubectl("kustomize", folder)
    cluster.kubectl("apply", "--namespace", namespace, "--filename=-", given=made)


@pytest.mark.parametrize(
    ("folders", "pods"),
    [
        (["base"], {"Deployment": 1}),
        (["base", "sharded"], {"StatefulSet": 3}),
        (["operator"], {"Deployment": 1}),
        (["operator", "operator/probe"], {"Deployment": 1}),
        (["operator", "sharded"], {"StatefulSet": 3}),
        (["operator/sidecars"], {}),
        (["examples/sidecar"], {"Deployment": 1}),
    ],
    ids=str,
)
def test_overlays_are_applied(
    folders: list[str], pods: dict[str, int], cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    folder = overlay(tmp_path, *folders)
    # The second time, the resources exist already.
    for _ in range(2):
        apply(cluster, namespace, folder)
        cluster.wait_for_pods(namespace, **pods)


def test_an_exporter_can_be_sharded_and_merged_again(cluster: Cluster) -> None:
    cluster.create_namespace("monitoring")
    example, sharded = KUBERNETES / "examples/exporter", KUBERNETES / "examples/sharded"
    apply(cluster, "monitoring", example)
    cluster.wait_for_pods("monitoring", Deployment=1)

    apply(cluster, "monitoring", sharded)
    # As docs/install.md says: apply removes nothing.
    cluster.kubectl("delete", "deployment", "status-exporter", "--namespace=monitoring")
    cluster.wait_for_pods("monitoring", StatefulSet=3)

    apply(cluster, "monitoring", example)
    cluster.kubectl("delete", "statefulset", "status-exporter", "--namespace=monitoring")
    cluster.wait_for_pods("monitoring", Deployment=1)


@dataclass(frozen=True)
class Release:
    """A release of the chart, an upgrade, and the number of exporters before and after."""

    values: dict[str, Any]
    name: str = "rel"
    namespace: str = ""
    """Default: one of its own."""
    pods_namespace: str = ""
    """Where the values say so."""
    before: int = 1
    change: str = "--set=shards=3"
    after: int = 3


IMAGE: dict[str, Any] = {"image": {"registry": "registry.example.com"}}
CONFIG: dict[str, Any] = IMAGE | {"config": {"targets": []}}
RELEASES = {
    "defaults": Release(CONFIG),
    "all": Release(values_of("all"), before=3, change="--set=shards=1", after=1),
    "probe": Release(
        values_of("probe"),
        pods_namespace="elsewhere",
        change="--set=service.port=80",
        after=1,
    ),
    "a service of another kind and port": Release(
        CONFIG | {"shards": 2, "service": {"type": "NodePort", "port": 80}}, before=2
    ),
    "names that YAML reads as something else": Release(
        IMAGE
        | {
            "existingConfigMap": "1e3",
            "secret": {"existing": "12345"},
            "web": {"existingSecret": "no"},
            "nameOverride": "1.0",
            "fullnameOverride": "yes",
            "serviceAccount": {"create": False, "name": "on"},
            "priorityClassName": "no",
            "imagePullSecrets": ["off"],
            "ingress": {"enabled": True, "className": "no", "hosts": ["off"]},
            "serviceMonitor": {"enabled": True},
        },
        name="no",
        namespace="12e4567",
    ),
    "the longest names": Release(CONFIG | {"nameOverride": "n" * 60}, name="r" * 53),
    "a configuration in a Secret": Release(IMAGE | {"existingConfigSecret": "it"}),
    "a password for the ServiceMonitor": Release(
        CONFIG | {"serviceMonitor": {"enabled": True, "interval": "5s", "endpoint": PASSWORD}}
    ),
    "a password for the Probe": Release(
        CONFIG | {"probe": {"enabled": True, "targets": ["a"], "spec": PASSWORD}},
        change="--set=service.port=80",
        after=1,
    ),
    "two spellings of pull secrets": Release(
        CONFIG
        | {"global": {"imageRegistry": "r.example/", "imagePullSecrets": ["a", {"name": "b"}]}}
    ),
    "no probes": Release(
        CONFIG | {"startupProbe": None, "livenessProbe": None, "readinessProbe": None}
    ),
    "labels given twice": Release(
        CONFIG
        | {
            "commonLabels": TWICE,
            "workload": {"labels": TWICE},
            "pod": {"labels": TWICE},
            "service": {"labels": TWICE},
            "serviceMonitor": {"enabled": True, "labels": TWICE},
            "prometheusRule": {"enabled": True, "labels": TWICE},
            "dashboards": {"enabled": True, "labels": TWICE},
        }
    ),
}


@pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
def test_releases_are_installed_changed_and_rolled_back(
    release: Release, cluster: Cluster, namespace: str
) -> None:
    scope = f"--namespace={release.namespace or namespace}"
    where = release.pods_namespace or release.namespace or namespace
    if where != namespace:
        cluster.create_namespace(where)
    cluster.kubectl("apply", f"--namespace={where}", "--filename=-", given=OTHERS)

    def settled(pods: int) -> None:
        cluster.wait_for_pods(where, **{"StatefulSet" if pods > 1 else "Deployment": pods})

    chart = (release.name, CHART, scope, "--values=-")
    cluster.helm("install", *chart, given=json.dumps(release.values))
    settled(release.before)
    cluster.helm("upgrade", *chart, release.change, given=json.dumps(release.values))
    settled(release.after)
    cluster.helm("rollback", release.name, scope)
    settled(release.before)
    test = cluster.helm("get", "hooks", release.name, scope)
    cluster.kubectl("create", "--dry-run=server", "--filename=-", given=test)
    cluster.helm("uninstall", release.name, scope)

    assert cluster.names(KINDS, where) == []
