"""The example for Alertmanager is accepted, and inhibits what it should and nothing else."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from program import fetch
from scraper import running
from vocabulary import ROOT, alerts, known_to_rules, labels_of

EXAMPLE = ROOT / "deploy" / "prometheus" / "alertmanager.example.yml"
# Debian's own, or one that was unpacked beside the project.
UNPACKED = ROOT / ".tools" / "alertmanager" / "usr" / "bin"
AMTOOL, ALERTMANAGER = (
    shutil.which(name) or shutil.which(name, path=UNPACKED)
    for name in ("amtool", "prometheus-alertmanager")
)


def test_the_example_for_alertmanager_names_what_exists() -> None:
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    known = {rule["alert"]: rule for rule in alerts()}
    receivers = {receiver["name"] for receiver in example["receivers"]}
    routes = [example["route"], *example["route"]["routes"]]

    assert {route["receiver"] for route in routes} <= receivers
    for rule in example["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            label, value = re.fullmatch(r'(\w+) =~? "([^"]*)"', matcher).groups()  # type: ignore[union-attr]
            given = {one["labels"].get(label) for one in known.values()}
            assert set(value.split("|")) <= (set(known) if label == "alertname" else given)
        # A label that both lack would count as equal, and silence the targets of others.
        for name in _named(rule["source_matchers"] + rule["target_matchers"]):
            labels = labels_of(promql.parse(known[name]["expr"]), known_to_rules())
            assert set(rule["equal"]) <= labels, name


def _named(matchers: list[str]) -> set[str]:
    return {
        name
        for matcher in matchers
        if matcher.startswith("alertname")
        for name in re.findall(r'"([^"]*)"', matcher)[0].split("|")
    }


@pytest.mark.skipif(not AMTOOL, reason="no amtool on this machine")
def test_amtool_accepts_the_example() -> None:
    command = [str(AMTOOL), "check-config", str(EXAMPLE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr


def test_maintenance_is_declared_by_those_that_inhibit_alone() -> None:
    declared = {rule["alert"] for rule in alerts() if "maintenance" in rule["labels"]}

    assert declared == {"UcsInMaintenance", "MdworkbenchInMaintenance", "ClanforgeServerLocked"}


# Debian's reads it at its start, so that one which was only unpacked does not run.
TEMPLATES = Path("/usr/share/prometheus/alertmanager/default.tmpl")


@contextmanager
def alertmanager(folder: Path) -> Iterator[str]:
    """Run Alertmanager with the example; yield its address."""
    command = [
        str(ALERTMANAGER),
        f"--config.file={EXAMPLE}",
        f"--storage.path={folder}",
        "--web.listen-address=127.0.0.1:0",
        "--cluster.listen-address=",
    ]
    with running(command, folder / "log") as address:
        yield address


def tell(address: str, sent: list[dict[str, str]]) -> None:
    """Send alerts, as soon as somebody takes them."""
    body = json.dumps([{"labels": labels} for labels in sent]).encode()
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{address}/api/v2/alerts", body, kind)
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(request).close()  # noqa: S310 - http, on loopback
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


def inhibited(address: str) -> dict[str, bool]:
    """Return whether each alert is inhibited now."""
    found: list[dict[str, Any]] = json.loads(fetch(f"http://{address}/api/v2/alerts"))
    return {
        f"{one['labels']['alertname']} {one['labels'].get('target', '')}".strip(): bool(
            one["status"]["inhibitedBy"]
        )
        for one in found
    }


@pytest.mark.skipif(
    not (ALERTMANAGER and TEMPLATES.is_file()), reason="no alertmanager is installed"
)
def test_maintenance_and_common_causes_inhibit_what_follows(tmp_path: Path) -> None:
    exporter = {"job": "j", "instance": "e"}
    labels = {rule["alert"]: rule["labels"] for rule in alerts()}

    def alert(name: str, **more: str) -> dict[str, str]:
        return {"alertname": name, **labels[name], **exporter, **more}

    sent = [
        alert("UcsInMaintenance", target="u", mode="maintenance"),
        alert("UcsStuckInMaintenance", target="u", mode="maintenance"),
        alert("StatusTargetDown", target="u", system="genesys_ucs"),
        alert("StatusTargetDown", target="v", system="genesys_ucs"),
        alert("UcsRestarted", target="u"),
        alert("ClanforgeServerUnknown", target="g", system="clanforge"),
        {"alertname": "StatusManyTargetsDown", "job": "j", "system": "clanforge"},
        alert("ClanforgeServerLocked", job="k", target="l", serverid="1"),
        alert("ClanforgeServerUnknown", job="k", target="l", system="clanforge"),
        alert("StatusTargetDown", target="fleet", system="clanforge_fleet"),
        {**alert("StatusExporterDown"), "instance": "f"},
        {"alertname": "StatusExporterShardMissing", "job": "j"},
        {"alertname": "StatusExporterAbsent"},
        alert("StatusTargetStale", target="p", system="webitel"),
        alert("StatusExporterPollsStopped"),
    ]
    expected = {
        "UcsInMaintenance u": False,
        "UcsStuckInMaintenance u": False,
        "StatusTargetDown u": True,
        "StatusTargetDown v": False,
        "UcsRestarted u": True,
        "ClanforgeServerUnknown g": True,
        "StatusManyTargetsDown": False,
        "ClanforgeServerLocked l": False,
        "ClanforgeServerUnknown l": True,
        "StatusTargetDown fleet": False,
        "StatusExporterDown": False,
        "StatusExporterShardMissing": True,
        "StatusExporterAbsent": True,
        "StatusTargetStale p": True,
        "StatusExporterPollsStopped": False,
    }
    with alertmanager(tmp_path) as address:
        tell(address, sent)
        deadline = time.monotonic() + 60
        # It takes alerts in one by one, and what inhibits may be the last.
        while (found := inhibited(address)) != expected and time.monotonic() < deadline:
            time.sleep(0.2)

    assert found == expected
