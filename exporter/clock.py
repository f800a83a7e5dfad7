"""The two clocks of the program, passed explicitly so that tests can control time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

# Unlike CLOCK_MONOTONIC it counts the time that the machine is suspended: a snapshot of before is
# too old afterwards, a token has expired, and every poll is due.
_SINCE_BOOT = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Clock:
    """`wall` returns Unix seconds, for people; `monotonic` measures and is never set."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = _SINCE_BOOT
