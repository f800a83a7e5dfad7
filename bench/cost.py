"""Rows 1, 2, 9, 10 and 11: the CPU of a poll, beside other programs that poll the same targets.

In each repetition the programs run one after the other, each alone on its CPU. Each is started again,
and measured after it has polled all targets.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.figures import Line, Peer, share_of
from bench.load_profile import Load
from bench.workbench import BASELINE, OURS, Workbench

_THOUSAND = 1000
_QUICK = (1, 3.0)


@dataclass(frozen=True)
class Comparison:
    """A load, and the maximum share of each other program's cost that we want to need."""

    row: int
    what: str
    load: Load
    goals: Mapping[str, float | None]
    scraped: bool = False
    """Whether the programs are scraped once an interval as well."""
    repetitions: int = 3
    seconds: float = 12.0
    quick: bool = True
    """Whether `--quick` measures it."""

    def lines(self, bench: Workbench) -> list[Line]:
        """Measure, and return one line for each other program that is installed."""
        if not any(map(bench.starter, self.goals)) or (bench.quick and not self.quick):
            return []
        repetitions, seconds = _QUICK if bench.quick else (self.repetitions, self.seconds)
        costs = bench.costs(
            self.load,
            [OURS, *self.goals],
            scraped=self.scraped,
            repetitions=repetitions,
            # A scrape once an interval needs whole intervals.
            seconds=max(seconds, self.load.interval) if self.scraped else seconds,
            what=f"row {self.row}, {self.what}",
        )
        return [
            share_of(
                Peer(name, costs[name]),
                costs[OURS],
                row=self.row,
                what=self.what,
                unit="us",
                goal=goal,
            )
            for name, goal in self.goals.items()
            if costs[name]
        ]


_FAST = Load(_THOUSAND, 1.5)
_WEBITEL = Load(_THOUSAND, 1.5, ("webitel",))
_FLEET = Load(4, 1.0, ("fleet",))

COMPARISONS = (
    Comparison(
        1,
        "100 polls/s, ten numbers",
        Load(_THOUSAND, 10.0),
        {"collectd": 0.5},
        seconds=20.0,
        quick=False,
    ),
    Comparison(1, "667 polls/s, ten numbers", _FAST, {"collectd": 0.33}, repetitions=5),
    Comparison(
        1,
        "667 polls/s, UCS as each reads it: 15 series against 7 values",
        Load(_THOUSAND, 1.5, ("ucs",)),
        {"collectd": None},
        quick=False,
    ),
    Comparison(
        2,
        "a poll with its share of a scrape an interval, 667/s, ten numbers",
        _FAST,
        {"json_exporter": 0.12, "blackbox_exporter": 0.09},
        scraped=True,
    ),
    Comparison(
        9,
        "667 polls/s over HTTPS, ten numbers",
        Load(_THOUSAND, 1.5, tls=True),
        {"collectd": 0.3, BASELINE: 0.25},
        repetitions=5,
    ),
    Comparison(
        10,
        "a poll with its share of a scrape an interval, 200/s, seven numbers of UCS",
        Load(_THOUSAND, 5.0, ("ucs",)),
        {"telegraf": 0.35},
        scraped=True,
        seconds=20.0,
    ),
    Comparison(
        11,
        "667 polls/s, Webitel's whole answer, whose FreeSWITCH text changes",
        _WEBITEL,
        {BASELINE: 0.4},
    ),
    Comparison(
        11,
        "the same with its share of a scrape an interval",
        _WEBITEL,
        {BASELINE: 0.4},
        scraped=True,
        quick=False,
    ),
    Comparison(
        11,
        "4 polls/s, a Clanforge list of 1,000 game servers",
        _FLEET,
        {BASELINE: 0.5},
    ),
    Comparison(
        11,
        "the same with its share of a scrape an interval",
        _FLEET,
        {BASELINE: 0.5},
        scraped=True,
        quick=False,
    ),
)
