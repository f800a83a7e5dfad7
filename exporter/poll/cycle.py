"""Runs the stages for one target once, under one deadline; an outcome comes out, never an error."""

import asyncio
import logging
import traceback

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.extract import Fault, Reading, Sample, extract
from exporter.poll.fetch import Connections
from exporter.poll.parse import parse
from exporter.poll.request import Request, credentials, scrub
from exporter.poll.snapshot import Poll
from exporter.poll.untaken import untaken
from exporter.readers import printable
from exporter.settings import Target

_log = logging.getLogger(__name__)

# What fits a line of a page or a log; a vendor's own message may be a megabyte.
_LONGEST_DETAIL = 300
_LONGEST_READ = 10 * _LONGEST_DETAIL


class _Deadline:
    """Cancels the task that made it once its time is over: asyncio.timeout at a third of its cost."""

    __slots__ = ("_handle", "_task", "passed")

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._task = asyncio.current_task()
        self._handle = asyncio.get_running_loop().call_later(seconds, self._pass)

    def _pass(self) -> None:
        self.passed = True
        if self._task:
            self._task.cancel()

    def end(self) -> None:
        self._handle.cancel()

    def is_cause(self) -> bool:
        """Say whether a cancellation was this one's alone, and take it back."""
        return self.passed and self._task is not None and self._task.uncancel() <= 0


async def poll(
    target: Target,
    requests: tuple[Request, ...],
    connections: Connections,
    clock: Clock,
    *,
    look: bool = False,
) -> Poll:
    """Poll the target once; `look` at what no field takes as well."""
    began = clock.monotonic()
    deadline = _Deadline(target.timeout)
    outcome: Reading | PollError
    try:
        outcome = await _read(target, requests, connections, look=look)
    except asyncio.CancelledError:
        if not deadline.is_cause():
            raise
        outcome = PollError(Reason.TIMEOUT, f"no whole answer within {target.timeout:g}s")
    except PollError as error:
        outcome = PollError(error.reason, _told(error.detail, target), error.retry_after)
    except Exception:  # noqa: BLE001 - the one place where a mistake of ours stops at one target
        trace = scrub(traceback.format_exc(), target.client)
        facts = {"target": target.name, "traceback": trace}
        _log.error("poll crashed", extra={"facts": facts})
        outcome = PollError(Reason.INTERNAL, "a fault of the exporter, see its log")
    finally:
        deadline.end()
    ended = clock.monotonic()
    return Poll(outcome, ended - began, clock.wall(), ended)


async def _read(
    target: Target, requests: tuple[Request, ...], connections: Connections, *, look: bool
) -> Reading:
    fetcher = connections.of(target)
    secrets = credentials(target.client)
    samples: tuple[Sample, ...] = ()
    faults: tuple[Fault, ...] = ()
    items = 0
    new = 0 if look else None
    for request in requests:
        answer = await fetcher.fetch(request, secrets)
        tree = parse(answer, request.endpoint)
        reading = extract(tree, request.endpoint, target.params, answer.middle)
        samples += reading.samples
        faults += reading.faults
        items += reading.dropped_items
        if new is not None:
            new += len(untaken(tree, request.endpoint))
    told = tuple(Fault(one.metric, _told(one.message, target)) for one in faults)
    more = max(0, len(samples) - target.max_series)
    return Reading(samples[: target.max_series], told, items, more, new)


def _told(message: str, target: Target) -> str:
    """Make a message that a vendor had a hand in fit to be shown: the secrets go before the cut."""
    return printable(scrub(message[:_LONGEST_READ], target.client))[:_LONGEST_DETAIL]
