"""Snapshots go in; the status page for people comes out."""

from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.errors import PollError
from exporter.targets import Targets, Tracked

_TEMPLATE = Environment(
    loader=PackageLoader("exporter.web"), autoescape=True, undefined=StrictUndefined
).get_template("status.html")


# More would hold the event loop while they are written; what is down comes first.
_MOST_ROWS = 500


def status_page(targets: Targets, telemetry_path: str) -> str:
    """Render the page: what is up, what is down and why."""
    targets.snapshots()  # What has become too old is down from now on.
    rows = sorted((_row(tracked) for tracked in targets), key=lambda row: row["state"])
    return _TEMPLATE.render(
        rows=rows[:_MOST_ROWS],
        hidden=max(0, len(rows) - _MOST_ROWS),
        up=sum(row["state"] == "up" for row in rows),
        down=sum(row["state"] == "down" for row in rows),
        waiting=sum(row["state"] == "waiting" for row in rows),
        telemetry_path=telemetry_path,
        version=__version__,
    )


def _row(tracked: Tracked) -> dict[str, str]:
    target, snapshot = tracked.target, tracked.snapshot
    row = {
        "name": target.name,
        "system": target.system.title,
        "state": "waiting",
        "ended": "",
        "took": "",
        "why": "not polled yet",
    }
    if snapshot is None:
        return row
    outcome = snapshot.poll.outcome
    row["state"] = "up" if snapshot.up else "down"
    row["ended"] = f"{datetime.fromtimestamp(snapshot.poll.ended, UTC):%Y-%m-%d %H:%M:%S}"
    row["took"] = f"{snapshot.poll.duration * 1000:.0f} ms"
    if isinstance(outcome, PollError):
        row["why"] = f"{outcome.reason}: {outcome.detail}. {outcome.reason.meaning}"
    else:
        row["why"] = "; ".join(f"{one.metric}: {one.message}" for one in outcome.faults)
    return row
