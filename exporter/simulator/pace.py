"""Time and load: the seconds that a server lives through, and how much happens in each."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

Clock = Callable[[], float]

DAY = 86400.0
HOUR = 3600.0

# After ten minutes, second by second, no figure depends on its earlier values.
WARM_UP = 600

GUST_SECONDS = 120.0
GUST_STRENGTH = 0.03
CALMEST, STRONGEST = 0.5, 1.5


class Pace:
    """The progress of a server. It advances in whole seconds, independently of polls."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = math.floor(clock()) - WARM_UP

    def seconds(self) -> range:
        """Return the seconds since the last call, in Unix time; of a longer gap, the last ten minutes."""
        now = math.floor(self._clock())
        seconds = range(max(self._at, now - WARM_UP) + 1, now + 1)
        self._at = max(self._at, now)
        return seconds


@dataclass(frozen=True, kw_only=True)
class Wave:
    """A level that is low at night and high in the early afternoon, in UTC."""

    low: float
    high: float

    @property
    def mean(self) -> float:
        """The mean over a day."""
        return (self.high + self.low) / 2

    def at(self, moment: float) -> float:
        """Return the level at a moment."""
        angle = math.tau * (moment - 14 * HOUR) / DAY
        return self.mean + (self.high - self.low) / 2 * math.cos(angle)


class Traffic:
    """Arrivals per second along a wave, with gusts of some minutes."""

    def __init__(self, wave: Wave, random: Random) -> None:
        self.wave = wave
        self._random = random
        self._gust = 1.0

    def arrivals(self, moment: float, *, share: float = 1.0) -> int:
        """Draw the number of arrivals in a second, of which only a share comes."""
        drift = (1 - self._gust) / GUST_SECONDS + self._random.gauss(0, GUST_STRENGTH)
        self._gust = min(max(self._gust + drift, CALMEST), STRONGEST)
        return poisson(self._random, self.wave.at(moment) * self._gust * share)


def poisson(random: Random, mean: float) -> int:
    """Draw a count whose average is the mean, which may be some hundreds at most."""
    count, product, floor = 0, random.random(), math.exp(-max(mean, 0.0))
    while product > floor:
        count += 1
        product *= random.random()
    return count
