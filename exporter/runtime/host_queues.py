"""The polls of each host: a limited number at once, the others in a queue."""

from collections import deque
from typing import Generic, TypeVar

MAX_A_HOST = 256
"""Concurrent polls of one host: the many targets of one API are one server."""

Host = tuple[str, int]
_T = TypeVar("_T")


class HostQueues(Generic[_T]):
    """The number of polls under way for each host, and a queue of those that wait."""

    def __init__(self) -> None:
        self._taken: dict[Host, int] = {}
        self._queues: dict[Host, deque[_T]] = {}

    def enter(self, host: Host, one: _T) -> bool:
        """Count a poll of the host, or add it to the queue and return False."""
        taken = self._taken.get(host, 0)
        if taken < MAX_A_HOST:
            self._taken[host] = taken + 1
            return True
        self._queues.setdefault(host, deque()).append(one)
        return False

    def leave(self, host: Host) -> _T | None:
        """Note that a poll has ended, and return the next of the queue, see `next_waiting`."""
        taken = self._taken.pop(host)
        if taken > 1:
            self._taken[host] = taken - 1
        return self.next_waiting(host) if self._queues else None

    def next_waiting(self, host: Host) -> _T | None:
        """Remove and return the first of the queue; it must still `enter`."""
        queue = self._queues.get(host)
        if queue is None:
            return None
        first = queue.popleft()
        if not queue:
            del self._queues[host]
        return first
