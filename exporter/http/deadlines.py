"""When requests time out: all deadlines share one timer of the event loop.

Nearly all requests end in time, so that a timer for each would be started and cancelled in vain.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf
from operator import itemgetter

from exporter.errors import PollError, Reason


class Deadline:
    """When a piece of work times out."""

    __slots__ = ("at", "is_over", "on_over", "seconds")

    def __init__(self, seconds: float, on_over: Callable[[], object] | None = None) -> None:
        self.seconds = seconds
        """How long the work may take."""
        self.on_over = on_over
        """What is called then; None: the work has ended, or has not begun."""
        self.at = inf
        """The moment, by the clock of the event loop; infinite while it is suspended or over."""
        self.is_over = False

    def error(self) -> PollError:
        """Return the failure of work that times out."""
        return PollError(Reason.TIMEOUT, f"no complete answer within {self.seconds:g}s")

    def end(self) -> None:
        """Mark the work as done."""
        self.on_over = None
        self.at = inf
        self.is_over = True

    def suspend(self) -> None:
        """Stop the time until `Deadlines.restart`."""
        self.at = inf


class Deadlines:
    """All deadlines of an event loop."""

    def __init__(self) -> None:
        # By their seconds: each queue is ordered by time. An entry is void if its time differs from
        # that of its deadline, which has ended, is suspended or was restarted.
        self._queues: dict[float, deque[tuple[float, Deadline]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.Handle | None = None
        self._timer_at = inf

    def start(self, seconds: float, on_over: Callable[[], object] | None = None) -> Deadline:
        """Call `on_over` after so many seconds, unless the work is done before."""
        deadline = Deadline(seconds, on_over)
        self.restart(deadline)
        return deadline

    def restart(self, deadline: Deadline) -> None:
        """Start the time of a deadline anew."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        deadline.at = at = loop.time() + deadline.seconds
        deadline.is_over = False
        queue = self._queues.get(deadline.seconds)
        if queue is None:
            queue = self._queues[deadline.seconds] = deque()
        while queue and queue[0][0] != queue[0][1].at:
            queue.popleft()
        queue.append((at, deadline))
        if at < self._timer_at:
            self._wake_at(at, loop)

    def close(self) -> None:
        """Remove all deadlines."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, inf
        self._queues.clear()

    def _wake_at(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at, self._expire, loop)
        self._timer_at = at

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._timer_at = None, inf
        now = loop.time()
        due: list[tuple[float, Deadline]] = []
        for queue in self._queues.values():
            while queue and (queue[0][0] <= now or queue[0][0] != queue[0][1].at):
                due.append(queue.popleft())
        try:
            for at, deadline in sorted(due, key=itemgetter(0)):
                if at == deadline.at:
                    deadline.at = inf
                    deadline.is_over = True
                    if deadline.on_over is not None:
                        deadline.on_over()
        finally:
            self._queues = {seconds: queue for seconds, queue in self._queues.items() if queue}
            first = min((queue[0][0] for queue in self._queues.values()), default=inf)
            if first < self._timer_at:
                self._wake_at(first, loop)
