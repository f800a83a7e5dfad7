"""The charts of the pages, as shapes of SVG: durations of polls, and the last values of a series."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from exporter.runtime.history import MAX_SAMPLES
from exporter.web.units import duration_text

CHART_HEIGHT, SPARKLINE_HEIGHT = 64, 16
CHART_POLLS, BAR_WIDTH = 60, 8
SPARKLINE_POLLS = 30
SPARKLINE_BAR = 3
"""The width of one poll of a sparkline."""
VALUES_WIDTH = 2 * MAX_SAMPLES

# The lower end of the scale, in seconds: one that ends sooner is as quick as matters.
_QUICK = 0.001
_MIN_BAR = 2
_MIN_POINTS = 3


class Bar(NamedTuple):
    """One poll of the chart; lengths in SVG units, y from the top."""

    x: int
    y: int
    height: int
    worked: bool
    title: str


class PollSparkline(NamedTuple):
    """The last polls of a target as two paths of vertical strokes."""

    worked: str
    failed: str
    polls: int
    failures: int


def worked(seconds: float) -> bool:
    """Whether a poll worked, by its duration in `Tracked.recent`; -0.0 is a failed one."""
    return math.copysign(1, seconds) > 0


def poll_bars(recent: Sequence[float], timeout: float) -> list[Bar]:
    """Return the bars of the recent polls, on a logarithmic scale from 1 ms to the timeout."""
    recent, bars = recent[-CHART_POLLS:], []
    for at, seconds in enumerate(recent, CHART_POLLS - len(recent)):
        height = _bar_height(abs(seconds), timeout, CHART_HEIGHT)
        title = f"{'worked' if worked(seconds) else 'failed'} after {duration_text(abs(seconds))}"
        bars.append(Bar(at * BAR_WIDTH, CHART_HEIGHT - height, height, worked(seconds), title))
    return bars


def poll_scale(timeout: float) -> list[tuple[int, str]]:
    """Return the lines of the scale: their y, and the duration that they mark."""
    # Closer to the timeout, the texts would overlap.
    steps = [step for step in (0.01, 0.1, 1.0, 10.0) if 9 * step < timeout]
    return [
        (CHART_HEIGHT - _bar_height(step, timeout, CHART_HEIGHT), duration_text(step))
        for step in (*steps, timeout)
    ]


def poll_sparkline(recent: Sequence[float], timeout: float) -> PollSparkline:
    """Return the sparkline of the last polls, on the same scale as their bars."""
    paths = {True: "", False: ""}
    last = recent[-SPARKLINE_POLLS:]
    start = SPARKLINE_POLLS - len(last)
    for at, seconds in enumerate(last, start):
        height = _bar_height(abs(seconds), timeout, SPARKLINE_HEIGHT)
        middle = at * SPARKLINE_BAR + SPARKLINE_BAR / 2
        paths[worked(seconds)] += f"M{middle:g} {SPARKLINE_HEIGHT}v-{height}"
    failures = sum(not worked(one) for one in last)
    return PollSparkline(paths[True], paths[False], len(last), failures)


def value_line(values: Sequence[float | None]) -> str:
    """Return the path through the values, None being a gap; empty where they are too few."""
    known = [one for one in values if one is not None]
    if len(known) < _MIN_POINTS:
        return ""
    low, high = min(known), max(known)
    span, step = high - low, VALUES_WIDTH / MAX_SAMPLES
    path, pen = "", "M"
    for at, value in enumerate(values, MAX_SAMPLES - len(values)):
        if value is None:
            pen = "M"
            continue
        share = (value - low) / span if span else 0.5
        path += f"{pen}{at * step:g} {1 + (1 - share) * (SPARKLINE_HEIGHT - 2):.1f}"
        # A point by itself is seen as one, too.
        path, pen = f"{path}h0" if pen == "M" else path, "L"
    return path


def increases(values: Sequence[float | None]) -> list[float | None]:
    """Return by how much a counter rose between each two values; from 0 where it was reset."""
    pairs = pairwise(values)
    return [
        None if one is None or two is None else two - one if two >= one else two
        for one, two in pairs
    ]


def _bar_height(seconds: float, timeout: float, full: int) -> int:
    share = math.log(max(seconds, _QUICK) / _QUICK) / math.log(max(timeout, 2 * _QUICK) / _QUICK)
    return round(_MIN_BAR + min(1.0, share) * (full - _MIN_BAR))
