"""The SBOM has what CycloneDX 1.6 requires, and every distribution of the lock."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from exporter import __version__
from support.repository import ROOT


@pytest.fixture(scope="module")
def sbom(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("sbom") / "sbom.json"
    subprocess.run([sys.executable, ROOT / ".ci" / "write_sbom.py", file], check=True, timeout=60)
    return dict(json.loads(file.read_text(encoding="utf-8")))


def test_the_fields_that_the_format_requires_are_there(sbom: dict[str, Any]) -> None:
    own = sbom["metadata"]["component"]

    assert (sbom["bomFormat"], sbom["specVersion"], sbom["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", sbom["serialNumber"])
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", sbom["metadata"]["timestamp"]
    )
    assert (own["type"], own["name"], own["version"]) == (
        "application",
        "status-exporter",
        __version__,
    )
    for one in sbom["components"]:
        assert one["type"] == "library"
        assert one["name"]
        assert one["purl"] == one["bom-ref"] == f"pkg:pypi/{one['name']}@{one['version']}"
        assert one["licenses"], one["name"]
        for licence in one["licenses"]:
            (value,) = licence.values()
            assert value if isinstance(value, str) else value["name"]


def test_every_distribution_of_the_lock_is_a_component(sbom: dict[str, Any]) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)

    assert [(one["name"], one["version"]) for one in sbom["components"]] == locked


def test_every_component_is_required_by_the_program(sbom: dict[str, Any]) -> None:
    graph = {one["ref"]: one["dependsOn"] for one in sbom["dependencies"]}
    left, reached = [sbom["metadata"]["component"]["bom-ref"]], set[str]()
    while left:
        ref = left.pop()
        if ref not in reached:
            reached.add(ref)
            left += graph[ref]

    assert len(graph) == len(sbom["dependencies"])
    assert reached == graph.keys()
    assert {one["bom-ref"] for one in sbom["components"]} < reached
