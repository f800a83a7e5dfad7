"""The figures of a run, each with its verdict."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles

from soak import hostile
from soak.scraped_pages import OWN, Page

STEADY = "steady-"
"""The names of targets that never fail begin with this."""

_LAG = f"{OWN}loop_lag_seconds"
MEBIBYTE = 2**20
# After the longest back-off, a requested pause, and a wait for the last time-out.
_MAX_INTERVALS_BETWEEN_POLLS = 8
_MAX_INTERVALS_OF_FAULTS = 40
_MAX_SHARE_LATE = 0.05
_MAX_LAG = 0.05
_MAX_GROWTH = 0.05
# Of the memory, over the median: several large answers at once.
_MAX_PEAK = 1.5
_PEAK_SPARE = 64 * MEBIBYTE
MAX_ENDING_SECONDS = 5.0


@dataclass(frozen=True)
class Figure:
    """A line of the table."""

    name: str
    value: str
    holds: bool


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a soak observed."""

    targets: int
    interval: float
    pages: Sequence[Page]
    unreadable: Sequence[str]
    """Why pages could not be read."""
    held: Sequence[dict[str, int]]
    """What the process held, in the order of time."""
    log: Sequence[str]
    ending: float | None
    """The seconds from SIGTERM until the process ended with 0; None if it did not."""


def judge(run: Run) -> Iterator[Figure]:
    """Yield every figure with its verdict."""
    pages, targets = run.pages, run.targets
    yield Figure("pages that cannot be read", _first(run.unreadable), not run.unreadable)
    yield Figure("pages read", str(len(pages)), len(pages) > 1)
    if len(pages) > 1:
        yield from _accounted(pages, targets, run.interval)
        yield from _steady(pages, run.interval)
        yield from _hostile(pages)
        yield from _paced(pages)
    yield from _bounded(run.held, targets)
    yield from _logged(run.log)
    ending = "not at all" if run.ending is None else f"{run.ending:.1f} s"
    holds = run.ending is not None and run.ending <= MAX_ENDING_SECONDS
    yield Figure("end after SIGTERM", ending, holds)


def _accounted(pages: Sequence[Page], targets: int, interval: float) -> Iterator[Figure]:
    missing = sum(targets - len(page.polls) for page in pages)
    yield Figure("targets missing from a page", str(missing), missing == 0)
    ghosts = sum(len(page.up ^ page.shown) for page in pages)
    yield Figure("down with series, or up without", str(ghosts), ghosts == 0)
    fewest = min(len(page.up) for page in pages)
    most = max(len(page.up) for page in pages)
    value = f"{fewest} to {most}"
    yield Figure("targets up", value, 0 < fewest <= most <= targets)
    rounds = _rounds(pages, interval)
    names = {name for page in pages for name in page.polls}
    never = names.difference(hostile.REFUSED, *(page.up for page in pages))
    # A few fail for a long time.
    value = f"{len(never)}: {', '.join(sorted(never)[:3])}" if never else "0"
    yield Figure("targets never up", value, not never or rounds < _MAX_INTERVALS_OF_FAULTS)
    yield _polled("polls of the target polled least", pages, rounds, pages[-1].polls)
    falls = sum(
        after.polls[name] < before.polls.get(name, 0.0)
        for before, after in pairwise(pages)
        for name in after.polls
    )
    yield Figure("counters that fell", str(falls), falls == 0)


def _steady(pages: Sequence[Page], interval: float) -> Iterator[Figure]:
    names = [name for name in pages[-1].polls if name.startswith(STEADY)]
    down = {name for page in pages for name in names if name not in page.up}
    value = f"{len(down)} of {len(names)}"
    yield Figure("steady targets that were down", value, not down)
    rounds = _rounds(pages, interval)
    yield _polled("polls of the steady target polled least", pages, rounds, names, often=1)


def _polled(
    name: str,
    pages: Sequence[Page],
    rounds: float,
    targets: Iterable[str],
    often: int = _MAX_INTERVALS_BETWEEN_POLLS,
) -> Figure:
    """Return the figure whose verdict is that each target was polled once in so many intervals."""
    first, last = pages[0], pages[-1]
    polled = [last.polls[one] - first.polls.get(one, 0.0) for one in targets]
    value = f"{min(polled):.0f} of {rounds:.0f} intervals"
    return Figure(name, value, min(polled) >= rounds / often - 1)


def _hostile(pages: Sequence[Page]) -> Iterator[Figure]:
    # The value of late-N is N; all other values are 1.
    wrong = [
        f"{name} {value:g}"
        for page in pages
        for name, value in page.values.items()
        if value != (float(name.removeprefix("late-")) if name.startswith("late-") else 1)
    ]
    yield Figure("answers to another request", _first(wrong), not wrong)


def _rounds(pages: Sequence[Page], interval: float) -> float:
    return (pages[-1].moment - pages[0].moment) / interval


def _paced(pages: Sequence[Page]) -> Iterator[Figure]:
    first, last = pages[0], pages[-1]
    polls = sum(last.polls.values()) - sum(first.polls.values())
    late = last.own[f"{OWN}late_polls_total"] - first.own[f"{OWN}late_polls_total"]
    yield Figure("late polls", f"{late:.0f} of {polls:.0f}", late <= _MAX_SHARE_LATE * polls)
    ticks = last.own[f"{_LAG}_count"] - first.own[f"{_LAG}_count"]
    lag = (last.own[f"{_LAG}_sum"] - first.own[f"{_LAG}_sum"]) / max(1.0, ticks)
    yield Figure("loop lag, mean of the ticks", f"{lag * 1000:.2f} ms", lag < _MAX_LAG)


def _bounded(held: Sequence[dict[str, int]], targets: int) -> Iterator[Figure]:
    spares = {
        "resident": 8 * MEBIBYTE,
        "files": targets // 10 + 20,
        "threads": 2,
        "tasks": targets // 10 + 20,
        "timers": targets // 5,
    }
    for name, spare in spares.items():
        yield _drift(name, [one[name] for one in held], spare)
    resident = [one["resident"] for one in held]
    peak, middle = max(resident), median(resident)
    value = f"{peak / MEBIBYTE:.0f} MiB, the median {middle / MEBIBYTE:.0f}"
    yield Figure("resident, peak", value, peak <= middle * _MAX_PEAK + _PEAK_SPARE)


def _drift(name: str, values: Sequence[int], spare: int) -> Figure:
    third = max(1, len(values) // 3)
    before, after = median(values[:third]), median(values[-third:])
    unit, suffix = (1, "") if name != "resident" else (MEBIBYTE, " MiB")
    most = max(quantiles(values, n=20)) if len(values) > 1 else values[0]
    value = f"{before / unit:.0f} to {after / unit:.0f}{suffix}, 95 % below {most / unit:.0f}"
    return Figure(name, value, after <= before * (1 + _MAX_GROWTH) + spare)


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
    yield Figure("lines in the log that are not JSON", _first(foreign), not foreign)
    yield Figure("errors and tracebacks in the log", _first(errors), not errors)


def _first(lines: Sequence[str]) -> str:
    return f"{len(lines)}, such as {lines[0][:200]}" if lines else "0"
