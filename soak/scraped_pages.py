"""Scrapes of the exporter, read with prometheus_client's parsers."""

import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from gzip import decompress

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

OWN = "status_exporter_"
_OPENMETRICS = "application/openmetrics-text;version=1.0.0"
# In turn, as Prometheus and people request them.
_WAYS = (("text/plain", "identity"), (_OPENMETRICS, "identity"), (_OPENMETRICS, "gzip"))
_SECONDS_BETWEEN = 1.0
_MAX_PAGES = 60


@dataclass(frozen=True, kw_only=True)
class Page:
    """One scrape."""

    moment: float
    polls: dict[str, float]
    """The number of polls of each target so far."""
    up: frozenset[str]
    shown: frozenset[str]
    """The targets that have series of their system."""
    own: dict[str, float]
    """The exporter's own metrics without a target."""
    values: dict[str, float]
    """The `soak_value` of each hostile target that has one."""


def scrape(address: str, seconds: float) -> tuple[Sequence[Page], Sequence[str]]:
    """Scrape for some seconds; returns the pages, and why others could not be read."""
    pages: list[Page] = []
    unreadable: list[str] = []
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        accept, encoding = _WAYS[(len(pages) + len(unreadable)) % len(_WAYS)]
        request = urllib.request.Request(
            f"http://{address}/metrics", headers={"Accept": accept, "Accept-Encoding": encoding}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - http, on loopback
            body = answer.read()
        text = (decompress(body) if encoding == "gzip" else body).decode()
        try:
            pages.append(read_page(text, began, openmetrics=accept == _OPENMETRICS))
        except ValueError as error:
            unreadable.append(f"{accept}: {error}")
        pause = max(_SECONDS_BETWEEN, seconds / _MAX_PAGES)
        time.sleep(max(0.0, min(began + pause, end) - time.monotonic()))
    return pages, unreadable


def read_page(text: str, moment: float, *, openmetrics: bool) -> Page:
    """Read a page as Prometheus would.

    Raises:
        ValueError: It does not follow the format.
    """
    polls: dict[str, float] = {}
    up: set[str] = set()
    shown: set[str] = set()
    own: dict[str, float] = {}
    values: dict[str, float] = {}
    parse = parse_openmetrics if openmetrics else parse_text
    for family in parse(text):
        for sample in family.samples:
            target = sample.labels.get("target")
            if target is None:
                own.setdefault(sample.name, 0.0)
                own[sample.name] += sample.value
            elif sample.name == f"{OWN}target_up":
                polls.setdefault(target, 0.0)
                if sample.value:
                    up.add(target)
            elif sample.name == f"{OWN}polls_total":
                polls[target] = sample.value
            elif not sample.name.startswith(OWN):
                shown.add(target)
                if sample.name == "soak_value":
                    values[target] = sample.value
    return Page(
        moment=moment,
        polls=polls,
        up=frozenset(up),
        shown=frozenset(shown),
        own=own,
        values=values,
    )
