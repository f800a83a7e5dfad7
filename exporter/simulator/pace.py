"""A clock reading becomes the steps a server has to live through since the last one."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Clock = Callable[[], float]

# Ten minutes second by second is enough for every figure to forget how it was before. What lies
# further back is lived in one leap, so that a year without a request costs no more than an hour.
FINE_STEPS = 600


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stretch of time, one second long unless it is the leap."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """The length of the step."""
        return self.end - self.start

    @property
    def leap(self) -> bool:
        """Whether much may have happened within it, too much to be played one by one."""
        return self.seconds > 1

    def since(self, moment: float) -> "Step":
        """Cut off what lies before the moment."""
        start = max(self.start, moment)
        return Step(start=start, end=max(start, self.end))


class Pace:
    """Where a server has got to. Steps end on whole seconds, however often it is asked."""

    def __init__(self, start: float) -> None:
        self._at = math.floor(start)

    def steps(self, now: float) -> Iterator[Step]:
        """Yield what has to be lived through until now; nothing when the clock went back."""
        until = math.floor(now)
        if until - self._at > FINE_STEPS:
            yield self._step(until - FINE_STEPS)
        while self._at < until:
            yield self._step(self._at + 1)

    def _step(self, end: int) -> Step:
        step = Step(start=self._at, end=end)
        self._at = end
        return step
