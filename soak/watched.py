"""The exporter's program, with a line of JSON on standard output now and then: what it holds.

`python -m soak.watched SECONDS ARGUMENT...`: the seconds between two lines, and the arguments of the
exporter.
"""

import asyncio
import gc
import json
import os
import sys
import threading
from functools import partial
from pathlib import Path

from bench.inside import serve_with

_PAGE = os.sysconf("SC_PAGE_SIZE")


def held() -> dict[str, int]:
    """Return what the process holds now."""
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    return {
        "resident": resident,
        "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - names are enough
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
        # The loop does not list its timers, but the garbage collector does.
        "timers": sum(type(one).__name__ == "TimerHandle" for one in gc.get_objects()),
    }


async def report(seconds: float) -> None:
    """Write what the process holds, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        sys.stdout.write(f"{json.dumps(held())}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve_with(partial(report, float(sys.argv[1])), sys.argv[2:])
