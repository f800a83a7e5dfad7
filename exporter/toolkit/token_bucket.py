"""A rate limit with a burst."""

from dataclasses import dataclass, field
from math import inf


@dataclass(slots=True)
class TokenBucket:
    """A bucket that starts full and gains a token every `interval` seconds, up to `burst`.

    All times are in monotonic seconds. Buckets of the same limit are equal.
    """

    interval: float
    burst: int
    _free_at: float = field(default=-inf, init=False, compare=False)

    def take(self, now: float) -> bool:
        """Take a token, or return False if there is none."""
        if self.burst < 1 or self._next_free(now) > now:
            return False
        self.reserve(now)
        return True

    def reserve(self, now: float, tokens: int = 1) -> float:
        """Take tokens, of which all but the first may still have to be gained.

        Returns when the first of them is there: now, or later.
        """
        free_at = self._next_free(now)
        self._free_at = free_at + self.interval * tokens
        return max(now, free_at)

    def _next_free(self, now: float) -> float:
        """Return when the next token is there; in the past if more than one is."""
        return max(self._free_at, now - (self.burst - 1) * self.interval)
