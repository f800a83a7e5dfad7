"""Carries out one order: shows it, asks for confirmation, sends it, waits, and logs an audit line."""

import asyncio
import logging
import os
import pwd
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from exporter.clock import Clock
from exporter.errors import ActionError, ExporterError, PollError, Reason, WriteEffect
from exporter.http.connections import Connections
from exporter.operate.operation import WRITE_SECONDS, Operation, Seen, state_text
from exporter.operate.order import Order

_log = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class Outcome(StrEnum):
    """The outcome of an order, as in the audit line."""

    CONFIRMED = "confirmed"
    UNCHANGED = "unchanged"
    """The state was set already; nothing was sent."""
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class SetOptions:
    """How to carry out orders; `settle` in seconds."""

    settle: float
    drained: bool
    asks: bool


def show(order: Order, now: Seen) -> None:
    """Print the current state, the wanted state, and the request."""
    print(f"{order.target.name}: {order.action.name}")
    print(f"  now     {state_text(now)}")
    print(f"  wanted  {order.summary}")
    filled = order.filled_request
    print(f"  sends   {filled.method} {order.url} {filled.body.decode()}".rstrip())
    print(f"  client  {order.client.name or 'none'}", flush=True)


def carry_out(
    order: Order,
    options: SetOptions,
    runner: asyncio.Runner,
    connections: Connections,
    clock: Clock,
) -> None:
    """Carry out one order.

    Raises:
        ExporterError: The order was not sent, was rejected, or was not confirmed.
    """
    name = order.target.name
    operation = Operation(order, connections, clock)
    before: Seen | None = None
    outcome = Outcome.INTERRUPTED
    try:
        before = _run(runner, operation.look())
        _check_readable(before)
        show(order, before)
        outcome = _see_through(operation, before, options, runner)
    except ActionError as error:
        outcome = Outcome.UNCONFIRMED
        if not error.may_have_changed:
            outcome = Outcome.REFUSED if operation.is_sent else Outcome.NOT_SENT
        raise ExporterError(f"{name}: {error}") from None
    except KeyboardInterrupt:
        changed = WriteEffect.MAYBE if operation.may_have_changed else WriteEffect.NOT
        print(f"\n{name}: interrupted; the server {changed}", file=sys.stderr)
        raise
    finally:
        _audit(order, before, outcome)
    if outcome is Outcome.DECLINED:
        raise ExporterError(f"{name}: nothing was sent; the server {WriteEffect.NOT}")


def _run(runner: asyncio.Runner, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run the coroutine; SIGTERM and SIGHUP interrupt it like Ctrl-C."""

    async def interruptible() -> _Result:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task  # noqa: S101 - a coroutine of a runner is a task
        for number in _ENDINGS:
            loop.add_signal_handler(number, task.cancel)
        try:
            return await work
        finally:
            for number in _ENDINGS:
                loop.remove_signal_handler(number)

    try:
        return runner.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _check_readable(seen: Seen) -> None:
    # A state that cannot be read cannot be confirmed. A 503 may mean that the server is switching.
    if isinstance(seen, PollError) and seen.reason is not Reason.HTTP_503:
        raise ActionError(
            f"not sent, as its state cannot be read: {seen.explanation}", WriteEffect.NOT
        )


def _check_same(shown: Seen, now: Seen) -> None:
    # Another operator may have set it while the question was open.
    if state_text(now) != state_text(shown):
        raise ActionError(
            f"not sent, as its state has changed from {state_text(shown)} to {state_text(now)}",
            WriteEffect.NOT,
        )


def _see_through(
    operation: Operation, before: Seen, options: SetOptions, runner: asyncio.Runner
) -> Outcome:
    order = operation.order
    name, action = order.target.name, order.action.name
    if operation.is_there(before):
        print(f"{name}: {action} is {order.summary} already; nothing was sent", flush=True)
        if options.drained and not operation.is_drained(before):
            _watch(operation, options, runner)
        return Outcome.UNCHANGED
    if options.asks:
        if not _confirm():
            return Outcome.DECLINED
        _check_same(before, _run(runner, operation.look()))
    try:
        _run(runner, operation.send(min(WRITE_SECONDS, options.settle)))
    except ActionError as error:
        if not error.lost:
            raise
        print(f"{name}: {error}; reading it", file=sys.stderr)
    _watch(operation, options, runner)
    print(f"{name}: {action} is {order.summary}", flush=True)
    return Outcome.CONFIRMED


def _confirm() -> bool:
    """Ask for confirmation; SIGTERM and SIGHUP interrupt this, too."""
    before = [(number, signal.signal(number, _interrupt)) for number in _ENDINGS]
    try:
        print("Send it? [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes"}
    except (OSError, UnicodeDecodeError):
        return False  # The terminal was closed, or the input is not text.
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _watch(operation: Operation, options: SetOptions, runner: asyncio.Runner) -> None:
    """Wait until the state is confirmed; show a progress bar on a terminal, else lines."""
    name = operation.order.target.name
    console = Console(stderr=True, highlight=False, markup=False)
    said = list[str]()
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    began = bar.get_time()

    with bar:
        task = bar.add_task(f"{name}: reading", total=options.settle)

        def tell(seen: Seen) -> None:
            line = f"{name}: {_progress(operation, seen, drained=options.drained)}"
            bar.update(task, description=line, completed=bar.get_time() - began)
            if not console.is_terminal and said[-1:] != [line]:
                print(line, file=sys.stderr)
                said.append(line)

        _run(runner, operation.watch(options.settle, tell, drained=options.drained))


def _progress(operation: Operation, seen: Seen, *, drained: bool) -> str:
    drain = operation.order.drain
    if isinstance(seen, PollError) or not operation.is_confirmed(seen):
        return f"not yet, {state_text(seen)}"
    if drained and drain and not operation.is_drained(seen):
        return f"shows {state_text(seen)}, {drain.help}: {_number(seen.undrained)}"
    return f"shows {state_text(seen)}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _audit(order: Order, before: Seen | None, outcome: Outcome) -> None:
    facts = {
        "user": _user(),
        "target": order.target.name,
        "action": order.action.name,
        "from": "unknown" if before is None else state_text(before),
        "to": order.summary,
        "outcome": outcome,
    }
    _log.info("action", extra={"facts": facts})


def _user() -> str:
    # Not from the environment, which the user can set.
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
