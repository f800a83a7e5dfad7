"""The charts of the pages as SVG shapes: durations of polls, and the past values of a series."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from exporter.runtime.history import MAX_SAMPLES
from exporter.web.units import duration_text

CHART_HEIGHT, SPARKLINE_HEIGHT = 64, 16
CHART_POLLS, BAR_WIDTH = 60, 8
SPARKLINE_POLLS = 30
SPARKLINE_BAR_WIDTH = 3
VALUES_WIDTH = 2 * MAX_SAMPLES

# Seconds at the lower end of the scale: differences below do not matter.
_MIN_SECONDS = 0.001
_MIN_BAR_HEIGHT = 2
_MIN_POINTS = 3


class Bar(NamedTuple):
    """One poll of the chart; lengths in SVG units, y from the top."""

    x: int
    y: int
    height: int
    succeeded: bool
    title: str


class PollSparkline(NamedTuple):
    """The last polls of a target as two SVG paths of vertical strokes."""

    success_path: str
    failure_path: str
    polls: int
    failures: int


def is_success(seconds: float) -> bool:
    """Return whether a poll in `TargetState.recent` succeeded: a failed one is negative, if only -0.0."""
    return math.copysign(1, seconds) > 0


def poll_bars(recent: Sequence[float], timeout: float) -> list[Bar]:
    """Return the bars of the recent polls, on a logarithmic scale from 1 ms to the timeout."""
    recent, bars = recent[-CHART_POLLS:], []
    for at, seconds in enumerate(recent, CHART_POLLS - len(recent)):
        height = _bar_height(abs(seconds), timeout, CHART_HEIGHT)
        succeeded = is_success(seconds)
        title = f"{'worked' if succeeded else 'failed'} after {duration_text(abs(seconds))}"
        bars.append(Bar(at * BAR_WIDTH, CHART_HEIGHT - height, height, succeeded, title))
    return bars


def poll_scale(timeout: float) -> list[tuple[int, str]]:
    """Return the grid lines of the scale: the y of each and the duration that it marks."""
    # Closer to the timeout, the texts would overlap.
    steps = [step for step in (0.01, 0.1, 1.0, 10.0) if 9 * step < timeout]
    return [
        (CHART_HEIGHT - _bar_height(step, timeout, CHART_HEIGHT), duration_text(step))
        for step in (*steps, timeout)
    ]


def poll_sparkline(recent: Sequence[float], timeout: float) -> PollSparkline:
    """Return the sparkline of the last polls, on the same scale as the bars."""
    paths = {True: "", False: ""}
    last = recent[-SPARKLINE_POLLS:]
    for at, seconds in enumerate(last, SPARKLINE_POLLS - len(last)):
        height = _bar_height(abs(seconds), timeout, SPARKLINE_HEIGHT)
        middle = at * SPARKLINE_BAR_WIDTH + SPARKLINE_BAR_WIDTH / 2
        paths[is_success(seconds)] += f"M{middle:g} {SPARKLINE_HEIGHT}v-{height}"
    failures = sum(not is_success(seconds) for seconds in last)
    return PollSparkline(paths[True], paths[False], len(last), failures)


def value_path(values: Sequence[float | None]) -> str:
    """Return the SVG path through the values, with a gap at None; empty if there are too few."""
    known = [value for value in values if value is not None]
    if len(known) < _MIN_POINTS:
        return ""
    low, high = min(known), max(known)
    span, step = high - low, VALUES_WIDTH / MAX_SAMPLES
    path, command = "", "M"
    for at, value in enumerate(values, MAX_SAMPLES - len(values)):
        if value is None:
            command = "M"
            continue
        share = (value - low) / span if span else 0.5
        path += f"{command}{at * step:g} {1 + (1 - share) * (SPARKLINE_HEIGHT - 2):.1f}"
        # A line of no length makes a single point visible.
        path, command = f"{path}h0" if command == "M" else path, "L"
    return path


def increases(values: Sequence[float | None]) -> list[float | None]:
    """Return the increase of a counter between consecutive values; a reset starts from 0."""
    return [
        None if old is None or new is None else new - old if new >= old else new
        for old, new in pairwise(values)
    ]


def _bar_height(seconds: float, timeout: float, full: int) -> int:
    scale = math.log(max(timeout, 2 * _MIN_SECONDS) / _MIN_SECONDS)
    share = math.log(max(seconds, _MIN_SECONDS) / _MIN_SECONDS) / scale
    return round(_MIN_BAR_HEIGHT + min(1.0, share) * (full - _MIN_BAR_HEIGHT))
