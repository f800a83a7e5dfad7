"""Each declaration in exporter/systems has its answers, documents, dashboard, alerts and simulator."""

from pathlib import Path

import pytest

from exporter.config import load_systems
from support.demo_targets import SIMULATED
from support.repository import ROOT
from support.system_parts import missing_parts

FILES = sorted((ROOT / "exporter" / "systems").glob("*.yaml"))

TIDEGATE = """
systems:
  tidegate:
    title: Tidegate
    prefix: tidegate
    params: {gate: {help: Which gate.}}
    endpoints:
      - path: /gates/{gate}
        formats: [json, xml]
        fields: [{gauge: tidegate_water_level_meters, path: /level, help: Water level (level).}]
"""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_built_in_system_has_all_its_parts(file: Path) -> None:
    systems = load_systems({file.name: file.read_text(encoding="utf-8")})

    if missing := missing_parts(ROOT, file.stem, systems, SIMULATED):
        pytest.fail("\n".join(["missing:", *missing]), pytrace=False)


def test_each_missing_part_of_a_new_system_is_named_with_its_place(tmp_path: Path) -> None:
    systems = load_systems({"tidegate.yaml": TIDEGATE})

    assert missing_parts(tmp_path, "tidegate", systems, frozenset({"tidegate"})) == [
        "docs/systems/tidegate.md: how to set it up",
        "docs/README.md: a link to systems/tidegate.md",
        "README.md: a link to docs/systems/tidegate.md",
        "grafana/source/tidegate.py: its dashboard as BOARD",
        "grafana/dashboards/tidegate.json: written by `make dashboards`",
        "docs/dashboard-tidegate.png: written by `make screenshots`",
        "tests/data/answers/tidegate: an answer in JSON",
        "tests/data/answers/tidegate: an answer in XML",
        "tests/data/answers/tidegate: an answer with null fields",
        "tests/data/answers/tidegate: an answer with unreadable fields",
        "tests/data/answers/tidegate: an answer that reports an error",
        "config.example.yaml: a target with `system: tidegate`",
        "config.example.yaml: gate in the params of a target with `system: tidegate`",
        "docs/systems/tidegate.md: a target with `system: tidegate`",
        "deploy/prometheus/status-exporter.alerts.yml: alerts, in a group with the name tidegate",
        "deploy/prometheus/tests/tidegate.test.yml: unit tests of its alerts",
        "exporter/simulator/tidegate.py: a simulator, which `demo` polls",
    ]


def test_a_recorded_answer_without_its_exposition_is_named(tmp_path: Path) -> None:
    answers = tmp_path / "tests" / "data" / "answers" / "tidegate"
    answers.mkdir(parents=True)
    (answers / "01_level.json").write_text('{"level": null}', encoding="utf-8")
    systems = load_systems({"tidegate.yaml": TIDEGATE})
    missing = missing_parts(tmp_path, "tidegate", systems, frozenset())

    assert "tests/data/golden/tidegate/01_level.prom: written by `make golden`" in missing
    assert "tests/data/answers/tidegate: an answer in JSON" not in missing
    assert "tests/data/answers/tidegate: an answer with null fields" not in missing
    assert not [one for one in missing if "simulator" in one]
