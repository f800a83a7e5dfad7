"""A Webitel worker process: its users, its memory and its link to the console."""

from random import Random
from typing import Literal
from uuid import UUID

from exporter.simulator.heap import Heap, HeapLimits
from exporter.simulator.pace import Step
from exporter.simulator.traffic import DAY, Wave, poisson

Console = Literal["Connected", "Offline", "Internal Error"]

MIB = 1 << 20
PAGE = 4096

FIRST_UPTIME = 3.6 * DAY

USERS = Wave(low=6.0, high=70.0)
# Somebody stays for an hour or so, and comes within a minute when it is time to work.
STAY_SECONDS = 3600.0
SETTLE_SECONDS = 60.0
DOMAINS = 12

HEAP = HeapLimits(
    initial=36 * MIB,
    maximum=256 * MIB,
    alignment=MIB // 4,
    live_low=20 * MIB,
    live_high=90 * MIB,
)
IDLE_ALLOCATION = 20_000
USER_ALLOCATION = 6_000
# Code, buffers and stacks: what a Node process holds besides its heap.
OUTSIDE_HEAP = 34 * MIB

CONSOLE_COMMANDS = 0.08


class WebitelWorker:
    """One worker; its owner sets `console`."""

    def __init__(self, random: Random, *, now: float, total_memory: int) -> None:
        self.console: Console = "Connected"
        self.sid = str(UUID(int=random.getrandbits(128), version=4))
        self.total_memory = total_memory
        self.free_memory = total_memory // 4
        self.pid = random.randint(11, 40)
        self.crash_count = 0
        self.started = now - FIRST_UPTIME
        self._random = random
        self._heap = Heap(HEAP, random)
        self._clear()

    def _clear(self) -> None:
        self.users = self.users_peak = self.sockets = 0
        self.api_queue = self.cmd_queue = 0
        self._buffers = 0
        self._heap.reset()

    def crash(self, now: float) -> None:
        """Let the cluster master put a new process in this one's place."""
        self.crash_count += 1
        self.pid += self._random.randint(3, 40)
        self.started = now
        self._clear()

    def drop_queues(self) -> None:
        """Forget what the console did not answer; a new connection begins with nothing."""
        self.api_queue = self.cmd_queue = 0

    @property
    def domains(self) -> int:
        """How many domains have somebody online; users spread over them as dice would."""
        return min(self.users, round(DOMAINS * (1 - (1 - 1 / DOMAINS) ** self.users)))

    @property
    def heap_total(self) -> int:
        """The committed heap in bytes."""
        return self._heap.committed

    @property
    def heap_used(self) -> int:
        """The used heap in bytes."""
        return self._heap.used

    @property
    def resident(self) -> int:
        """The resident set in bytes: the heap and what is beside it."""
        return self._heap.committed + OUTSIDE_HEAP + self._buffers

    def live(self, whole: Step) -> None:
        """Let users come and go, memory fill and the console be asked."""
        step = whole.since(self.started)
        if not step.seconds:
            return
        self._move_users(step)
        self.users_peak = max(self.users_peak, self.users)
        # Some have the telephone and a browser tab connected.
        self.sockets = self.users + self._random.randint(self.users // 3, self.users // 2)
        self._heap.allocate(step.seconds * (IDLE_ALLOCATION + self.users * USER_ALLOCATION))
        self._buffers = self._random.randrange(256) * PAGE
        self._move_free_memory()
        self._ask_console(step)

    def _move_users(self, step: Step) -> None:
        wanted = USERS.at(step.end)
        if step.leap:
            self.users = poisson(self._random, wanted)
            # Within a day the wave has been at its top.
            top = USERS.high if step.seconds > DAY else wanted
            self.users_peak = max(self.users_peak, poisson(self._random, top))
            return
        turnover = wanted / STAY_SECONDS
        missing = (wanted - self.users) / SETTLE_SECONDS
        came = poisson(self._random, (turnover + max(missing, 0.0)) * step.seconds)
        went = poisson(self._random, (turnover + max(-missing, 0.0)) * step.seconds)
        self.users = max(0, self.users + came - went)

    def _move_free_memory(self) -> None:
        pages = self.total_memory // PAGE
        free = self.free_memory // PAGE + round(self._random.gauss(0, pages / 2000))
        self.free_memory = min(max(free, pages // 50), pages // 2) * PAGE

    def _ask_console(self, step: Step) -> None:
        if self.console == "Connected":
            self.api_queue = poisson(self._random, CONSOLE_COMMANDS)
            self.cmd_queue = poisson(self._random, CONSOLE_COMMANDS / 2)
        else:
            # Nobody answers what is asked, and it is kept until there is a new connection.
            self.api_queue += poisson(self._random, CONSOLE_COMMANDS * step.seconds)
            self.cmd_queue += poisson(self._random, CONSOLE_COMMANDS / 2 * step.seconds)
