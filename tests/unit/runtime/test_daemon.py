"""Threads that the end of the program does not wait for."""

import asyncio
import threading
from contextlib import suppress

import pytest

from exporter.runtime.daemon import in_daemon_thread


async def test_a_result_or_an_exception_comes_back() -> None:
    def fail() -> None:
        raise ValueError("why")

    assert await in_daemon_thread(lambda: 7) == 7
    with pytest.raises(ValueError, match="why"):
        await in_daemon_thread(fail)


def test_a_function_that_never_returns_does_not_hold_the_end() -> None:
    released = threading.Event()
    # Were the end to wait, this would let the test fail instead of hang.
    rescue = threading.Timer(20.0, released.set)
    rescue.start()

    async def main() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(in_daemon_thread(released.wait), 0.05)

    asyncio.run(main())
    held = released.is_set()
    rescue.cancel()
    released.set()

    assert not held


def test_a_function_that_returns_after_the_end_is_no_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released, faults = threading.Event(), list[object]()
    monkeypatch.setattr(threading, "excepthook", faults.append)

    async def main() -> set[threading.Thread]:
        before = {*threading.enumerate()}
        with suppress(TimeoutError):
            await asyncio.wait_for(in_daemon_thread(released.wait), 0.05)
        return {*threading.enumerate()} - before

    started = asyncio.run(main())
    released.set()
    for thread in started:
        thread.join(20.0)

    assert faults == []
