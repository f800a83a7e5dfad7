"""Kubernetes manifests, compared with the flags, ports and paths of the program."""

import argparse
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from exporter.cli.options import Arguments
from exporter.cli.parser import make_parser
from exporter.clock import Clock
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.sockets import parse_address
from exporter.web.routes import make_app
from support.repository import DEPLOY
from support.tools import tool


def parsed(arguments: Sequence[str]) -> Arguments:
    """Return what the program makes of the arguments; one it does not have ends the test."""
    given = list(arguments)
    if given[0].startswith("-"):
        given.insert(0, "serve")
    return make_parser().parse_args(given, namespace=Arguments())


def flags() -> Iterator[argparse.Action]:
    """Give every flag and argument of every command."""
    for action in make_parser()._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for parser in action.choices.values():
                yield from parser._actions


def port_of(arguments: Sequence[str]) -> int:
    """Return the port that the program would listen on."""
    found = parsed(arguments)
    (address,) = found.addresses or [found.default_address]
    where = parse_address(address)
    assert not isinstance(where, Path)
    return where[1]


def paths() -> set[str]:
    """Return every path that the program serves."""
    telemetry = Telemetry()
    app = make_app(
        Targets(Settings(targets=()), telemetry, Clock()), telemetry, "/metrics", reload=_no_reload
    )
    return {one.canonical for one in app.router.resources() if isinstance(one, web.Resource)}


async def _no_reload(_why: str) -> str:
    return ""


def documents(path: Path) -> list[dict[str, Any]]:
    """Return the documents of a file of YAML."""
    return [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]


def pod_of(document: dict[str, Any]) -> dict[str, Any] | None:
    """Return the pod that a resource starts, if it starts one."""
    if document["kind"] == "Pod":
        return dict(document["spec"])
    found = document.get("spec", {}).get("template", {}).get("spec")
    return dict(found) if document["kind"] in {"Deployment", "StatefulSet"} else None


def exporters_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the containers of a resource that run the program."""
    pod = pod_of(document) or {}
    every = [*pod.get("initContainers", []), *pod.get("containers", [])]
    return [one for one in every if one["image"].rpartition("/")[2].startswith("status-exporter")]


def fits_the_program(container: dict[str, Any]) -> Arguments:
    """Check a container's flags, ports and probes, and return its arguments."""
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert [*ports.values()] == [port_of(container["args"])]
    known = paths()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if probe in container:
            asked = container[probe]["httpGet"]
            assert asked["port"] in ports
            assert asked["path"] in known
    return parsed(container["args"])


def is_confined(pod: dict[str, Any]) -> None:
    """Check that the exporters of a pod run unprivileged, on a read-only root."""
    for container in exporters_of({"kind": "Pod", "spec": pod}):
        context = {**pod.get("securityContext", {}), **container["securityContext"]}
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == 65532
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "memory" in container["resources"]["limits"]


def selectors(document: dict[str, Any]) -> list[dict[str, str]]:
    """Return the labels by which a resource of Kubernetes selects pods."""
    spec = document.get("spec", {})
    match document["kind"]:
        case "Service":
            return [spec["selector"]]
        case "NetworkPolicy":
            return [spec["podSelector"].get("matchLabels", {})]
        case "Deployment" | "StatefulSet" | "PodDisruptionBudget":
            return [spec["selector"].get("matchLabels", {})]
    return []


CHART = DEPLOY / "helm" / "status-exporter"
REGISTRY = "image.registry=registry.example.com"


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("helm"), *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def rendered(*values: str | Path) -> subprocess.CompletedProcess[str]:
    """Render the chart as a release `rel` in the namespace `monitoring`.

    The image has a registry unless the values set another one.
    """
    fixed = ("--namespace=monitoring", "--kube-version=1.33", f"--set={REGISTRY}")
    return helm("template", "rel", CHART, *fixed, *values)


def schema() -> dict[str, Any]:
    return dict(json.loads((CHART / "values.schema.json").read_text(encoding="utf-8")))


KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = (
    "base",
    "examples/exporter",
    "examples/sharded",
    "examples/sidecar",
    "operator",
    "operator/sidecars",
)


def overlay(folder: Path, resource: str, *components: str) -> Path:
    """Write a kustomization of these folders of `deploy/kubernetes`, and return its folder."""
    made = folder / "overlay"
    made.mkdir()
    # Kustomize wants paths that are relative, and follows no link.
    up = "../" * len(made.resolve().relative_to("/").parts)
    here = f"{up}{KUBERNETES.relative_to('/')}"
    text = {
        "resources": [f"{here}/{resource}"],
        "components": [f"{here}/{one}" for one in components],
    }
    (made / "kustomization.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    return made
