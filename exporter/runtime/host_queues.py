"""The polls of each host: a limited number at once, the others in a queue."""

from collections import deque
from typing import Generic, TypeVar

MAX_A_HOST = 256
"""Polls of one host at once: the many targets of one API are one server to it."""

Host = tuple[str, int]
_T = TypeVar("_T")


class HostQueues(Generic[_T]):
    """The polls of each host that are under way, and those that wait for one of them to end."""

    def __init__(self) -> None:
        self._taken: dict[Host, int] = {}
        self._queues: dict[Host, deque[_T]] = {}

    def enter(self, host: Host, one: _T) -> bool:
        """Take a place, or wait for one and return False."""
        taken = self._taken.get(host, 0)
        if taken < MAX_A_HOST:
            self._taken[host] = taken + 1
            return True
        self._queues.setdefault(host, deque()).append(one)
        return False

    def leave(self, host: Host) -> _T | None:
        """Give a place back, and return the first that waits for it, see `next_waiting`."""
        taken = self._taken.pop(host)
        if taken > 1:
            self._taken[host] = taken - 1
        return self.next_waiting(host) if self._queues else None

    def next_waiting(self, host: Host) -> _T | None:
        """Return the first that waits for a place, which waits no more; it has no place yet."""
        queue = self._queues.get(host)
        if queue is None:
            return None
        first = queue.popleft()
        if not queue:
            del self._queues[host]
        return first

    def clear(self) -> None:
        """Forget those that wait."""
        self._queues.clear()
