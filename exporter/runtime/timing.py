"""The arithmetic of the schedule: a target's name, interval and failures become moments."""

from collections.abc import Mapping
from zlib import crc32

from exporter.http.shared_login import LONGEST_PAUSE

# Polls of a tick: waking up finds cold caches, which costs as much as thirty polls, so that many
# polls have to share it.
_POLLS_A_TICK = 200
_MIN_TICK = 0.1
MAX_TICK = 0.5
"""Seconds."""
_TICKS_AN_INTERVAL = 5
# Ticks are a multiple of this, so that a few targets more or less do not change all turns.
_TICK_STEP = 0.05

# After so many failures in a row, how many intervals later the next poll is; then the last.
_BACK_OFF = (1, 1, 2, 4, 5)


def rounds(failures: int) -> int:
    """Return how many intervals later the next poll is after so many failures in a row."""
    return _BACK_OFF[min(failures, len(_BACK_OFF) - 1)]


def tick_seconds(intervals: Mapping[float, int]) -> float:
    """Return how long the ticks are with so many targets of each of these intervals."""
    rate = sum(number / interval for interval, number in intervals.items())
    wanted = round(_POLLS_A_TICK / rate / _TICK_STEP) * _TICK_STEP if rate else MAX_TICK
    longest = min([MAX_TICK, *(interval / _TICKS_AN_INTERVAL for interval in intervals)])
    return max(min(wanted, longest), _MIN_TICK)


def phase(name: str, interval: float) -> float:
    """Return the seconds into each interval at which the target of this name is polled."""
    return crc32(name.encode()) / 2**32 * interval


def next_due(name: str, interval: float, start: float, after: float) -> float:
    """Return the first moment of the target's rhythm since `start` that is later than `after`."""
    first = start + phase(name, interval)
    turns = max(0, int((after - first) // interval) + 1)
    return first + turns * interval


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
    """Return when the target is polled again, after so many failures in a row."""
    after = max(now + min(pause, LONGEST_PAUSE), due + (rounds(failures) - 0.5) * interval)
    return next_due(name, interval, start, after)
