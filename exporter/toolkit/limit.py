"""The moments of requests go in; whether each is within the limit comes out."""

from exporter.toolkit.web_settings import RequestLimit


class Limiter:
    """A bucket of tokens, full at first, of which each request takes one."""

    def __init__(self, limit: RequestLimit) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._at: float | None = None

    def allows(self, now: float) -> bool:
        """Tell whether a request of this moment is within the limit, and count it if it is."""
        if self._at is not None:
            gained = max(0.0, now - self._at) / self._limit.interval
            self._tokens = min(float(self._limit.burst), self._tokens + gained)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
