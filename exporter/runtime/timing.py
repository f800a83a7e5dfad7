"""When a target is polled, from its name, interval and failures; all times are monotonic seconds."""

from collections.abc import Mapping
from math import ceil, floor
from zlib import crc32

# Polls per tick: the process wakes up to cold caches, which costs as much as thirty polls.
_POLLS_A_TICK = 400
MIN_TICK = 0.1
"""Seconds."""
_MAX_TICK = 1.0
_TICKS_AN_INTERVAL = 3

TOLERANCE = 1e-6
"""Of a number of ticks: floats have no exact tenths."""

# Intervals until the next poll, by the number of consecutive failures; the last for any more.
_BACK_OFF = (1, 1, 2, 4, 5)


def rounds(failures: int) -> int:
    """Return in how many intervals the next poll is after so many consecutive failures."""
    return _BACK_OFF[min(failures, len(_BACK_OFF) - 1)]


def tick_seconds(intervals: Mapping[float, int]) -> float:
    """Return the length of a tick; `intervals` has the number of targets of each interval.

    It is a whole fraction of the shortest interval: then pauses between two polls are equal.
    """
    rate = sum(number / interval for interval, number in intervals.items())
    if not rate:
        return _MAX_TICK
    wanted, shortest = min(_POLLS_A_TICK / rate, _MAX_TICK), min(intervals)
    ticks = max(ceil(shortest / wanted - TOLERANCE), _TICKS_AN_INTERVAL)
    return max(shortest / ticks, MIN_TICK)


def ticks_between(start: float, now: float, seconds: float) -> int:
    """Return how many whole ticks of this length there are from `start` to now."""
    return floor((now - start) / seconds + TOLERANCE)


def next_tick(start: float, now: float, seconds: float) -> float:
    """Return the moment of the first tick after now; the first of all is `start`."""
    return start + (ticks_between(start, now, seconds) + 1) * seconds


def phase(name: str, interval: float) -> float:
    """Return the seconds into each interval at which the target of this name is polled."""
    return crc32(name.encode()) / 2**32 * interval


def next_due(name: str, interval: float, start: float, after: float) -> float:
    """Return the first time after `after` at which the target is due; the first tick is `start`."""
    first = start + phase(name, interval)
    passed = max(0, int((after - first) // interval) + 1)
    return first + passed * interval
