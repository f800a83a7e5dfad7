"""A worker process of a Webitel engine: its users, its memory and its link to the console."""

from random import Random
from typing import Literal
from uuid import UUID

from exporter.simulator.heap import Heap
from exporter.simulator.pace import DAY, Wave, poisson

Console = Literal["Connected", "Offline", "Internal Error"]

MIB = 1 << 20
PAGE = 4096

FIRST_UPTIME = 3.6 * DAY

USERS = Wave(low=6.0, high=70.0)
# Users stay for an hour or so, and come within a minute at the start of work.
STAY_SECONDS = 3600.0
SETTLE_SECONDS = 60.0
DOMAINS = 12

IDLE_ALLOCATION = 20_000
USER_ALLOCATION = 6_000
# Code, buffers and stacks: what a Node process holds besides its heap.
OUTSIDE_HEAP = 34 * MIB

CONSOLE_COMMANDS = 0.08


class WebitelWorker:
    """One worker. Sizes are in bytes."""

    def __init__(self, random: Random, *, now: float, total_memory: int) -> None:
        self.console: Console = "Connected"
        self.sid = str(UUID(int=random.getrandbits(128), version=4))
        self.total_memory = total_memory
        self.free_memory = total_memory // 4
        self.pid = random.randint(11, 40)
        self.crash_count = 0
        self._random = random
        live = (20 * MIB, 90 * MIB)
        self.heap = Heap(random, initial=36 * MIB, maximum=256 * MIB, alignment=MIB // 4, live=live)
        self._start(now - FIRST_UPTIME)
        self.users_peak = round(USERS.high)

    def _start(self, now: float) -> None:
        self.started = now
        self.users = self.users_peak = self.sockets = 0
        self.api_queue = self.cmd_queue = 0
        self.heap.reset()

    def crash(self, now: float) -> None:
        """Die, and be replaced by the cluster's master."""
        self.crash_count += 1
        self.pid += self._random.randint(3, 40)
        self._start(now)

    def drop_queues(self) -> None:
        """Forget the unanswered commands, as a new connection to the console does."""
        self.api_queue = self.cmd_queue = 0

    @property
    def domains(self) -> int:
        """The domains with a user online; users are spread over them at random."""
        return min(self.users, round(DOMAINS * (1 - (1 - 1 / DOMAINS) ** self.users)))

    @property
    def resident(self) -> int:
        """The resident set: the heap and all other memory."""
        return self.heap.committed + OUTSIDE_HEAP

    def live(self, moment: float) -> None:
        """Pass a second."""
        if moment <= self.started:
            return
        wanted = USERS.at(moment)
        turnover, missing = wanted / STAY_SECONDS, (wanted - self.users) / SETTLE_SECONDS
        self.users += poisson(self._random, turnover + max(missing, 0.0))
        self.users -= min(self.users, poisson(self._random, turnover + max(-missing, 0.0)))
        self.users_peak = max(self.users_peak, self.users)
        # Some have the telephone and a browser tab connected.
        self.sockets = self.users + self._random.randint(self.users // 3, self.users // 2)
        self.heap.allocate(IDLE_ALLOCATION + self.users * USER_ALLOCATION)
        pages = self.total_memory // PAGE
        free = self.free_memory // PAGE + round(self._random.gauss(0, pages / 2000))
        self.free_memory = min(max(free, pages // 50), pages // 2) * PAGE
        if self.console == "Connected":
            self.drop_queues()
        # Without a console, the commands are kept until there is a new connection.
        self.api_queue += poisson(self._random, CONSOLE_COMMANDS)
        self.cmd_queue += poisson(self._random, CONSOLE_COMMANDS / 2)
