"""Rows 5, 6 and 8: memory, lateness, and how both and the CPU grow with the number of targets."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise

from bench import start
from bench.figures import BenchError, Line, short, spread
from bench.load_profile import Load
from bench.programs import Count, Exporter
from bench.workbench import Workbench

_MANY = Load(10_000, 15.0)
_THOUSAND = Load(1_000, 1.5)
# A tick of the exporter at this load: targets that are due are polled at the next tick.
_LATE_SECONDS = 0.6
_GOAL_KIB = 8.0
_GOAL_KIB_TLS = 32.0
_GOAL_CPU_PERCENT = 4.0
_LATE = "status_exporter_late_polls_total"
# As much more a poll, or a target, counts as noise.
_NOISE = 1.2
# 667 polls a second each. The most need more connections than many machines allow open files.
_GROWTH = (
    Load(100, 0.15),
    _THOUSAND,
    _MANY,
    Load(50_000, 75.0, sharing=4),
)


def run(bench: Workbench) -> list[Line]:
    """Measure rows 5, 6 and part of row 7: ten thousand targets, started several times."""
    repetitions = 1 if bench.quick else 3
    grown, listening, ready = [], [], []
    lines = []
    for number in range(repetitions):
        bench.say(f"rows 5, 7: 10,000 targets start, {number + 1}/{repetitions}")
        empty = _memory(bench, replace(_MANY, targets=1))
        with Exporter(bench.setting(_MANY)) as exporter:
            exporter.wait_until_listening()
            listening.append(exporter.age())
            exporter.wait_until_ready()
            ready.append(exporter.age())
            time.sleep(2.0)
            grown.append((_live_memory(exporter) - empty) / _MANY.targets)
            if number == repetitions - 1:
                exporter.check_all_up()
                lines.append(_late(bench, exporter))
    what = "memory a target, 10,000 with live connections"
    return [_memory_line(what, grown, _GOAL_KIB), *lines, *start.listening(listening, ready)]


def _memory(bench: Workbench, load: Load) -> float:
    """Return the memory of an exporter that is never scraped, in KiB."""
    with Exporter(bench.setting(load)) as exporter:
        exporter.wait_until_ready()
        time.sleep(1.0)
        return _live_memory(exporter)


def _live_memory(exporter: Exporter) -> float:
    """Return the memory in KiB, with a connection to each target."""
    if (files := exporter.files()) < exporter.load.targets:
        raise BenchError(f"only {files} connections are open")
    return exporter.memory()


def connection(bench: Workbench) -> list[Line]:
    """Measure the part of row 5 about TLS: what HTTPS adds to the memory of the same targets."""
    added = []
    for number in range(1 if bench.quick else 3):
        bench.say(f"row 5: connections over HTTPS, {number + 1}")
        plain, secure = (_memory(bench, replace(_THOUSAND, tls=tls)) for tls in (False, True))
        added.append((secure - plain) / _THOUSAND.targets)
    what = "memory a connection over HTTPS, 1,000, beyond the same over HTTP"
    return [_memory_line(what, added, _GOAL_KIB_TLS)]


def _memory_line(what: str, kib: list[float], goal: float) -> Line:
    each = spread(kib)
    return Line(
        row=5,
        what=what,
        ours=each.text("KiB"),
        goal=f"<= {goal:g} KiB",
        met=each.middle <= goal,
    )


def _late(bench: Workbench, exporter: Exporter) -> Line:
    seconds = 30.0 if bench.quick else 300.0
    bench.say(f"row 6: {seconds:.0f} s of 10,000 targets every 15 s")
    before = exporter.values(_LATE)
    bench.server.watch(_MANY.interval + _LATE_SECONDS)
    cpu, began = exporter.cpu(), time.monotonic()
    exporter.poll_and_scrape(seconds)
    spent, took = exporter.cpu() - cpu, time.monotonic() - began
    count = bench.server.count()
    late = sum(exporter.values(_LATE)) - sum(before)
    percent = spent / took * 100
    failed = late or count.late or _missing(count, took)
    return Line(
        row=6,
        what=f"10,000 targets every 15 s for {seconds:.0f} s, scraped every 15 s",
        ours=f"{late:.0f} late by its own count; the server saw {count.late} late, the longest"
        f" pause {count.longest:.2f} s, {count.addresses:,} targets, {count.polls:,} polls,"
        f" {_missing(count, took)} missing; {short(percent)} % of one CPU",
        goal=f"none late, longest pause <= {_MANY.interval + _LATE_SECONDS:g} s,"
        f" CPU <= {_GOAL_CPU_PERCENT:g} %",
        met=percent <= _GOAL_CPU_PERCENT and not failed,
    )


def _missing(count: Count, seconds: float) -> int:
    # Each end of the window may cut off the polls of one tick.
    per_second = _MANY.targets / _MANY.interval
    return max(0, round(per_second * (seconds - _LATE_SECONDS)) - count.polls)


def growth(bench: Workbench) -> list[Line]:
    """Measure row 8: the same number of polls a second of more and more targets."""
    if bench.quick:
        return []
    cost: dict[int, list[float]] = defaultdict(list)
    memory: dict[int, list[float]] = defaultdict(list)
    for number in range(2):
        # The largest takes as long as all others together.
        for load in _GROWTH if number else _GROWTH[:-1]:
            bench.say(f"row 8: {load.targets:,} targets, {number + 1}/2")
            with Exporter(bench.setting(load)) as exporter:
                exporter.wait_until_ready()
                time.sleep(3.0)
                cost[load.targets].append(bench.per_poll(exporter, partial(exporter.poll, 15.0)))
                memory[load.targets].append(exporter.memory() / 1024)
    return [
        _growth_line(cost, "CPU a poll, 667 polls/s", "us", _cost_growth),
        _growth_line(memory, "resident memory, 667 polls/s", "MiB", _memory_growth),
    ]


def _growth_line(
    figures: dict[int, list[float]],
    what: str,
    unit: str,
    judge: Callable[[dict[int, float]], tuple[str, bool]],
) -> Line:
    middles = {size: spread(values).middle for size, values in sorted(figures.items())}
    sizes = ", ".join(f"{size:,}: {short(value)}" for size, value in middles.items())
    ratio, met = judge(middles)
    return Line(
        row=8, what=what, ours=f"{sizes} {unit}", ratio=ratio, goal="linear or better", met=met
    )


def _cost_growth(middles: dict[int, float]) -> tuple[str, bool]:
    (_, (small, first), *larger) = middles.items()
    size, last = larger[-1]
    met = all(value <= first * _NOISE for _, value in larger)
    return f"{short(last / first)}x from {small:,} to {size:,}", met


def _memory_growth(middles: dict[int, float]) -> tuple[str, bool]:
    """Compare what a target adds at the end with what it added before."""
    steps = [
        (more - less) * 1024 / (large - small)
        for (small, less), (large, more) in pairwise(list(middles.items())[1:])
    ]
    text = f"{short(steps[-1])} KiB a target at the end, {short(steps[0])} before"
    return text, steps[-1] <= steps[0] * _NOISE
