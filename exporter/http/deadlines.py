"""Moments at which work is given up: one timer of the event loop for all of them.

Nearly all end before their moment. A timer each would be made and cancelled with every poll.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Deadline:
    """The end of the time for one piece of work."""

    __slots__ = ("is_over", "on_over", "seconds")

    def __init__(self, seconds: float, on_over: Callable[[], object] | None) -> None:
        self.seconds = seconds
        """How long the whole work may take."""
        self.on_over = on_over
        """What gives the work up; None: it has ended, or has not begun."""
        self.is_over = False

    def end(self) -> None:
        """Note that the work has ended in time."""
        self.on_over = None
        self.is_over = True


class Deadlines:
    """All deadlines of an event loop."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline]] = []
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None

    def start(self, seconds: float, on_over: Callable[[], object] | None = None) -> Deadline:
        """Call `on_over` after so many seconds, unless the deadline ends before."""
        heap = self._heap
        while heap and heap[0][2].is_over:
            heappop(heap)
        deadline = Deadline(seconds, on_over)
        loop = asyncio.get_running_loop()
        at = loop.time() + seconds
        heappush(heap, (at, next(self._order), deadline))
        if self._timer is None:
            self._timer = loop.call_at(at, self._expire)
        elif at < self._timer.when():
            self._timer.cancel()
            self._timer = loop.call_at(at, self._expire)
        return deadline

    def close(self) -> None:
        """Forget all of them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._heap.clear()

    def _expire(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        heap = self._heap
        try:
            while heap and (heap[0][2].is_over or heap[0][0] <= now):
                deadline = heappop(heap)[2]
                if not deadline.is_over:
                    deadline.is_over = True
                    if deadline.on_over is not None:
                        deadline.on_over()
        finally:
            if heap and self._timer is None:
                self._timer = loop.call_at(heap[0][0], self._expire)
