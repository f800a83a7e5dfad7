"""The two clocks, as something that can be handed over: tests have theirs."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """`wall` is Unix seconds, for people; `monotonic` is for measuring and never steps."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
