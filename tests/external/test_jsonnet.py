"""jsonnet evaluates the mixin."""

import json
import subprocess
from pathlib import Path

import yaml

from support.metric_names import (
    ALERTS,
    RULES,
)
from support.repository import ROOT
from support.tools import tool

DEPLOY = ROOT / "deploy"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_the_mixin_has_both_files_and_prefixes_pages_with_an_address() -> None:
    program = (
        '(import "mixin.libsonnet") + {_config+:: {runbookBase: "https://pages.example.com/"}}'
        " + {all: self.prometheusAlerts.groups + self.prometheusRules.groups,"
        " boards: std.objectFields(self.grafanaDashboards)}"
    )
    done = run(tool("jsonnet"), "-J", DEPLOY / "mixin", "-e", program)
    found = json.loads(done.stdout)
    expected = [
        group
        for file in (ALERTS, RULES)
        for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]
    ]
    for group in expected:
        for rule in group["rules"]:
            if "alert" in rule:
                said = rule["annotations"]
                said["runbook_url"] = f"https://pages.example.com/{said['runbook_url']}"

    assert found["all"] == expected
    assert found["boards"] == sorted(
        path.name for path in (ROOT / "grafana" / "dashboards").glob("*.json")
    )
