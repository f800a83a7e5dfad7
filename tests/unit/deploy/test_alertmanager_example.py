"""The example for Alertmanager is accepted, and inhibits what it should and nothing else."""

import re

import promql_parser as promql
import yaml

from support.metric_names import alerts, known_to_rules, labels_of
from support.repository import ROOT

EXAMPLE = ROOT / "deploy" / "prometheus" / "alertmanager.example.yml"


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


def test_an_alert_that_declares_maintenance_pages_no_operator() -> None:
    declared = [rule["labels"] for rule in alerts() if "maintenance" in rule["labels"]]

    assert declared
    assert {(one["maintenance"], one["severity"]) for one in declared} == {("declared", "info")}
