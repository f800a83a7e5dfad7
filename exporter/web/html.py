"""The pages for people: all targets in a table, each by itself, and what was not found."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from operator import attrgetter
from statistics import median
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__, duration
from exporter.errors import Reason
from exporter.pipeline.request import EndpointRequest
from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.settings import Client
from exporter.web import charts, units
from exporter.web.choice import DEFAULT_SORT, TargetQuery
from exporter.web.view import STATES, TargetView, metrics_of, view_of

ROWS_A_PAGE = 100
"""Rows of one page: ten thousand would be of no use to a reader."""

# The columns of the table: what each is sorted by, its heading, whether it holds numbers.
_COLUMNS = (
    ("state", "State", False),
    ("name", "Target", False),
    ("system", "System", False),
    ("mode", "Mode", False),
    ("availability", "Up", True),
    ("", "Recent polls", False),
    ("polled", "Last poll", True),
    ("duration", "Took", True),
    ("", "Next", True),
    ("reason", "What is wrong", False),
)
# Their detail says all that their meaning says.
_PLAIN_REASONS = frozenset(
    {
        Reason.TIMEOUT,
        Reason.CONNECT,
        Reason.TLS,
        Reason.BAD_HTTP,
        Reason.TOO_LARGE,
        Reason.BAD_JSON,
        Reason.BAD_XML,
        Reason.INTERNAL,
    }
)

_ENVIRONMENT = Environment(
    loader=PackageLoader("exporter.web"), autoescape=True, undefined=StrictUndefined
)
_ENVIRONMENT.filters |= {
    "moment": units.moment_text,
    "iso": units.iso_text,
    "seconds": units.duration_text,
    "due": units.due_text,
    "share": units.share_text,
    "duration": duration.duration_text,
    "plain": lambda text: text.replace("`", ""),
}
_ENVIRONMENT.globals |= {
    "version": __version__,
    "spark": {
        "height": charts.SPARKLINE_HEIGHT,
        "polls_width": charts.SPARKLINE_POLLS * charts.SPARKLINE_BAR,
        "values_width": charts.VALUES_WIDTH,
    },
}
_TABLE = _ENVIRONMENT.get_template("status.html")
_TARGET = _ENVIRONMENT.get_template("target.html")
_ERROR = _ENVIRONMENT.get_template("error.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class _TableRow:
    """One target of the table."""

    view: TargetView
    ago: str
    """How long ago its last poll was."""
    down_for: str
    polls: charts.PollSparkline

    @property
    def reason(self) -> str:
        return self.view.reason


def status_page(
    targets: Targets, schedule: Schedule | None, choice: TargetQuery, telemetry_path: str
) -> str:
    """Render the table: what is down and why, what is up."""
    chosen, now = choice.of(targets), targets.clock.wall()
    rows = [_row(tracked, schedule, now) for tracked in chosen.shown]
    after = choice.offset + choice.limit
    return _TABLE.render(
        groups=[(reason, list(some)) for reason, some in groupby(rows, attrgetter("reason"))]
        if choice.is_grouped
        else [("", rows)],
        rows=rows,
        columns=_COLUMNS,
        counts=[
            (state, chosen.counts.get(state, 0)) for state in ("up", "down", "waiting", "on probe")
        ],
        reasons=sorted(chosen.reasons.items(), key=lambda one: (-one[1], one[0])),
        all=len(targets),
        number=chosen.number,
        choice=choice,
        link=partial(_link, choice),
        states=STATES,
        systems=sorted(targets.systems),
        earlier=_link(choice, offset=max(0, choice.offset - choice.limit)) if choice.offset else "",
        later=_link(choice, offset=after) if choice.limit and after < chosen.number else "",
        telemetry_path=telemetry_path,
    )


def target_page(
    tracked: TargetState, schedule: Schedule | None, telemetry_path: str, now: float
) -> str:
    """Render one target: its values beside the vendor's names, and its recent polls."""
    target, recent = tracked.target, tracked.recent
    view = view_of(tracked, schedule, now)
    seconds = [abs(one) for one in recent]
    metrics = list(metrics_of(tracked))
    return _TARGET.render(
        view=view,
        ago=units.ago_text(now - view.polled) if view.polled else "",
        down_for=_down_for(view, now),
        meaning="" if view.reason in _PLAIN_REASONS else view.meaning,
        target=target,
        requests=[_request_text(one, target.client) for one in tracked.requests],
        bars=charts.poll_bars(recent, target.timeout),
        scale=charts.poll_scale(target.timeout),
        chart_width=charts.CHART_POLLS * charts.BAR_WIDTH,
        chart_height=charts.CHART_HEIGHT,
        median=units.duration_text(median(seconds)) if seconds else "",
        longest=units.duration_text(max(seconds, default=0.0)),
        metrics=metrics,
        has_trends=any(series.trend for one in metrics for series in one.series),
        telemetry_path=telemetry_path,
    )


def error_page(message: str, telemetry_path: str) -> str:
    """Render what is wrong with a request, with a way back."""
    return _ERROR.render(message=message, telemetry_path=telemetry_path)


def _row(tracked: TargetState, schedule: Schedule | None, now: float) -> _TableRow:
    view = view_of(tracked, schedule, now)
    return _TableRow(
        view=view,
        ago=units.ago_text(now - view.polled) if view.polled else "",
        down_for=_down_for(view, now),
        polls=charts.poll_sparkline(tracked.recent, tracked.target.timeout),
    )


def _down_for(view: TargetView, now: float) -> str:
    since = view.down_since
    return "" if since is None else units.duration_text(max(0, round(now - since)))


def _request_text(request: EndpointRequest, client: Client) -> str:
    """Return the method and URL; of the client's own query parameters, which may be secret, the names."""
    names = "&".join(f"{quote(name)}=..." for name, _ in client.query_params)
    mark = "" if not names else "&" if "?" in request.url else "?"
    return f"{request.method} {request.url}{mark}{names}"


def _link(choice: TargetQuery, **changes: Any) -> str:
    """Return the path of the table with the choice changed, from its first row on."""
    query = urlencode(list(_query(choice, changes)))
    return f"/?{query}" if query else "/"


def _query(choice: TargetQuery, changes: dict[str, Any]) -> Iterator[tuple[str, object]]:
    wanted = replace(choice, **{"offset": 0} | changes)
    for name in ("state", "system", "reason", "search"):
        if value := getattr(wanted, name):
            yield name, value
    for name, text in wanted.labels:
        yield "label", f"{name}={text}"
    if wanted.sort != DEFAULT_SORT:
        yield "sort", wanted.sort
    if 0 < wanted.limit < ROWS_A_PAGE:
        yield "limit", wanted.limit
    if wanted.offset:
        yield "offset", wanted.offset
