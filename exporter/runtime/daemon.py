"""Runs a function in a daemon thread, which does not delay the end of the program."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


async def in_daemon_thread(function: Callable[[], _T]) -> _T:
    """Return what the function returns, or raise what it raises.

    The threads of `asyncio.to_thread` are joined when the program ends: a file system that does not
    answer, or a list that takes a minute to read, would delay SIGTERM by as long.

    Raises:
        RuntimeError: The system allows no more threads now.
    """
    done: Future[_T] = Future()
    done.set_running_or_notify_cancel()  # Else a result after a cancellation would be an error.
    threading.Thread(target=_run, args=(done, function), daemon=True, name="files").start()
    try:
        return await asyncio.wrap_future(done)
    finally:
        # Otherwise the exception and this frame would refer to each other and keep the result alive.
        del done


def _run(done: Future[_T], function: Callable[[], _T]) -> None:
    try:
        done.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
        done.set_exception(error)
    del done  # As above.
