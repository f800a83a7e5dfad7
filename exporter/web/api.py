"""What the pages show of the targets, as JSON."""

import json
from collections.abc import Iterator
from dataclasses import fields

from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.web.choice import TargetQuery
from exporter.web.view import view_of

MOST_AT_ONCE = 1000
DEFAULT_LIMIT = 100

# A target costs some ten microseconds; a thousand in one go would hold up the polls.
_TARGETS_A_PIECE = 50


def list_targets(
    targets: Targets, schedule: Schedule | None, choice: TargetQuery
) -> Iterator[bytes]:
    """Yield the list, piece by piece; it is JSON once it is whole."""
    chosen, now = choice.of(targets), targets.clock.wall()
    head = {
        "total": chosen.number,
        "offset": choice.offset,
        "counts": {state: chosen.counts[state] for state in sorted(chosen.counts)},
    }
    yield json.dumps(head)[:-1].encode() + b', "targets": ['
    mark = ""
    for start in range(0, len(chosen.shown), _TARGETS_A_PIECE):
        piece = chosen.shown[start : start + _TARGETS_A_PIECE]
        rows = ",\n".join(json.dumps(_object(one, schedule, now)) for one in piece)
        yield f"{mark}\n{rows}".encode()
        mark = ","
    yield b"\n]}\n"


def _object(tracked: TargetState, schedule: Schedule | None, now: float) -> dict[str, object]:
    view = view_of(tracked, schedule, now)
    return {
        **{one.name: getattr(view, one.name) for one in fields(view)},
        "labels": dict(view.labels),
        "failures": dict(view.failures),
        "faults": [{"metric": metric, "why": why} for metric, why in view.faults],
    }
