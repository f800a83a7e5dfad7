"""When a target is polled, from its name, interval and failures; all times are monotonic seconds."""

from collections.abc import Mapping
from zlib import crc32

from exporter.http.shared_login import LONGEST_PAUSE

# Polls per tick: the process wakes up to cold caches, which costs as much as thirty polls.
_POLLS_A_TICK = 400
_MIN_TICK = 0.1
MAX_TICK = 0.5
"""Seconds."""
_TICKS_AN_INTERVAL = 3
# Ticks are a multiple of this, so that a few targets more or less do not reschedule all others.
_TICK_STEP = 0.05

# Intervals until the next poll, by the number of consecutive failures; the last for any more.
_BACK_OFF = (1, 1, 2, 4, 5)


def rounds(failures: int) -> int:
    """Return in how many intervals the next poll is after so many consecutive failures."""
    return _BACK_OFF[min(failures, len(_BACK_OFF) - 1)]


def tick_seconds(intervals: Mapping[float, int]) -> float:
    """Return the length of a tick; `intervals` has the number of targets of each interval."""
    rate = sum(number / interval for interval, number in intervals.items())
    wanted = round(_POLLS_A_TICK / rate / _TICK_STEP) * _TICK_STEP if rate else MAX_TICK
    longest = min([MAX_TICK, *(interval / _TICKS_AN_INTERVAL for interval in intervals)])
    return max(min(wanted, longest), _MIN_TICK)


def phase(name: str, interval: float) -> float:
    """Return the seconds into each interval at which the target of this name is polled."""
    return crc32(name.encode()) / 2**32 * interval


def next_due(name: str, interval: float, start: float, after: float) -> float:
    """Return the first time after `after` at which the target is due; the first tick is `start`."""
    first = start + phase(name, interval)
    passed = max(0, int((after - first) // interval) + 1)
    return first + passed * interval


def next_turn(
    name: str,
    interval: float,
    *,
    start: float,
    due: float,
    now: float,
    failures: int,
    pause: float,
) -> float:
    """Return when the target is polled again after so many consecutive failures.

    `due` is when the last poll was due, and `pause` the seconds that the vendor requested.
    """
    after = max(now + min(pause, LONGEST_PAUSE), due + (rounds(failures) - 0.5) * interval)
    return next_due(name, interval, start, after)
