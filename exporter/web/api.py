"""The list of targets as JSON."""

import json
from collections.abc import Iterator
from dataclasses import fields

from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import TargetState
from exporter.web.target_page import TargetPage
from exporter.web.view import view_of

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000

# A target takes some 15 microseconds; a thousand at once would delay polls.
_TARGETS_PER_CHUNK = 50


def render_json(page: TargetPage, schedule: Schedule | None, offset: int) -> Iterator[bytes]:
    """Yield the chunks of one JSON document: the page of targets, which begins at `offset`."""
    head = {
        "total": page.number,
        "offset": offset,
        "counts": {state: page.states[state] for state in sorted(page.states)},
    }
    yield json.dumps(head)[:-1].encode() + b', "targets": ['
    separator = ""
    for start in range(0, len(page.targets), _TARGETS_PER_CHUNK):
        some = page.targets[start : start + _TARGETS_PER_CHUNK]
        rows = ",\n".join(json.dumps(_target_object(one, schedule, page.now)) for one in some)
        yield f"{separator}\n{rows}".encode()
        separator = ","
    yield b"\n]}\n"


def _target_object(
    tracked: TargetState, schedule: Schedule | None, now: float
) -> dict[str, object]:
    view = view_of(tracked, schedule, now)
    return {
        **{field.name: getattr(view, field.name) for field in fields(view)},
        "labels": dict(view.labels),
        "failures": dict(view.failures),
        "faults": [{"metric": metric, "why": why} for metric, why in view.faults],
    }
