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
from exporter.readers import printable
from exporter.settings import Target

_log = logging.getLogger(__name__)

# What fits a line of a page or a log; a vendor's own message may be a megabyte.
_LONGEST_DETAIL = 300
_LONGEST_READ = 10 * _LONGEST_DETAIL


async def poll(
    target: Target, requests: tuple[Request, ...], connections: Connections, clock: Clock
) -> Poll:
    """Poll the target once."""
    began = clock.monotonic()
    outcome: Reading | PollError
    try:
        async with asyncio.timeout(target.timeout):
            outcome = await _read(target, requests, connections)
    except TimeoutError:
        outcome = PollError(Reason.TIMEOUT, f"no whole answer within {target.timeout:g}s")
    except PollError as error:
        outcome = PollError(error.reason, _told(error.detail, target))
    except Exception:  # noqa: BLE001 - the one place where a mistake of ours stops at one target
        trace = scrub(traceback.format_exc(), target.client)
        _log.error("poll crashed", extra={"facts": {"target": target.name, "traceback": trace}})
        outcome = PollError(Reason.INTERNAL, "a fault of the exporter, see its log")
    ended = clock.monotonic()
    return Poll(outcome, ended - began, clock.wall(), ended)


async def _read(target: Target, requests: tuple[Request, ...], connections: Connections) -> Reading:
    connection = connections.of(target)
    secrets = credentials(target.client)
    samples: tuple[Sample, ...] = ()
    faults: tuple[Fault, ...] = ()
    for request in requests:
        answer = await connection.fetch(request, secrets)
        tree = parse(answer, request.endpoint)
        reading = extract(tree, request.endpoint, target.params, answer.middle)
        samples += reading.samples
        faults += reading.faults
    return Reading(samples, tuple(Fault(one.metric, _told(one.message, target)) for one in faults))


def _told(message: str, target: Target) -> str:
    """Make a message that a vendor had a hand in fit to be shown: the secrets go before the cut."""
    return printable(scrub(message[:_LONGEST_READ], target.client))[:_LONGEST_DETAIL]
