"""A garbage-collected heap: it fills up, a collection empties it, now and then it is enlarged."""

import math
from random import Random

# A collection starts shortly before the committed heap is full.
COLLECT_AT = 0.9
# More than this share in use after a collection enlarges the heap.
CROWDED_AT = 0.6
ENLARGE_CHANCE = 0.05
ENLARGE_BY = 1.2


class Heap:
    """One heap, in the unit of its `initial` and `maximum` size."""

    def __init__(
        self, random: Random, *, initial: int, maximum: int, alignment: int, live: tuple[int, int]
    ) -> None:
        self.maximum = maximum
        self._random = random
        self._initial = initial
        self._alignment = alignment
        # What survives a collection is between these two, and starts at the lower.
        self._low, self._high = live
        self.reset()

    def reset(self) -> None:
        """Start over, as a new process does."""
        self.committed = self._initial
        self.used = self._live = self._low

    def allocate(self, amount: float) -> None:
        """Take space, and collect garbage where it is needed."""
        self.used += int(amount)
        if self.used < self.committed * COLLECT_AT:
            return
        span = self._high - self._low
        live = self._live + self._random.gauss(span / 200, span / 50)
        self.used = self._live = int(min(max(live, self._low), self._high))
        if self._live > self.committed * CROWDED_AT or self._random.random() < ENLARGE_CHANCE:
            wanted = math.ceil(self.committed * ENLARGE_BY / self._alignment) * self._alignment
            self.committed = min(wanted, self.maximum)
