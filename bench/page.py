"""Rows 3 and 4: what a scrape of ten thousand targets costs, and how long it holds the event loop.

One process serves the same samples both ways, the exporter's and prometheus_client's, so that
each repetition scrapes one right after the other. What is counted is the CPU of that process over
a whole scrape, the sending included.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

from bench.client import Reply, get, scrape_every
from bench.figures import BenchError, Line, ratios, spread
from bench.machine import Process, free_port
from bench.subject import Load
from bench.workbench import Workbench, wait

_INTERVAL = 15.0
_TARGETS = 10_000
_TARGETS_QUICK = 4_000
_OK = 200
_GOAL_HOLD_MS = 10.0
_GOAL_TIMES_LESS = 20.0


class Inside(Process):
    """The service with its ticker."""

    def __init__(self, folder: Path, load: Load, server_port: int) -> None:
        self.port = free_port()
        self.page = folder / "page.txt"
        config = folder / "inside.yaml"
        config.write_text(load.written(server_port))
        command = [
            sys.executable,
            "-m",
            "bench.inside",
            str(config),
            str(self.page),
            str(self.port),
        ]
        super().__init__(command, folder / "inside.log")

    def ask(self, path: str, accept_encoding: str = "identity") -> Reply:
        """Ask it.

        Raises:
            BenchError: It does not answer with 200.
        """
        reply = get(self.port, path, accept_encoding)
        if reply.status != _OK:
            raise BenchError(f"{path} answered with status {reply.status}")
        return reply


def run(bench: Workbench) -> list[Line]:
    """Measure both rows, each in the same process."""
    targets = _TARGETS_QUICK if bench.quick else _TARGETS
    # The same 667 polls a second for either size.
    load = Load(targets, _INTERVAL * targets / _TARGETS, "mixed")
    bench.say(f"rows 3, 4: {targets:,} targets start")
    with Inside(bench.folder, load, bench.server.port) as inside:
        inside.wait_for(lambda: get(inside.port, "/-/ready").status == _OK, "to be ready", 120)
        wait(2.0)()
        return [_holds(bench, inside, targets), *_scrapes(bench, inside, targets)]


def _holds(bench: Workbench, inside: Inside, targets: int) -> Line:
    repetitions, seconds, every = (1, 4.0, 2.0) if bench.quick else (3, 30.0, 5.0)
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(repetitions):
        bench.say(f"row 4: scrapes every {every:g} s, {number + 1}/{repetitions}")
        inside.ask("/bench/holds")
        scrape_every(inside.port, every, seconds)
        for name, value in json.loads(inside.ask("/bench/holds").body).items():
            taken[name].append(value)
    worst = max(taken["p999"])
    return Line(
        row="4",
        what=f"event loop held, {targets:,} targets, 667 polls/s, gzip scrape every {every:g} s",
        ours=f"p99.9 {spread(taken['p999']).told('ms')}, p99 {spread(taken['p99']).told('ms')},"
        f" longest {spread(taken['max']).told('ms')}",
        goal=f"p99.9 < {_GOAL_HOLD_MS:g} ms",
        met=worst < _GOAL_HOLD_MS,
    )


def _scrapes(bench: Workbench, inside: Inside, targets: int) -> list[Line]:
    bench.say("row 3: prometheus_client takes in the same samples")
    page = inside.ask("/metrics").body
    inside.page.write_bytes(page)
    inside.ask("/bench/quiet")
    series = _series(page)
    if (theirs := _series(inside.ask("/bench/peer/text").body)) != series:
        raise BenchError(f"the pages differ: {series} series and {theirs}")
    kinds = ("text", "gzip9", "gzip1")
    figures: dict[str, list[float]] = defaultdict(list)
    repetitions = 1 if bench.quick else 5
    for number in range(repetitions):
        bench.say(f"row 3: scrapes in turn, {number + 1}/{repetitions}")
        for coding in ("identity", "gzip"):
            figures[coding].append(_cost(inside, "/metrics", coding))
        for kind in kinds:
            figures[kind].append(_cost(inside, f"/bench/peer/{kind}", "identity"))
    what = f"scrape of {targets:,} targets, {series / targets:.0f} series each"
    return [
        _line(f"{what}, text", "generate_latest", figures["identity"], figures["text"]),
        _line(f"{what}, gzip", "with gzip 9, its default", figures["gzip"], figures["gzip9"]),
        _line(f"{what}, gzip", "with gzip 1", figures["gzip"], figures["gzip1"]),
    ]


def _series(page: bytes) -> int:
    return sum(b'{target="' in line or b',target="' in line for line in page.splitlines())


def _cost(inside: Inside, path: str, accept_encoding: str) -> float:
    before = inside.cpu()
    inside.ask(path, accept_encoding)
    return (inside.cpu() - before) * 1000


def _line(what: str, peer: str, ours: list[float], theirs: list[float]) -> Line:
    less = ratios(theirs, ours)
    return Line(
        row="3",
        what=what,
        ours=spread(ours).told("ms"),
        peer=f"{peer} {spread(theirs).told('ms')}",
        ratio=f"{less.told('x')} less",
        goal=f">= {_GOAL_TIMES_LESS:g}x less",
        met=less.middle >= _GOAL_TIMES_LESS,
    )
