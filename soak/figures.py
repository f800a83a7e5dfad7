"""Pages, what the process held and its log go in; figures with their verdicts come out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

_OWN = "status_exporter_"
_LAG = f"{_OWN}loop_lag_seconds"
MEBIBYTE = 2**20
# After the longest back-off, a pause that was asked for, and a wait for the last time-out.
_LONGEST_INTERVALS = 8
_LONGEST_BAD_LUCK = 40
_SHARE_LATE = 0.05
_LONGEST_LAG = 0.05
_GROWTH = 0.05


@dataclass(frozen=True, kw_only=True)
class Page:
    """One scrape: how many polls each target had, which are up, and the exporter's own figures."""

    moment: float
    polls: dict[str, float]
    up: frozenset[str]
    shown: frozenset[str]
    own: dict[str, float]


@dataclass(frozen=True)
class Figure:
    """A line of the table."""

    name: str
    told: str
    holds: bool


def read_page(text: str, moment: float, *, openmetrics: bool) -> Page:
    """Read a page as Prometheus would."""
    polls: dict[str, float] = {}
    up: set[str] = set()
    shown: set[str] = set()
    own: dict[str, float] = {}
    parse = parse_openmetrics if openmetrics else parse_text
    for family in parse(text):
        for sample in family.samples:
            target = sample.labels.get("target")
            if target is None:
                own.setdefault(sample.name, 0.0)
                own[sample.name] += sample.value
            elif sample.name == f"{_OWN}target_up":
                polls.setdefault(target, 0.0)
                if sample.value:
                    up.add(target)
            elif sample.name == f"{_OWN}polls_total":
                polls[target] = sample.value
            elif not sample.name.startswith(_OWN):
                shown.add(target)
    return Page(moment=moment, polls=polls, up=frozenset(up), shown=frozenset(shown), own=own)


def judge(
    pages: Sequence[Page],
    held: Sequence[dict[str, int]],
    log: Sequence[str],
    targets: int,
    interval: float,
) -> Iterator[Figure]:
    """Yield every figure with its verdict."""
    yield Figure("pages read", str(len(pages)), len(pages) > 1)
    yield from _accounted(pages, targets, interval)
    yield from _paced(pages)
    third = max(1, len(held) // 3)
    for name, spare in (("resident", 8 * MEBIBYTE), ("files", targets // 10 + 20)):
        yield _drift(name, held, third, spare)
    for name, spare in (("threads", 2), ("tasks", targets // 10 + 20), ("timers", targets // 5)):
        yield _drift(name, held, third, spare)
    yield from _logged(log)


def _accounted(pages: Sequence[Page], targets: int, interval: float) -> Iterator[Figure]:
    missing = sum(targets - len(page.polls) for page in pages)
    yield Figure("targets missing from a page", str(missing), missing == 0)
    ghosts = sum(len(page.up ^ page.shown) for page in pages)
    yield Figure("down with series, or up without", str(ghosts), ghosts == 0)
    least = min(len(page.up) for page in pages)
    most = max(len(page.up) for page in pages)
    yield Figure("targets up, least and most", f"{least} and {most}", 0 < least <= most <= targets)
    first, last = pages[0], pages[-1]
    rounds = (last.moment - first.moment) / interval
    never = targets - len(frozenset().union(*(page.up for page in pages)))
    # A few are unlucky for a while.
    yield Figure("targets never up", str(never), never == 0 or rounds < _LONGEST_BAD_LUCK)
    asked = [last.polls[name] - first.polls.get(name, 0.0) for name in last.polls]
    owed = rounds / _LONGEST_INTERVALS - 1
    told = f"{min(asked):.0f} of {rounds:.0f} intervals"
    yield Figure("polls of the target asked least", told, min(asked) >= owed)
    falls = sum(
        after.polls[name] < before.polls.get(name, 0.0)
        for before, after in pairwise(pages)
        for name in after.polls
    )
    yield Figure("counters that fell", str(falls), falls == 0)


def _paced(pages: Sequence[Page]) -> Iterator[Figure]:
    first, last = pages[0], pages[-1]
    polls = sum(last.polls.values()) - sum(first.polls.values())
    late = last.own[f"{_OWN}late_polls_total"] - first.own[f"{_OWN}late_polls_total"]
    told = f"{late:.0f} of {polls:.0f}"
    yield Figure("late polls", told, late <= _SHARE_LATE * polls)
    rounds = last.own[f"{_LAG}_count"] - first.own[f"{_LAG}_count"]
    lag = (last.own[f"{_LAG}_sum"] - first.own[f"{_LAG}_sum"]) / max(1.0, rounds)
    yield Figure("loop lag, mean of the ticks", f"{lag * 1000:.2f} ms", lag < _LONGEST_LAG)


def _drift(name: str, held: Sequence[dict[str, int]], third: int, spare: int) -> Figure:
    values = [one[name] for one in held]
    before, after = median(values[:third]), median(values[-third:])
    unit, shown = (1, "") if name != "resident" else (MEBIBYTE, " MiB")
    most = max(quantiles(values, n=20)) if len(values) > 1 else values[0]
    told = f"{before / unit:.0f} to {after / unit:.0f}{shown}, 95 % below {most / unit:.0f}"
    return Figure(name, told, after <= before * (1 + _GROWTH) + spare)


def _logged(log: Sequence[str]) -> Iterator[Figure]:
    yield Figure("log lines", str(len(log)), holds=True)
    foreign, errors = [], []
    for line in log:
        try:
            record = json.loads(line)
        except ValueError:
            foreign.append(line)
            continue
        if record["level"] not in {"info", "warn"} or "traceback" in record:
            errors.append(line)
    yield Figure("log lines that are none", _first(foreign), not foreign)
    yield Figure("errors and tracebacks in the log", _first(errors), not errors)


def _first(lines: Sequence[str]) -> str:
    return f"{len(lines)}, such as {lines[0][:200]}" if lines else "0"
