"""How much comes in: a wave over the day, gusts of some minutes, and chance."""

import math
from dataclasses import dataclass
from random import Random

from exporter.simulator.pace import Step

DAY = 86400.0
HOUR = 3600.0

# Above this mean the bell curve is as good as counting, and costs one draw.
COUNTED_MEAN = 30.0

GUST_SECONDS = 120.0
GUST_STRENGTH = 0.03
CALMEST, STRONGEST = 0.5, 1.5


@dataclass(frozen=True, kw_only=True)
class Wave:
    """A level that is low in the night and high in the early afternoon, in UTC."""

    low: float
    high: float
    peak_hour: float = 14.0

    def at(self, moment: float) -> float:
        """The level at a moment."""
        return self._middle + self._swing * math.cos(self._angle(moment))

    def total(self, step: Step) -> float:
        """The level summed over a step, exact even when the step is a year."""
        waves = math.sin(self._angle(step.end)) - math.sin(self._angle(step.start))
        return self._middle * step.seconds + self._swing * waves * DAY / math.tau

    @property
    def _middle(self) -> float:
        return (self.high + self.low) / 2

    @property
    def _swing(self) -> float:
        return (self.high - self.low) / 2

    def _angle(self, moment: float) -> float:
        return math.tau * (moment - self.peak_hour * HOUR) / DAY


class Traffic:
    """Arrivals along a wave, given per second."""

    def __init__(self, wave: Wave, random: Random) -> None:
        self.wave = wave
        self._random = random
        self._gust = 1.0

    def arrivals(self, step: Step, *, share: float = 1.0) -> int:
        """Draw how many came in the step; a share below one lets only some of them come."""
        memory = min(step.seconds, GUST_SECONDS)
        self._gust += (1 - self._gust) * memory / GUST_SECONDS
        self._gust += self._random.gauss(0, GUST_STRENGTH) * math.sqrt(memory)
        self._gust = min(max(self._gust, CALMEST), STRONGEST)
        # Over a long leap the gusts even out.
        gust = 1.0 if step.leap else self._gust
        return poisson(self._random, self.wave.total(step) * gust * share)


def poisson(random: Random, mean: float) -> int:
    """Draw a count whose average is the mean."""
    if mean <= 0:
        return 0
    if mean > COUNTED_MEAN:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    count, product, floor = 0, random.random(), math.exp(-mean)
    while product > floor:
        count += 1
        product *= random.random()
    return count
