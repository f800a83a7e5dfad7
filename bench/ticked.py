"""The exporter with a clock on its event loop: `python -m bench.ticked PORT ARGUMENT...`.

A request to PORT returns how long the event loop was held since the request before, as JSON.
"""

import asyncio
import json
import sys
import time
from array import array
from collections.abc import Sequence
from functools import partial

from bench.inside import serve_with

_TICK = 0.002


class Ticker:
    """Wakes up every 2 ms and keeps how much later than that it did."""

    def __init__(self) -> None:
        self._holds = array("d")

    async def run(self, port: int) -> None:
        """Tick, and answer requests, until cancelled."""
        async with await asyncio.start_server(self._answer, "127.0.0.1", port):
            last = time.perf_counter()
            while True:
                await asyncio.sleep(_TICK)
                now = time.perf_counter()
                self._holds.append(max(0.0, now - last - _TICK))
                last = now

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        holds, self._holds = self._holds, array("d")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n%b" % json.dumps(_longest(holds)).encode())
        await writer.drain()
        writer.close()


def _longest(holds: Sequence[float]) -> dict[str, float]:
    """Return the percentiles of the holds in milliseconds."""
    if not holds:
        return {"max": 0.0, "p999": 0.0, "p99": 0.0}
    ordered = sorted(holds)
    return {
        "max": ordered[-1] * 1000,
        "p999": ordered[int(len(ordered) * 0.999)] * 1000,
        "p99": ordered[int(len(ordered) * 0.99)] * 1000,
    }


if __name__ == "__main__":
    serve_with(partial(Ticker().run, int(sys.argv[1])), sys.argv[2:])
