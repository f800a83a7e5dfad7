"""Targets go in; the pages for people come out: all of them in a table, and one by itself."""

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.duration import duration_text
from exporter.runtime.schedule import Schedule
from exporter.runtime.targets import Targets
from exporter.runtime.tracked import Tracked
from exporter.web.choice import Choice
from exporter.web.view import STATES, metrics_of, view_of

ROWS_A_PAGE = 100
"""What a page shows at once: one of ten thousand rows would be of no use to anyone."""

# The chart of recent polls: a bar each.
_BAR_WIDTH, _BAR_HEIGHT, _LEAST_BAR = 8, 48, 3


def _ago(seconds: float) -> str:
    """Write a time that has passed as people say it."""
    if seconds < 1:
        return "now"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _due(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return "now" if seconds < 1 else f"in {seconds:.0f} s"


_ENVIRONMENT = Environment(
    loader=PackageLoader("exporter.web"), autoescape=True, undefined=StrictUndefined
)
_ENVIRONMENT.filters |= {
    "moment": _moment,
    "milliseconds": _milliseconds,
    "due": _due,
    "duration": duration_text,
}
_TABLE = _ENVIRONMENT.get_template("status.html")
_TARGET = _ENVIRONMENT.get_template("target.html")


def status_page(
    targets: Targets, schedule: Schedule | None, choice: Choice, telemetry_path: str
) -> str:
    """Render the table: what is down and why, what is up."""
    chosen = choice.of(targets)
    now = time.time()
    rows = [view_of(tracked, schedule) for tracked in chosen.shown]
    return _TABLE.render(
        rows=[(row, _ago(now - row.polled) if row.polled else "") for row in rows],
        counts=[
            (state, chosen.counts.get(state, 0)) for state in ("up", "down", "waiting", "on probe")
        ],
        all=len(targets),
        number=chosen.number,
        choice=choice,
        states=STATES,
        systems=sorted(targets.systems),
        earlier=_link(choice, choice.offset - choice.limit) if choice.offset else "",
        later=_link(choice, choice.offset + choice.limit)
        if choice.limit and choice.offset + choice.limit < chosen.number
        else "",
        telemetry_path=telemetry_path,
        version=__version__,
    )


def target_page(tracked: Tracked, schedule: Schedule | None, telemetry_path: str) -> str:
    """Render one target: what it shows, beside the vendor's names, and how its polls went."""
    target = tracked.target
    view = view_of(tracked, schedule)
    return _TARGET.render(
        view=view,
        ago=_ago(time.time() - view.polled) if view.polled else "",
        target=target,
        bars=list(_bars(tracked)),
        longest=_milliseconds(max([abs(one) for one in tracked.recent], default=0.0)),
        chart_width=max(1, len(tracked.recent)) * _BAR_WIDTH,
        chart_height=_BAR_HEIGHT,
        metrics=list(metrics_of(tracked)),
        telemetry_path=telemetry_path,
        version=__version__,
    )


def _link(choice: Choice, offset: int) -> str:
    given: Mapping[str, object] = {
        "state": choice.state,
        "system": choice.system,
        "search": choice.search,
        "limit": choice.limit if choice.limit < ROWS_A_PAGE else None,
        "offset": max(0, offset),
    }
    return "/?" + urlencode({name: value for name, value in given.items() if value})


def _bars(tracked: Tracked) -> "list[tuple[int, int, int, bool, str]]":
    """Return the bars of the chart: place, top, height, whether it worked, and what it says."""
    most = max([abs(one) for one in tracked.recent], default=0.0) or 1.0
    bars = []
    for number, seconds in enumerate(tracked.recent):
        worked = not math.copysign(1, seconds) < 0
        height = max(_LEAST_BAR, round(abs(seconds) / most * _BAR_HEIGHT))
        said = f"{'worked' if worked else 'failed'} after {_milliseconds(abs(seconds))}"
        bars.append((number * _BAR_WIDTH, _BAR_HEIGHT - height, height, worked, said))
    return bars
