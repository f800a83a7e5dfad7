"""Runs the exporter's program with another task on its event loop."""

import asyncio
import runpy
import sys
from collections.abc import Callable, Coroutine, Sequence

import uvloop


def serve_with(extra: Callable[[], Coroutine[None, None, None]], arguments: Sequence[str]) -> None:
    """Run the exporter with these arguments, and the coroutine beside it until it ends.

    Nothing of the exporter is imported here: its command line gets its event loop from uvloop.
    """
    make = uvloop.new_event_loop
    # The loop alone does not keep a task alive.
    tasks: list[asyncio.Task[None]] = []

    def new_event_loop() -> uvloop.Loop:
        loop = make()
        tasks.append(loop.create_task(extra()))
        return loop

    uvloop.new_event_loop = new_event_loop
    sys.argv[1:] = arguments
    runpy.run_module("exporter", run_name="__main__", alter_sys=True)
