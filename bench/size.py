"""Rows 5, 6 and 8: memory, lateness, and how both and the CPU grow with the number of targets."""

import time
from collections import defaultdict
from itertools import pairwise

from bench import start
from bench.figures import BenchError, Line, short, spread
from bench.subject import Count, Exporter, Load
from bench.workbench import Workbench, wait

_MANY = Load(10_000, 15.0)
_TICK = 0.1
"""What is due leaves at the exporter's next tick: so much later at most, when it is on time."""

_SCRAPE_EVERY = 15.0
_GOAL_KIB = 25.0
_GOAL_CPU_PERCENT = 35.0
_LATE = "status_exporter_late_polls_total"
# Up to so much more a poll, or a target, at ten times the targets is taken for noise.
_NOISE = 1.2
# 667 polls a second each. 50,000 connections would be more files than many machines allow.
_GROWTH = (
    Load(100, 0.15),
    Load(1_000, 1.5),
    Load(10_000, 15.0),
    Load(50_000, 75.0, sharing=4),
)


def run(bench: Workbench) -> list[Line]:
    """Measure rows 5, 6 and part of row 7: start ten thousand targets, some times, and go on."""
    repetitions = 1 if bench.quick else 3
    grown, listening, ready = [], [], []
    lines = []
    for number in range(repetitions):
        bench.say(f"rows 5, 7: 10,000 targets start, {number + 1}/{repetitions}")
        empty = _empty(bench)
        with Exporter(bench.folder, _MANY, bench.server.port) as exporter:
            exporter.wait_until_listening()
            listening.append(exporter.age())
            exporter.wait_until_ready()
            ready.append(exporter.age())
            wait(2.0)()
            grown.append((exporter.memory() - empty) / _MANY.targets)
            if exporter.files() < _MANY.targets:
                raise BenchError(f"only {exporter.files()} connections are open")
            if number == repetitions - 1:
                exporter.check_all_up()
                lines.append(_late(bench, exporter))
    each = spread(grown)
    memory = Line(
        row="5",
        what="memory a target, 10,000 with live connections",
        ours=each.told("KiB"),
        goal=f"<= {_GOAL_KIB:g} KiB",
        met=each.middle <= _GOAL_KIB,
    )
    return [memory, *lines, *start.listening(listening, ready)]


def _empty(bench: Workbench) -> float:
    """Return the memory of an exporter with one target, which is never scraped either."""
    with Exporter(bench.folder, Load(1, _MANY.interval), bench.server.port) as exporter:
        exporter.wait_until_listening()
        exporter.wait_until_ready()
        wait(1.0)()
        return exporter.memory()


def _late(bench: Workbench, exporter: Exporter) -> Line:
    seconds = 30.0 if bench.quick else 300.0
    bench.say(f"row 6: {seconds:.0f} s of 10,000 targets every 15 s")
    before = exporter.value(_LATE)
    bench.server.watch(_MANY.interval + 2 * _TICK)
    cpu, began = exporter.cpu(), time.monotonic()
    while time.monotonic() - began < seconds:
        exporter.ask("/metrics", "gzip")
        wait(min(_SCRAPE_EVERY, max(0.0, began + seconds - time.monotonic())))()
    spent, took = exporter.cpu() - cpu, time.monotonic() - began
    count = bench.server.count()
    after = exporter.value(_LATE)
    late = None if before is None or after is None else after - before
    percent = spent / took * 100
    met: bool | None = percent < _GOAL_CPU_PERCENT and not (
        late or count.late or _missing(count, took)
    )
    if met and late is None:
        met = None  # The server may miss a poll that was late, but not by much.
    return Line(
        row="6",
        what=f"10,000 targets every 15 s for {seconds:.0f} s, scraped every 15 s",
        ours=_told_late(count, late, took, percent),
        goal=f"none late, CPU < {_GOAL_CPU_PERCENT:g} %",
        met=met,
    )


def _missing(count: Count, seconds: float) -> int:
    # Each end of the window may cut off the polls of one tick.
    per_second = _MANY.targets / _MANY.interval
    return max(0, round(per_second * (seconds - 2 * _TICK)) - count.polls)


def _told_late(count: Count, late: float | None, seconds: float, percent: float) -> str:
    own = f"{late:.0f} late by its own count" if late is not None else "own count: not measured"
    return (
        f"{own}; the server saw {count.late} late, the longest pause"
        f" {count.longest:.2f} s, {count.addresses:,} targets, {count.polls:,} polls,"
        f" {_missing(count, seconds)} missing; {short(percent)} % of one CPU"
    )


def growth(bench: Workbench) -> list[Line]:
    """Measure row 8: the same number of polls a second of ever more targets."""
    if bench.quick:
        return []
    cost: dict[int, list[float]] = defaultdict(list)
    memory: dict[int, list[float]] = defaultdict(list)
    for number in range(2):
        # The largest takes as long as all others together.
        for load in _GROWTH if number else _GROWTH[:-1]:
            bench.say(f"row 8: {load.targets:,} targets, {number + 1}/2")
            with Exporter(bench.folder, load, bench.server.port) as exporter:
                exporter.wait_until_listening()
                exporter.wait_until_ready()
                wait(3.0)()
                cost[load.targets].append(bench.per_poll(exporter, wait(15.0)))
                memory[load.targets].append(exporter.memory())
    return [_grown(cost, "CPU a poll, 667 polls/s", "us"), _per_target(memory)]


def _grown(figures: dict[int, list[float]], what: str, unit: str) -> Line:
    middles = {size: spread(values).middle for size, values in figures.items()}
    sizes = sorted(middles)
    first, last = middles[sizes[1]], middles[sizes[-1]]
    return Line(
        row="8",
        what=what,
        ours=_told_sizes(middles, unit),
        ratio=f"{short(last / first)}x from {sizes[1]:,} to {sizes[-1]:,}",
        goal="linear or better",
        met=all(middles[size] <= first * _NOISE for size in sizes[2:]),
    )


def _per_target(memory: dict[int, list[float]]) -> Line:
    middles = {size: spread(values).middle for size, values in memory.items()}
    sizes = sorted(middles)
    steps = [
        (middles[large] - middles[small]) / (large - small) for small, large in pairwise(sizes[1:])
    ]
    return Line(
        row="8",
        what="resident memory, 667 polls/s",
        ours=_told_sizes({size: kib / 1024 for size, kib in middles.items()}, "MiB"),
        ratio=f"{short(steps[-1])} KiB a target at the end, {short(steps[0])} before",
        goal="linear or better",
        met=steps[-1] <= steps[0] * _NOISE,
    )


def _told_sizes(figures: dict[int, float], unit: str) -> str:
    parts = (f"{size:,}: {short(value)}" for size, value in sorted(figures.items()))
    return f"{', '.join(parts)} {unit}"
