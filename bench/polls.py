"""Rows 1 and 2: what a poll costs, alone and with its share of a scrape, beside other programs.

In each repetition every program runs alone on its CPU, one after the other, polling the same
server; each is started anew and measured when it has polled every target and settled.
"""

from collections import defaultdict
from collections.abc import Callable

from bench.client import probe_every, scrape_every
from bench.figures import BenchError, Line, ratios, spread
from bench.peers import Collectd, Prober, blackbox, find, json_exporter
from bench.subject import Exporter, Load
from bench.workbench import Workbench, wait

_TARGETS = 1000
_FAST = 1.5
_SLOW = 10.0
_GOAL = "<= 1x, then 0.5x"
_GOAL_PROBER = 0.33
_SETTLE_SECONDS = 2.0
_SETTLE_SECONDS_QUICK = 1.0
_PROBERS: tuple[tuple[str, Callable[..., Prober]], ...] = (
    ("prometheus-blackbox-exporter", blackbox),
    ("json_exporter", json_exporter),
)

Figures = dict[str, list[float]]


def run(bench: Workbench) -> list[Line]:
    """Measure both rows."""
    lines: list[Line] = []
    if not bench.quick:
        slow = _measure(bench, Load(_TARGETS, _SLOW), 3, 20.0)
        lines += _against_collectd("100 polls/s, ten numbers", slow, _GOAL)
    repetitions, seconds = (2, 3.0) if bench.quick else (5, 12.0)
    fast = _measure(bench, Load(_TARGETS, _FAST), repetitions, seconds, scraped=True)
    lines += _against_collectd("667 polls/s, ten numbers", fast, _GOAL)
    if not bench.quick:
        whole = _measure(bench, Load(_TARGETS, _FAST, "ucs"), 3, 9.0)
        what = "667 polls/s, UCS as each reads it: 15 series against 7 values"
        lines += _against_collectd(what, whole)
    return [*lines, *_against_probers(fast)]


def _measure(
    bench: Workbench, load: Load, repetitions: int, seconds: float, *, scraped: bool = False
) -> Figures:
    """Run every program in turn, several times; returns microseconds of CPU a poll, by program."""
    figures: Figures = defaultdict(list)
    for number in range(repetitions):
        bench.say(f"rows 1, 2: {load.kind} every {load.interval:g} s, {number + 1}/{repetitions}")
        _exporter(bench, load, seconds, figures, scraped=scraped)
        path = find("collectd")
        if path:
            _collectd(bench, path, load, seconds, figures)
        if scraped:
            for name, start in _PROBERS:
                path = find(name)
                if path:
                    with start(path, bench.folder) as prober:
                        figures[name].append(_probed(bench, prober, load, seconds))
    return figures


def _exporter(
    bench: Workbench, load: Load, seconds: float, figures: Figures, *, scraped: bool
) -> None:
    with Exporter(bench.folder, load, bench.server.port) as exporter:
        exporter.wait_until_listening()
        exporter.wait_until_ready()
        exporter.check_all_up()
        wait(_SETTLE_SECONDS_QUICK if bench.quick else _SETTLE_SECONDS)()
        figures["poll"].append(bench.per_poll(exporter, wait(seconds)))
        if scraped:

            def scrape() -> None:
                scrape_every(exporter.port, load.interval, seconds)

            figures["poll and scrape"].append(bench.per_poll(exporter, scrape))


def _collectd(bench: Workbench, path: str, load: Load, seconds: float, figures: Figures) -> None:
    before = bench.server.count().polls
    wanted = before + 2 * load.targets
    with Collectd(path, bench.folder, load, bench.server.port) as collectd:
        collectd.wait_for(lambda: bench.server.count().polls >= wanted, "to poll everything twice")
        wait(_SETTLE_SECONDS_QUICK if bench.quick else _SETTLE_SECONDS)()
        figures["collectd"].append(bench.per_poll(collectd, wait(seconds)))


def _probed(bench: Workbench, prober: Prober, load: Load, seconds: float) -> float:
    failed = 0
    prober.wait_until_listening()
    paths = prober.paths(load, bench.server.port)
    probe_every(prober.port, paths, load.interval, 1.0)

    def probe() -> None:
        nonlocal failed
        failed = probe_every(prober.port, paths, load.interval, seconds)

    cost = bench.per_poll(prober, probe)
    if failed:
        raise BenchError(f"{failed} probes failed")
    return cost


def _against_collectd(what: str, figures: Figures, goal: str = "") -> list[Line]:
    if not figures["collectd"]:
        return []
    ratio = ratios(figures["poll"], figures["collectd"])
    return [
        Line(
            row="1",
            what=what,
            ours=spread(figures["poll"]).told("us"),
            peer=f"collectd {spread(figures['collectd']).told('us')}",
            ratio=ratio.told("x"),
            goal=goal,
            met=ratio.middle <= 1 if goal else None,
        )
    ]


def _against_probers(figures: Figures) -> list[Line]:
    ours = figures["poll and scrape"]
    found = {name: spread(figures[name]) for name, _ in _PROBERS if figures[name]}
    cheapest = min(found, key=lambda name: found[name].middle, default="")
    lines = []
    for name, theirs in found.items():
        ratio = ratios(ours, theirs.values)
        lines.append(
            Line(
                row="2",
                what="a poll with its share of a scrape an interval, 667/s",
                ours=spread(ours).told("us"),
                peer=f"{name.removeprefix('prometheus-')} {theirs.told('us')}",
                ratio=ratio.told("x"),
                goal=f"<= {_GOAL_PROBER}x of the cheaper" if name == cheapest else "",
                met=ratio.middle <= _GOAL_PROBER if name == cheapest else None,
            )
        )
    return lines
