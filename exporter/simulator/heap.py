"""A garbage-collected heap: it fills up, a collection empties it, now and then it is enlarged."""

import math
from dataclasses import dataclass
from random import Random

# A collection starts shortly before the committed heap is full.
COLLECT_AT = 0.9
# What survives a collection should leave this much of the heap to work with.
CROWDED_AT = 0.6
ENLARGE_CHANCE = 0.05
ENLARGE_BY = 1.2


@dataclass(frozen=True, kw_only=True)
class HeapLimits:
    """The sizes a heap keeps to, all in one unit of the owner's choice."""

    initial: int
    maximum: int
    alignment: int
    # What survives a collection wanders between these two, and starts at the lower.
    live_low: int
    live_high: int


class Heap:
    """The state of one heap, in the unit of its limits."""

    def __init__(self, limits: HeapLimits, random: Random) -> None:
        self.limits = limits
        self._random = random
        self.committed = limits.initial
        self.live = limits.live_low
        self.used = limits.live_low

    def reset(self) -> None:
        """Start over, as a new process does."""
        self.committed = self.limits.initial
        self.live = self.used = self.limits.live_low

    def allocate(self, amount: float) -> None:
        """Take space; however much it is, one collection stands for all that it makes necessary."""
        used = self.used + int(amount)
        over = used - int(self.committed * COLLECT_AT)
        if over < 0:
            self.used = used
            return
        self._collect()
        self.used += over % (int(self.committed * COLLECT_AT) - self.used)

    def _collect(self) -> None:
        low, high = self.limits.live_low, self.limits.live_high
        drift = self._random.gauss((high - low) / 200, (high - low) / 50)
        self.live = int(min(max(self.live + drift, low), high))
        self.used = self.live
        if self._random.random() < ENLARGE_CHANCE:
            self._enlarge()
        while self.live > self.committed * CROWDED_AT and self.committed < self.limits.maximum:
            self._enlarge()

    def _enlarge(self) -> None:
        unit = self.limits.alignment
        wanted = math.ceil(self.committed * ENLARGE_BY / unit) * unit
        self.committed = min(wanted, self.limits.maximum)
