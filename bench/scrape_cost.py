"""Rows 3 and 4: the CPU of a scrape of ten thousand targets, and how long it holds the event loop.

A scrape costs what the process needs until it is sent. prometheus_client has the same samples in a
process of its own on the same CPU; each repetition scrapes both, one after the other.
"""

import json
import sys
import time
from collections import defaultdict
from functools import partial

from bench.figures import BenchError, Line, Peer, Spread, spread, times_less
from bench.load_profile import Load
from bench.machine import Process, free_port
from bench.programs import OK, Exporter
from bench.scrapers import get, scrape_every
from bench.workbench import Workbench

_INTERVAL = 15.0
_TARGETS = 10_000
_TARGETS_QUICK = 4_000
_GOAL_P999_MS = 5.0
_GOAL_MAX_MS = 10.0
_GOAL_TIMES_LESS = 50.0
_GOAL_FIRST_TIMES_LESS = 25.0
_PAGE_FILE = "page.txt"

Figures = dict[str, list[float]]


class TickedExporter(Exporter):
    """The exporter with a clock on its event loop."""

    def __init__(self, bench: Workbench, load: Load) -> None:
        self._ticker = free_port()
        super().__init__(bench.setting(load), module=("bench.ticked", str(self._ticker)))

    def holds(self) -> dict[str, float]:
        """Return the longest holds in milliseconds since the call before."""
        reply = get(self._ticker, "/")
        if reply.status != OK:
            raise BenchError("the exporter's event loop has no clock")
        holds: dict[str, float] = json.loads(reply.body)
        return holds


def run(bench: Workbench) -> list[Line]:
    """Measure both rows with the same process."""
    targets = _TARGETS_QUICK if bench.quick else _TARGETS
    # The same 667 polls a second for either number.
    load = Load(targets, _INTERVAL * targets / _TARGETS, ("webitel", "clanforge"))
    bench.say(f"rows 3, 4: {targets:,} targets start")
    with TickedExporter(bench, load) as exporter:
        exporter.wait_until_listening()
        exporter.holds()
        exporter.wait_until_ready()
        starting = {name: [value] for name, value in exporter.holds().items()}
        exporter.check_all_up()
        return [
            _hold_line(f"event loop held while {targets:,} targets start", starting),
            _held(bench, exporter),
            *_scrapes(bench, exporter),
        ]


def _held(bench: Workbench, exporter: TickedExporter) -> Line:
    repetitions, seconds, every = (1, 4.0, 2.0) if bench.quick else (3, 30.0, 5.0)
    figures: Figures = defaultdict(list)
    for number in range(repetitions):
        bench.say(f"row 4: scrapes every {every:g} s, {number + 1}/{repetitions}")
        exporter.holds()
        scrape_every(exporter.port, every, seconds)
        for name, value in exporter.holds().items():
            figures[name].append(value)
    targets = exporter.load.targets
    what = f"event loop held, {targets:,} targets, 667 polls/s, gzip scrape every {every:g} s"
    return _hold_line(what, figures)


def _hold_line(what: str, figures: Figures) -> Line:
    held: dict[str, Spread] = {name: spread(values) for name, values in figures.items()}
    return Line(
        row=4,
        what=what,
        ours=f"p99.9 {held['p999'].text('ms')}, p99 {held['p99'].text('ms')},"
        f" longest {held['max'].text('ms')}",
        goal=f"p99.9 <= {_GOAL_P999_MS:g} ms, longest <= {_GOAL_MAX_MS:g} ms",
        met=max(figures["p999"]) <= _GOAL_P999_MS and max(figures["max"]) <= _GOAL_MAX_MS,
    )


def _scrapes(bench: Workbench, exporter: TickedExporter) -> list[Line]:
    # Enough that scrapes into which the polls of a tick fall do not decide.
    repetitions = 1 if bench.quick else 5
    ours = _our_scrapes(bench, exporter, repetitions)
    page = exporter.request("/metrics").body
    file = exporter.log.with_name(_PAGE_FILE)
    file.write_bytes(page)
    port = free_port()
    command = [sys.executable, "-m", "bench.generated", str(port), str(file)]
    bench.say("row 3: prometheus_client reads the same samples")
    with Process(command, exporter.log.with_name("generated.log")) as generated:
        answers = partial(get, port, "/text")
        generated.wait_for(lambda: answers().status == OK, "to listen", 120)
        series = _series(page)
        if (theirs := _series(answers().body)) != series:
            raise BenchError(f"the pages differ: {series} series and {theirs}")
        for number in range(repetitions):
            bench.say(f"row 3: scrapes in turn, {number + 1}/{repetitions}")
            for coding in ("identity", "gzip"):
                ours[coding].append(_cost(exporter, exporter.port, "/metrics", coding))
            for path in ("/text", "/gzip9", "/gzip1"):
                ours[path].append(_cost(generated, port, path, "identity"))
    each = f"of {exporter.load.targets:,} targets, {series / exporter.load.targets:.0f} series each"
    return [
        times_less(
            Peer(f"generate_latest, {coding}", ours[theirs]),
            ours[scrape],
            row=3,
            what=f"{what} {each}",
            unit="ms",
            goal=goal,
        )
        for scrape, what, theirs, coding, goal in _LINES
    ]


def _our_scrapes(bench: Workbench, exporter: TickedExporter, repetitions: int) -> Figures:
    """Measure the first scrapes after all targets were polled again."""
    figures: Figures = defaultdict(list)
    for number in range(repetitions):
        for coding in ("identity", "gzip"):
            bench.say(f"row 3: first scrape after all polls, {coding}, {number + 1}/{repetitions}")
            time.sleep(exporter.load.interval + 1)
            figures[f"first {coding}"].append(_cost(exporter, exporter.port, "/metrics", coding))
    return figures


_FIRST = "first scrape after all polls"
_LINES = (
    ("identity", "text scrape", "/text", "text", _GOAL_TIMES_LESS),
    ("gzip", "gzip scrape", "/gzip9", "gzip 9, its default", _GOAL_TIMES_LESS),
    ("gzip", "gzip scrape", "/gzip1", "gzip 1", _GOAL_TIMES_LESS),
    ("first identity", f"{_FIRST}, text,", "/text", "text", _GOAL_FIRST_TIMES_LESS),
    ("first gzip", f"{_FIRST}, gzip,", "/gzip9", "gzip 9, its default", _GOAL_FIRST_TIMES_LESS),
)


def _series(page: bytes) -> int:
    return sum(b'{target="' in line or b',target="' in line for line in page.splitlines())


def _cost(process: Process, port: int, path: str, accept_encoding: str) -> float:
    """Return the CPU of one scrape in milliseconds."""
    before = process.cpu()
    if get(port, path, accept_encoding).status != OK:
        raise BenchError(f"{path} failed")
    return (process.cpu() - before) * 1000
