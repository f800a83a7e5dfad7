"""pint, a linter of Prometheus rules, finds only what its configuration excludes with a reason.

pint is not among the programs that `.ci/install-tools` installs, so these tests are skipped where it
is missing, whatever is required.
"""

import subprocess
from pathlib import Path

import pytest

from support.metric_names import ALERTS, RULES
from support.process import started
from support.prometheus_server import running, until_answered
from support.repository import DEPLOY
from support.tools import candidates, tool

CONFIG = DEPLOY / "prometheus" / "pint.hcl"


@pytest.fixture(scope="module")
def pint() -> str:
    found = next(candidates("pint"), None)
    if not found:
        pytest.skip("missing: pint")
    return found


def lint(pint: str, config: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [pint, "--no-color", *flags, "--config", str(config), "lint"]
    severity = "info" if flags else "bug"
    options = [f"--min-severity={severity}", f"--fail-on={severity}"]
    return subprocess.run(
        [*command, *options, str(RULES), str(ALERTS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_pint_finds_nothing_wrong_with_the_rules(pint: str) -> None:
    done = lint(pint, CONFIG, "--offline")

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_exclusions_are_needed(pint: str, tmp_path: Path) -> None:
    config = tmp_path / "pint.hcl"
    config.write_text("")

    assert "alerts/for" in lint(pint, config, "--offline").stderr


def test_each_rule_queries_series_that_exist(pint: str, tmp_path: Path) -> None:
    addresses = ("--web.listen-address", "127.0.0.1:0", "--simulator.listen-address", "127.0.0.1:0")
    with started("demo", *addresses) as (_, demo):
        settings = tmp_path / "prometheus.yml"
        settings.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 900ms, evaluation_interval: 1s}\n"
            f"rule_files: [{RULES}]\n"
            "scrape_configs:\n"
            f"  - {{job_name: status-exporter, static_configs: [{{targets: ['{demo}']}}]}}\n"
        )
        command = [
            tool("prometheus", "3"),
            f"--config.file={settings}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            "--web.listen-address=127.0.0.1:0",
        ]
        with running(command, tmp_path / "log") as address:
            until_answered(address, "job_profile_location:clanforge_slots_used:ratio", 5)
            until_answered(address, "target:status_exporter_target_state:code == 1", 9)
            config = tmp_path / "pint.hcl"
            server = f'prometheus "demo" {{\n  uri = "http://{address}"\n  required = true\n}}\n'
            config.write_text(CONFIG.read_text(encoding="utf-8") + server)
            done = lint(pint, config)

    assert done.returncode == 0, done.stdout + done.stderr
