"""A client's rate limit and the requests it wants to send become the moments it may."""

from dataclasses import dataclass, field

from exporter.settings import RateLimit


@dataclass(slots=True)
class Bucket:
    """The requests a client may send: a token bucket that hands out moments, not tokens."""

    limit: RateLimit
    free_at: float = field(default=0.0)

    def reserve(self, now: float, requests: int) -> float:
        """Take the next free moment for so many requests and return it."""
        spacing = 1.0 / self.limit.requests_per_second
        earliest = now - (self.limit.burst - 1) * spacing
        self.free_at = max(self.free_at, earliest)
        moment = max(now, self.free_at)
        self.free_at += spacing * requests
        return moment
