"""The rules are accepted and tested by promtool, name what exists, and each alert has its page."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml

from exporter.systems import SYSTEMS
from grafana.source.system_boards import SYSTEM_BOARDS
from support.metric_names import (
    ALERTS,
    RULES,
    alerts,
    exported,
    faults,
    known_to_rules,
    labels_of,
    recordings,
)
from support.repository import ROOT

DEPLOY = ROOT / "deploy"
UNIT_TESTS = sorted((DEPLOY / "prometheus" / "tests").glob("*.test.yml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
LISTING = ROOT / "docs" / "alerts.md"
START, END = "<!-- alerts: written by `make docs` -->\n", "<!-- end of alerts -->"
SYSTEM_NAMES = "|".join(board.name for board in SYSTEM_BOARDS)
ALERT_NAMES = "|".join(board.alerts for board in SYSTEM_BOARDS)
SECTIONS = ["## What it means", "## How to check", "## What to do"]


def name_of(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def firing(test: dict[str, Any]) -> list[set[str]]:
    """Return the alerts that fire at each moment at which the test asks for all that fire."""
    return [
        {
            name
            for sample in asked.get("exp_samples", ())
            for name in re.findall(r'alertname="(\w+)"', sample["labels"])
        }
        for asked in test["promql_expr_test"]
        if "ALERTS{" in asked["expr"]
    ]


@cache
def moments_of_tests() -> list[list[set[str]]]:
    return [
        firing(test)
        for file in UNIT_TESTS
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
    ]


@pytest.mark.parametrize("rule", alerts(), ids=name_of)
def test_a_unit_test_shows_each_alert_firing_and_not_firing(rule: dict[str, Any]) -> None:
    assert any(
        any(rule["alert"] in moment for moment in moments)
        and any(rule["alert"] not in moment for moment in moments)
        for moments in moments_of_tests()
    )


@pytest.mark.parametrize("rule", alerts(), ids=name_of)
def test_each_alert_has_its_texts_severity_and_runbook(rule: dict[str, Any]) -> None:
    said = rule["annotations"]

    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert "for" in rule
    assert said["summary"].endswith(".")
    assert "{{" not in said["summary"]
    assert "$value" in said["description"]
    assert said["description"].endswith(".")
    assert said["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"


@pytest.mark.parametrize("rule", alerts(), ids=name_of)
def test_each_alert_has_its_page(rule: dict[str, Any]) -> None:
    text = (ROOT / rule["annotations"]["runbook_url"]).read_text(encoding="utf-8")
    lines = text.splitlines()

    assert lines[0] == f"# {rule['alert']}"
    assert [line for line in lines if line.startswith("## ")] == SECTIONS
    assert all(part.strip() for part in re.split("|".join(SECTIONS), text))


def test_no_page_is_without_an_alert() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")}

    assert pages == {rule["alert"] for rule in alerts()}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_pages_name_only_metrics_and_alerts_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = exported()
    metrics = set(re.findall(rf"\b(?:status_exporter|process|{SYSTEM_NAMES})_[a-z0-9_]+", text))
    named = set(re.findall(rf"\b(?:Status|{ALERT_NAMES})[A-Z]\w+", text))
    queries = re.findall(r"`([^`]*\{[^`]*|[^`]*\([^`]*)`", text)

    # A histogram is named as a whole.
    metrics -= set(SYSTEMS)
    assert {name for name in metrics if not any(one.startswith(name) for one in known)} == set()
    assert named <= {rule["alert"] for rule in alerts()}
    assert [fault for query in queries if _is_query(query) for fault in faults(query, known)] == []


def _is_query(text: str) -> bool:
    try:
        promql.parse(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("rule", alerts() + recordings(), ids=name_of)
def test_a_rule_names_only_what_exists(rule: dict[str, Any]) -> None:
    assert faults(rule["expr"], known_to_rules()) == []


@pytest.mark.parametrize("rule", alerts(), ids=name_of)
def test_an_alert_uses_only_labels_that_it_has(rule: dict[str, Any]) -> None:
    named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["description"]))

    assert named <= labels_of(promql.parse(rule["expr"]), known_to_rules())


@pytest.mark.parametrize(
    "query",
    [
        "genesys_ucs_modes",
        'genesys_ucs_mode{state="production"}',
        'genesys_ucs_mode{mode=~"production|maintenence"}',
        "sum by (target, mode) (genesys_ucs_requests_total)",
        "webitel_info * on (targets) group_left () webitel_process_id",
        "webitel_process_id * on (target) group_left (release) webitel_info",
        'status_exporter_poll_failures_total{reason="http_402"}',
        "status_exporter_loop_lag_seconds",
    ],
)
def test_a_query_with_an_unknown_name_is_detected(query: str) -> None:
    assert len(faults(query, known_to_rules())) == 1


@pytest.mark.parametrize("rule", alerts() + recordings(), ids=name_of)
def test_a_rule_never_joins_the_targets_of_two_exporters(rule: dict[str, Any]) -> None:
    for labels in re.findall(r"\bon \(([^)]*)\)", rule["expr"]):
        names = {label.strip() for label in labels.split(",")}
        assert "target" not in names or {"job", "instance"} <= names
        assert "job" in names


@pytest.mark.parametrize("rule", recordings(), ids=name_of)
def test_recorded_series_are_named_level_metric_operation(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", rule["record"])


@pytest.mark.parametrize(("source", "copy"), [(ALERTS, "alerts.json"), (RULES, "rules.json")])
def test_the_copy_for_jsonnet_is_that_of_the_rules(source: Path, copy: str, renew: bool) -> None:
    groups = yaml.safe_load(source.read_text(encoding="utf-8"))
    text = json.dumps(groups, indent=2) + "\n"
    path = DEPLOY / "mixin" / copy
    if renew:
        path.write_text(text, encoding="utf-8")

    assert path.read_text(encoding="utf-8") == text


def listing() -> str:
    """Write the table of alerts from the rules."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    lines = []
    for group in groups:
        lines += [f"### {group['name']}", "", "| alert | severity | after | meaning |"]
        lines.append("| --- | --- | --- | --- |")
        for rule in group["rules"]:
            link = f"[{rule['alert']}](runbooks/{rule['alert']}.md)"
            after = "at once" if rule["for"] == "0m" else rule["for"]
            severity = rule["labels"]["severity"]
            lines.append(f"| {link} | {severity} | {after} | {rule['annotations']['summary']} |")
        lines.append("")
    lines += ["### Recorded", "", "| series | from |", "| --- | --- |"]
    seen: dict[str, str] = {}
    for rule in recordings():
        sources = sorted(
            set(re.findall(r"[a-z_]+_[a-z_0-9:]+", rule["expr"])) & set(known_to_rules())
        )
        seen.setdefault(rule["record"], ", ".join(f"`{source}`" for source in sources))
    lines += [f"| `{name}` | {sources} |" for name, sources in seen.items()]
    return "\n".join(lines) + "\n"


def test_the_listing_of_alerts_is_that_of_the_rules(renew: bool) -> None:
    text = LISTING.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    expected = f"{before}{START}\n{listing()}\n{END}{after}"
    if renew:
        LISTING.write_text(expected, encoding="utf-8")
        text = expected

    assert text == expected


@pytest.mark.parametrize("name", ["alerts.md", "dashboards.md"])
def test_links_of_the_documents_lead_to_existing_pages(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)\)", text)

    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
