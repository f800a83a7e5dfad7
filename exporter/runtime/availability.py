"""Since when a target is down, and the share of time that it was up."""


class Availability:
    """The time a target was up since its first poll. All times are Unix seconds."""

    __slots__ = ("_down_seconds", "_first", "down_since")

    def __init__(self) -> None:
        self._first: float | None = None
        self._down_seconds = 0.0
        self.down_since: float | None = None
        """When the first failure after the last success was recorded; None unless it is down."""

    def note_up(self, now: float) -> None:
        """Note a poll that worked, the first one after a failure at least."""
        self._first = now if self._first is None else self._first
        self._down_seconds += self._down_for(now)
        self.down_since = None

    def note_down(self, now: float) -> None:
        """Note a failed poll, or one that became too old."""
        self._first = now if self._first is None else self._first
        self.down_since = now if self.down_since is None else self.down_since

    def share(self, now: float) -> float | None:
        """Return the share of time that it was up, from 0 to 1; None before its first poll.

        It counts time and not polls: a target that is down is polled less often.
        """
        if self._first is None:
            return None
        passed = now - self._first
        if passed <= 0:
            return 1.0 if self.down_since is None else 0.0
        # A wall clock may be set back, and is followed a moment later.
        return min(1.0, max(0.0, 1 - (self._down_seconds + self._down_for(now)) / passed))

    def shift(self, seconds: float) -> None:
        """Follow a wall clock that was set, by so many seconds."""
        self._first = None if self._first is None else self._first + seconds
        self.down_since = None if self.down_since is None else self.down_since + seconds

    def _down_for(self, now: float) -> float:
        return 0.0 if self.down_since is None else max(0.0, now - self.down_since)
