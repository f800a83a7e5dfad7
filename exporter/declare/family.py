"""A metric as Prometheus sees it, and the rules that its name and labels must follow."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "info"]

Location = tuple[str | int, ...]
"""Keys and indices that lead to a part of a YAML file."""

Problem = tuple[Location, str]
"""An error in a declaration: its location and message."""

_METRIC = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LABEL = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
# Suffixes with a meaning in Prometheus or OpenMetrics, and the kind that has it.
_SUFFIX_OWNERS: Mapping[str, Kind | None] = {
    "_total": "counter",
    "_info": "info",
    "_created": None,
}
# The metrics of the exporter, of its process, and of Prometheus about a scrape.
_RESERVED_PREFIXES = ("status_exporter_", "process_", "python_", "scrape_")
# Labels of every series about a target, and labels with a meaning in Prometheus.
_RESERVED_LABELS = frozenset({"target", "system", "job", "instance", "le", "quantile", "reason"})


@dataclass(frozen=True, kw_only=True)
class Family:
    """One metric; `labels` do not include the target's."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    source: str
    """Where its values are in the answer."""
    reading: str
    """How they are read."""
    help: str = ""
    """Empty if the declaration has none."""
    fields: tuple[str, ...] = ()
    """The vendor's names of the values."""
    location: Location = ()
    """The location of the key that names it."""


def open_metrics_name(name: str, kind: Kind) -> str:
    """Return the name of the family in OpenMetrics: a counter or info without its suffix."""
    return name.removesuffix({"counter": "_total", "info": "_info", "gauge": ""}[kind])


def check_name(family: Family, prefix: str) -> Iterator[str]:
    """Yield the errors in the name of a system's metric."""
    name, kind = family.name, family.kind
    if not _METRIC.fullmatch(name) or not name.startswith(f"{prefix}_"):
        yield f"{name}: the name of this metric must be {prefix}_something"
    for reserved in _RESERVED_PREFIXES:
        if name.startswith(reserved):
            yield f"{name}: names that begin with {reserved} are reserved"
    for suffix, owner in _SUFFIX_OWNERS.items():
        if name.endswith(suffix) and owner != kind:
            yield f"{name}: a {kind} cannot end in {suffix}"
        if owner == kind and not name.endswith(suffix):
            yield f"{name}: {'an' if kind == 'info' else 'a'} {kind} must end in {suffix}"


def check_labels(family: Family) -> Iterator[str]:
    """Yield the errors in the labels of a metric."""
    for label in dict.fromkeys(family.labels):
        if not _LABEL.fullmatch(label) or label in _RESERVED_LABELS:
            yield f"{family.name}: {label!r} cannot be a label: small letters, digits and _, and no reserved name"
        if family.labels.count(label) > 1:
            yield f"{family.name}: the label {label!r} is given twice"


def difference(one: Family, other: Family) -> str:
    """Return how two declarations of one metric differ, or "" if they do not."""
    if one.kind != other.kind:
        return f"it is a {one.kind} and a {other.kind}"
    if set(one.labels) != set(other.labels):
        return f"its labels are {_label_list(one.labels)} and {_label_list(other.labels)}"
    if one.help and other.help and one.help != other.help:
        return "its help differs"
    return ""


def _label_list(labels: tuple[str, ...]) -> str:
    return ", ".join(sorted(labels)) or "none"
