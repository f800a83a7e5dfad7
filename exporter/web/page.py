"""Snapshots go in; the status page for people comes out."""

from collections import Counter
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.errors import PollError
from exporter.targets import Targets, Tracked

_TEMPLATE = Environment(
    loader=PackageLoader("exporter.web"), autoescape=True, undefined=StrictUndefined
).get_template("status.html")


# What is down comes first.
_MOST_ROWS = 500


def status_page(targets: Targets, telemetry_path: str) -> str:
    """Render the page: what is up, what is down and why."""
    targets.age()  # What has become too old is down from now on.
    states = Counter(map(_state, targets))
    # Only what is shown is written out: it holds the event loop as long as it takes.
    rows = [_row(tracked) for tracked in sorted(targets, key=_state)[:_MOST_ROWS]]
    return _TEMPLATE.render(
        rows=rows,
        hidden=len(targets) - len(rows),
        up=states["up"],
        down=states["down"],
        waiting=states["waiting"],
        on_probe=sum(tracked.target.on_probe for tracked in targets),
        telemetry_path=telemetry_path,
        version=__version__,
    )


def _state(tracked: Tracked) -> str:
    if tracked.snapshot is None:
        return "on probe" if tracked.target.on_probe else "waiting"
    return "up" if tracked.snapshot.up else "down"


def _row(tracked: Tracked) -> dict[str, str]:
    target, snapshot = tracked.target, tracked.snapshot
    row = {
        "name": target.name,
        "system": target.system.name,
        "state": _state(tracked),
        "pace": ", on probe" if target.on_probe and snapshot else "",
        "ended": "",
        "took": "",
        "why": "not probed yet" if target.on_probe else "not polled yet",
    }
    if snapshot is None:
        return row
    outcome = snapshot.poll.outcome
    row["ended"] = f"{datetime.fromtimestamp(snapshot.poll.ended, UTC):%Y-%m-%d %H:%M:%S}"
    row["took"] = f"{snapshot.poll.duration * 1000:.0f} ms"
    if isinstance(outcome, PollError):
        row["why"] = f"{outcome.reason}: {outcome.detail}. {outcome.reason.meaning}"
    else:
        row["why"] = "; ".join(f"{one.metric}: {one.message}" for one in outcome.faults)
    return row
