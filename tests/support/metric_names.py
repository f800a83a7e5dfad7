"""Every metric, label and label value that a query may name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

import promql_parser as promql
import yaml

from exporter.declare.groups import FieldGroup
from exporter.declare.labels import LabelRule
from exporter.declare.parts import Metric, Part
from exporter.declare.states import States
from exporter.errors import Reason
from exporter.pipeline.render import TARGET_FAMILIES
from exporter.systems import SYSTEMS
from exporter.telemetry import Telemetry
from support.repository import ROOT

RULES = ROOT / "deploy" / "prometheus" / "status-exporter.rules.yml"
ALERTS = ROOT / "deploy" / "prometheus" / "status-exporter.alerts.yml"

SCRAPED = frozenset({"job", "instance"})
_ALERTS = frozenset(
    (
        "alertname",
        "severity",
        "maintenance",
        "target",
        "system",
        "serverid",
        "profileid",
        "locationid",
    )
)
PROMETHEUS_OWN = {
    "up": frozenset[str](),
    "scrape_duration_seconds": frozenset[str](),
    "scrape_samples_scraped": frozenset[str](),
    "ALERTS": _ALERTS | {"alertstate"},
    "ALERTS_FOR_STATE": _ALERTS,
}


@dataclass(frozen=True)
class Known:
    """The labels of a metric, and the values of those with few values."""

    labels: frozenset[str]
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)


@cache
def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alert_groups() -> dict[str, list[str]]:
    """Return the names of the alerts of each group."""
    groups = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
    return {group["name"]: [rule["alert"] for rule in group["rules"]] for group in groups}


@cache
def recordings() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@cache
def exported() -> dict[str, Known]:
    """Return the metrics of the exporter, and those that Prometheus adds."""
    known = dict(_of_systems()) | dict(_of_targets()) | dict(_of_telemetry())
    for name, labels in PROMETHEUS_OWN.items():
        known[name] = Known(labels | SCRAPED, {"alertname": _alert_names()})
    return known


@cache
def known_to_rules() -> dict[str, Known]:
    """Return the metrics that are exported or recorded."""
    known = exported()
    for rule in recordings():
        labels = frozenset(labels_of(promql.parse(rule["expr"]), known)) | set(
            rule.get("labels", {})
        )
        before = known.get(rule["record"], Known(labels))
        values = dict(before.values)
        for label, value in rule.get("labels", {}).items():
            values[label] = values.get(label, frozenset()) | {value}
        known[rule["record"]] = Known(labels | before.labels, values)
    return known


def faults(query: str, known: Mapping[str, Known]) -> list[str]:
    """Return a message for each name in the query that does not exist."""
    return list(_faults(promql.parse(query), known))


def selectors(query: str) -> list[promql.VectorSelector]:
    found: list[promql.VectorSelector] = []

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.VectorSelector):
            found.append(node)
        return True

    promql.walk(promql.parse(query), visit)
    return found


def names(query: str) -> set[str]:
    return {selector.name or "" for selector in selectors(query)}


def _faults(tree: promql.Expr, known: Mapping[str, Known]) -> Iterator[str]:
    found: list[str] = []
    labels: set[str] = set()
    used: set[str] = set()

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.VectorSelector):
            found.extend(_of_selector(node, known))
            labels.update(known.get(node.name or "", Known(SCRAPED)).labels)
        elif isinstance(node, promql.AggregateExpr):
            used.update(node.modifier.labels if node.modifier else ())
            if isinstance(node.param, promql.StringLiteral):
                labels.add(node.param.val)
        elif isinstance(node, promql.BinaryExpr) and node.modifier:
            matching = node.modifier.matching
            used.update(matching.labels if matching else ())
            used.update(node.modifier.group_labels or ())
        elif isinstance(node, promql.Call) and node.func.name == "label_replace":
            labels.add(_text(node.args[1]))
            used.add(_text(node.args[3]))
        return True

    promql.walk(tree, visit)
    yield from found
    yield from (f"no label {label}" for label in sorted(used - labels - {""}))


def _of_selector(node: promql.VectorSelector, known: Mapping[str, Known]) -> Iterator[str]:
    metric = known.get(node.name or "")
    if metric is None:
        yield f"no metric {node.name}"
        return
    for matcher in node.matchers.matchers:
        if matcher.name not in metric.labels:
            yield f"{node.name} has no label {matcher.name}"
        values = metric.values.get(matcher.name)
        if values and re.fullmatch(r"[\w|]*", matcher.value):
            wrong = set(matcher.value.split("|")) - values - {""}
            yield from (f"{node.name} has no {matcher.name}={value}" for value in sorted(wrong))


def _text(node: promql.Expr) -> str:
    assert isinstance(node, promql.StringLiteral)
    return str(node.val)


def labels_of(tree: promql.Expr, known: Mapping[str, Known]) -> set[str]:
    """Return the labels that results of the query may have."""
    if isinstance(tree, promql.VectorSelector):
        return set(known[tree.name or ""].labels)
    if isinstance(tree, promql.AggregateExpr):
        listed = set(tree.modifier.labels) if tree.modifier else set[str]()
        without = tree.modifier and tree.modifier.type == promql.AggModifierType.Without
        return labels_of(tree.expr, known) - listed if without else listed
    if isinstance(tree, promql.BinaryExpr):
        left, right = labels_of(tree.lhs, known), labels_of(tree.rhs, known)
        joined = set(tree.modifier.group_labels or ()) if tree.modifier else set[str]()
        return left | right if str(tree.op) == "or" else (left or right) | joined
    inner = tree.args if isinstance(tree, promql.Call) else _inside(tree)
    return {label for one in inner for label in labels_of(one, known)}


def _inside(tree: promql.Expr) -> list[promql.Expr]:
    if isinstance(tree, promql.MatrixSelector):
        return [tree.vector_selector]
    return [tree.expr] if isinstance(tree, promql.ParenExpr | promql.UnaryExpr) else []


def _of_systems() -> Iterator[tuple[str, Known]]:
    for system in SYSTEMS.values():
        values: dict[str, dict[str, frozenset[str]]] = {}
        for endpoint in system.endpoints:
            for one in endpoint.fields:
                _add_values(one, values)
        for family in system.families:
            labels = SCRAPED | {"target", *family.labels}
            yield family.name, Known(labels, values.get(family.name, {}))


def _add_values(
    one: Part,
    values: dict[str, dict[str, frozenset[str]]],
    outer: Mapping[str, LabelRule] = MappingProxyType({}),
) -> None:
    if isinstance(one, FieldGroup):
        for inner in one.inner():
            _add_values(inner, values, {**outer, **one.labels})
        return
    assert isinstance(one, Metric)
    given: dict[str, tuple[str, ...]] = {
        label: (rule.fixed,)
        for label, rule in {**outer, **one.labels}.items()
        if rule.fixed is not None
    }
    if isinstance(one, States):
        given[one.label] = (*one.names, "unknown")
    for label, some in given.items():
        before = values.setdefault(one.metric, {})
        before[label] = before.get(label, frozenset()) | set(some)


def _of_targets() -> Iterator[tuple[str, Known]]:
    values = {"system": frozenset(SYSTEMS), "reason": frozenset(str(one) for one in Reason)}
    for family in TARGET_FAMILIES:
        yield family.name, Known(SCRAPED | {"target", *family.labels}, values)


def _of_telemetry() -> Iterator[tuple[str, Known]]:
    registry = Telemetry().registry
    for collector in registry._collector_to_names:
        kind = getattr(collector, "_type", "")
        labels = SCRAPED | set(getattr(collector, "_labelnames", ()))
        values = {"system": frozenset(SYSTEMS)}
        for suffix, more in _SUFFIXES.get(kind, {}).items():
            yield f"{getattr(collector, '_name', '')}{suffix}", Known(labels | more, values)
    for family in registry.collect():
        for sample in family.samples:
            if not sample.name.startswith("status_exporter_"):
                yield sample.name, Known(SCRAPED | set(sample.labels))


_SUFFIXES: Mapping[str, Mapping[str, set[str]]] = {
    "gauge": {"": set()},
    "counter": {"_total": set()},
    "info": {"_info": {"version", "revision", "python"}},
    "histogram": {"_bucket": {"le"}, "_sum": set(), "_count": set()},
}


def _alert_names() -> frozenset[str]:
    return frozenset(rule["alert"] for rule in alerts())
