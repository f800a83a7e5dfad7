"""The two clocks of the program, passed explicitly so that tests can control time."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """`wall` returns Unix seconds, for people; `monotonic` measures and never steps."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
