"""Parses a page of metrics: the series of each target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families as parse_text


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The series of one target on one page."""

    up: bool
    vendor: int
    polls: float
    failures: Mapping[str, float]
    faults: float


Page = Mapping[str, Seen]
"""One scrape: what it shows of each target, by name."""


def read_page(text: str) -> Page:
    """Read a page as Prometheus would."""
    seen: dict[str, dict[str, Any]] = {}
    for family in parse_text(text):
        for sample in family.samples:
            name = sample.labels.get("target")
            if name is None:
                continue
            one = seen.setdefault(name, {"vendor": 0, "failures": {}, "faults": 0.0})
            match sample.name.removeprefix("status_exporter_"):
                case "target_up":
                    one["up"] = bool(sample.value)
                case "polls_total":
                    one["polls"] = sample.value
                case "poll_failures_total":
                    one["failures"][sample.labels["reason"]] = sample.value
                case "field_faults":
                    one["faults"] = sample.value
                case other if other == sample.name:
                    one["vendor"] += 1
    return {name: Seen(**one) for name, one in seen.items()}
