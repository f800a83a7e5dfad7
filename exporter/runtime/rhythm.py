"""A target's name and interval, and how it did, become the moments at which it is polled."""

from collections.abc import Mapping
from zlib import crc32

# Between two looks at what is due: long enough that some fifty polls leave together, as they then
# cost the least, and short enough that nobody notices.
_SHORTEST_TICK = 0.1
LONGEST_TICK = 0.5
_POLLS_A_TICK = 50
_TICKS_AN_INTERVAL = 10

# After so many failures in a row, how many intervals later the next poll is; then the last.
_BACK_OFF = (1, 1, 2, 4, 5)
# A vendor may ask for a pause; one that asks for a year is not believed.
LONGEST_PAUSE = 600.0


def rounds(failures: int) -> int:
    """Return how many intervals later the next poll is after so many failures in a row."""
    return _BACK_OFF[min(failures, len(_BACK_OFF) - 1)]


def tick_seconds(intervals: Mapping[float, int]) -> float:
    """Return how long the ticks are with so many targets of each of these intervals."""
    rate = sum(number / interval for interval, number in intervals.items())
    wanted = _POLLS_A_TICK / rate if rate else LONGEST_TICK
    longest = min([LONGEST_TICK, *(interval / _TICKS_AN_INTERVAL for interval in intervals)])
    return min(max(wanted, _SHORTEST_TICK), max(longest, _SHORTEST_TICK))


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
