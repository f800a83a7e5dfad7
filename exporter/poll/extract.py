"""A plain tree and the declared fields go in; samples come out, and a fault for each bad field.

A place that is missing or null gives no sample. A value that is there and cannot be read gives
no sample and one fault, and costs nothing else.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from exporter.errors import FieldError, PollError, Reason
from exporter.poll.pointer import make_getter
from exporter.poll.steps import (
    Fault,
    Gathering,
    Labels,
    Sample,
    Step,
    is_true,
    make_label,
)
from exporter.poll.structure import make_step
from exporter.readers import text
from exporter.spec import Endpoint

__all__ = ["Fault", "Labels", "Reading", "Sample", "extract"]

_log = logging.getLogger(__name__)

# Of a thousand items that are wrong in the same way, some are enough to tell.
_MOST_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one answer said."""

    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...]
    dropped_items: int = 0
    """Items of lists beyond what is taken of them."""
    dropped_series: int = 0
    """Samples beyond the target's `max_series`."""
    untaken: int | None = None
    """Values that no field takes, where it was looked at."""


def extract(tree: Any, endpoint: Endpoint, params: Mapping[str, str], middle: float) -> Reading:
    """Read every field of the endpoint; `middle` is the poll's time in Unix seconds.

    Raises:
        PollError: The vendor reports an error, or nothing declared stands in the answer.
    """
    if endpoint.refusal:
        _check_refusal(tree, endpoint)
    out = Gathering(params, middle)
    for name, step in _plan(endpoint):
        try:
            step(tree, out)
        except FieldError as error:
            out.found = True
            out.faults.append(Fault(name, str(error)))
        except Exception:  # noqa: BLE001 - see below
            # A reader must raise nothing but FieldError; where one does, the rest is still good.
            _log.exception("reader failed", extra={"facts": {"metric": name}})
            out.found = True
            out.faults.append(Fault(name, "the reader failed, see the log"))
    if not out.found:
        raise PollError(Reason.BAD_SHAPE, "none of the system's fields stand in the answer")
    return Reading(tuple(out.samples), tuple(out.faults[:_MOST_FAULTS]), out.dropped)


# A declaration of the user's own is another one after each reload that changes it.
@lru_cache(maxsize=1024)
def _plan(endpoint: Endpoint) -> tuple[tuple[str, Step], ...]:
    labels = (
        (label, make_label(label, paths, text, label)) for label, paths in endpoint.labels.items()
    )
    return (*labels, *((field.name, make_step(field)) for field in endpoint.fields))


def _check_refusal(tree: Any, endpoint: Endpoint) -> None:
    refusal = endpoint.refusal
    if refusal is None:
        return
    error = make_getter(refusal.error)(tree)
    success = make_getter(refusal.success)(tree)
    if is_true(error) or (success is not None and not is_true(success)):
        message = make_getter(refusal.message)(tree)
        told = message if isinstance(message, str) and message else "no reason"
        raise PollError(Reason.VENDOR_ERROR, f"the vendor reports an error: {told}")
