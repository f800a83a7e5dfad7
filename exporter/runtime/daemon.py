"""Runs a function in a daemon thread, which does not delay the end of the program."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


async def in_daemon_thread(function: Callable[[], _T]) -> _T:
    """Return what the function returns, or raise what it raises.

    The threads of `asyncio.to_thread` are joined when the program ends: a file system that does not
    answer, or a list that takes a minute to read, would delay SIGTERM by as long.

    Raises:
        RuntimeError: The system allows no more threads now.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()
    arguments = (loop, done, function)
    threading.Thread(target=_run, args=arguments, daemon=True, name="files").start()
    try:
        return await done
    finally:
        # Otherwise the exception and this frame would refer to each other and keep the result alive.
        del done, arguments


def _run(
    loop: asyncio.AbstractEventLoop, done: "asyncio.Future[_T]", function: Callable[[], _T]
) -> None:
    outcome: _T | BaseException
    try:
        outcome = function()
    except BaseException as error:  # noqa: BLE001 - raised where the result is awaited
        outcome = error
    with suppress(RuntimeError):  # The loop is closed.
        loop.call_soon_threadsafe(_finish, done, outcome)
    del done, outcome


def _finish(done: "asyncio.Future[_T]", outcome: _T | BaseException) -> None:
    if done.done():  # Cancelled.
        return
    if isinstance(outcome, BaseException):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)
