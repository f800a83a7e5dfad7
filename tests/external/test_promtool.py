"""promtool accepts the rules, their tests, and every documented configuration of Prometheus."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.deployment_files import mounts
from support.documents import yaml_blocks
from support.metric_names import (
    ALERTS,
    RULES,
)
from support.repository import DEPLOY, ROOT


def test_promtool_accepts_the_configuration_with_its_rules(promtool: str, tmp_path: Path) -> None:
    for there, here in mounts("prometheus").items():
        shutil.copy(here, tmp_path / Path(there).name)
    done = run(promtool, "check", "config", tmp_path / "prometheus.yml")

    assert done.returncode == 0, done.stderr
    assert len(re.findall("SUCCESS: [1-9][0-9]* rules found", done.stdout)) == 2


UNIT_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.test.yml"))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_promtool_finds_nothing_wrong_with_the_rules(promtool: str) -> None:
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES, ALERTS)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_unit_tests_of_the_rules_pass(promtool: str) -> None:
    done = run(promtool, "test", "rules", *UNIT_TESTS)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text", [text for text in yaml_blocks(ROOT / "docs" / "probe.md") if "scrape_configs" in text]
)
def test_promtool_accepts_the_configurations_in_the_documentation(
    text: str, promtool: str, tmp_path: Path
) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text(text, encoding="utf-8")
    done = run(promtool, "check", "config", path)

    assert done.returncode == 0, done.stderr
