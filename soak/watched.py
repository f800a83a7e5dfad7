"""The exporter as it is, with a line of JSON on standard output each second: what its process holds.

`python -m soak.watched CONFIG SECONDS`; the first line is the address it listens on.
"""

import asyncio
import gc
import json
import os
import sys
import threading
from pathlib import Path

import uvloop

from exporter import log
from exporter.clock import Clock
from exporter.config import load_file
from exporter.serve import running
from exporter.systems import SYSTEMS
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app

_PAGE = os.sysconf("SC_PAGE_SIZE")


def held() -> dict[str, int]:
    """Return what the process holds now."""
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    return {
        "resident": resident,
        "files": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - names are enough
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
        # The loop does not tell its timers, but the collector knows them.
        "timers": sum(type(one).__name__ == "TimerHandle" for one in gc.get_objects()),
    }


async def main(config: Path, seconds: float) -> None:
    """Run until the process is ended."""
    log.set_up("info", "json")
    async with (
        running(load_file(config, SYSTEMS), Clock()) as (targets, telemetry),
        listening(make_app(targets, telemetry, "/metrics"), ["127.0.0.1:0"]) as (address,),
    ):
        _say(address)
        while True:
            await asyncio.sleep(seconds)
            _say(json.dumps(held()))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1]), float(sys.argv[2])))
