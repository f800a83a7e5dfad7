"""The parts of a built-in system besides its declaration, and their locations."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from exporter.declare.system import System

ALERTS = Path("deploy", "prometheus", "status-exporter.alerts.yml")


def missing_parts(
    root: Path, name: str, systems: Mapping[str, System], simulated: frozenset[str]
) -> list[str]:
    """Return what a declaration lacks, each as "PATH: what belongs there".

    Args:
        root: The repository, to which the paths are relative.
        name: The name of the declaration's file, without .yaml.
        systems: The systems that the file declares, by name.
        simulated: The systems that `demo` polls.
    """
    dashed = name.replace("_", "-")
    found = [*_missing_files(root, name, dashed)]
    for system in systems.values():
        found += _missing_answers(root, system)
        found += _missing_params(root, system)
        if f"system: {system.name}" not in _text(root, f"docs/systems/{dashed}.md"):
            found.append(f"docs/systems/{dashed}.md: a target with `system: {system.name}`")
    found += _missing_alerts(root, name, dashed)
    if simulated & systems.keys():
        found += _absent(root, f"exporter/simulator/{name}.py", "a simulator, which `demo` polls")
    return found


def _missing_files(root: Path, name: str, dashed: str) -> Iterator[str]:
    yield from _absent(root, f"docs/systems/{dashed}.md", "how to set it up")
    for index, link in (("docs/README.md", "systems"), ("README.md", "docs/systems")):
        if f"({link}/{dashed}.md)" not in _text(root, index):
            yield f"{index}: a link to {link}/{dashed}.md"
    yield from _absent(root, f"grafana/source/{name}.py", "its dashboard as BOARD")
    yield from _absent(root, f"grafana/dashboards/{name}.json", "written by `make dashboards`")
    yield from _absent(root, f"docs/dashboard-{name}.png", "written by `make screenshots`")


def _missing_answers(root: Path, system: System) -> Iterator[str]:
    folder = f"tests/data/answers/{system.name}"
    recorded = sorted(path for path in (root / folder).glob("*") if path.is_file())
    formats = sorted({one for endpoint in system.endpoints for one in endpoint.formats})
    for one in formats:
        if one != "text" and not any(_is_in(one, path) for path in recorded):
            yield f"{folder}: an answer in {one.upper()}"
    if not any(b"null" in path.read_bytes() for path in recorded):
        yield f"{folder}: an answer with null fields"
    golden = Path("tests", "data", "golden", system.name)
    expositions = ""
    for path in recorded:
        exposition = golden / f"{path.stem}.prom"
        yield from _absent(root, str(exposition), "written by `make golden`")
        expositions += _text(root, str(exposition))
    if "\n# fault: " not in expositions:
        yield f"{folder}: an answer with unreadable fields"
    if "\n# failed: " not in expositions:
        yield f"{folder}: an answer that reports an error"


def _is_in(form: str, path: Path) -> bool:
    return path.suffix == f".{form}" or (
        path.suffix == ".http" and f"/{form}".encode() in path.read_bytes()
    )


def _missing_params(root: Path, system: System) -> Iterator[str]:
    config: dict[str, Any] = yaml.safe_load(_text(root, "config.example.yaml")) or {}
    entries = [*config.get("targets", ()), *config.get("discovery", ())]
    mine = [entry for entry in entries if entry["system"] == system.name]
    if not mine:
        yield f"config.example.yaml: a target with `system: {system.name}`"
    shown = {param for entry in mine for param in entry.get("params", ())}
    for param in system.params.keys() - shown:
        yield f"config.example.yaml: {param} in the params of a target with `system: {system.name}`"


def _missing_alerts(root: Path, name: str, dashed: str) -> Iterator[str]:
    groups = (yaml.safe_load(_text(root, str(ALERTS))) or {}).get("groups", ())
    alerts = [rule["alert"] for one in groups if one["name"] == dashed for rule in one["rules"]]
    if not alerts:
        yield f"{ALERTS}: alerts, in a group with the name {dashed}"
    yield from _absent(root, f"deploy/prometheus/tests/{name}.test.yml", "unit tests of its alerts")
    for alert in alerts:
        yield from _absent(root, f"docs/runbooks/{alert}.md", "the runbook of the alert")
        prefix = re.search(r'alerts="([^"]*)"', _text(root, f"grafana/source/{name}.py"))
        if not prefix or not re.match(prefix[1], alert):
            yield f"grafana/source/{name}.py: how the name of {alert} begins, in alerts of BOARD"


def _absent(root: Path, path: str, what: str) -> Iterator[str]:
    if not (root / path).is_file():
        yield f"{path}: {what}"


def _text(root: Path, path: str) -> str:
    return (root / path).read_text(encoding="utf-8") if (root / path).is_file() else ""
