"""The pages for a browser: the list of targets, one target, and errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import attrgetter
from statistics import median

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import __version__
from exporter.errors import Reason
from exporter.pipeline.request import EndpointRequest
from exporter.runtime.schedule import Schedule
from exporter.runtime.target_state import TargetState
from exporter.runtime.targets import Targets
from exporter.settings import Client
from exporter.web import charts, units
from exporter.web.links import list_link, query_text, target_link
from exporter.web.target_page import TargetPage
from exporter.web.target_query import TargetQuery
from exporter.web.view import STATES, TargetView, metric_views, view_of

# The columns of the list: the sort key, the heading, whether it has numbers.
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
# The detail of these says more than the meaning of the reason.
_DETAILED_REASONS = frozenset(
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
    "sentence": lambda text: f"{text[:1].upper()}{text[1:].rstrip('.')}.",
}
_ENVIRONMENT.globals |= {
    "version": __version__,
    "list_link": list_link,
    "target_link": target_link,
    "spark": {
        "height": charts.SPARKLINE_HEIGHT,
        "polls_width": charts.SPARKLINE_POLLS * charts.SPARKLINE_BAR_WIDTH,
        "values_width": charts.VALUES_WIDTH,
    },
}
_LIST = _ENVIRONMENT.get_template("list.html")
_TARGET = _ENVIRONMENT.get_template("target.html")
_ERROR = _ENVIRONMENT.get_template("error.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ListRow:
    """One target of the list."""

    view: TargetView
    ago: str
    """How long ago its last poll was."""
    down_for: str
    polls: charts.PollSparkline

    @property
    def reason(self) -> str:
        return self.view.reason


def render_list(
    page: TargetPage,
    query: TargetQuery,
    targets: Targets,
    schedule: Schedule | None,
    telemetry_path: str,
) -> Iterator[str]:
    """Yield the list of targets in small pieces: the targets that are down and why, those that are up."""
    rows = (_list_row(tracked, schedule, page.now) for tracked in page.targets)
    is_grouped = query.sort_key == "reason"
    link, next_offset = partial(list_link, query), query.offset + query.limit
    return _LIST.generate(
        groups=_groups(rows) if is_grouped else [("", "", rows)],
        is_grouped=is_grouped,
        row_count=len(page.targets),
        columns=_COLUMNS,
        counts=[(one, page.states.get(one, 0)) for one in ("up", "down", "waiting", "on probe")],
        reasons=sorted(page.reasons.items(), key=lambda item: (-item[1], item[0])),
        target_count=len(targets),
        number=page.number,
        query=query,
        link=link,
        states=STATES,
        systems=sorted(targets.systems),
        previous=link(offset=max(0, query.offset - query.limit)) if query.offset else "",
        next=link(offset=next_offset) if query.limit and next_offset < page.number else "",
        telemetry_path=telemetry_path,
    )


def _groups(rows: Iterator[_ListRow]) -> Iterator[tuple[str, str, Iterator[_ListRow]]]:
    """Yield each failure reason with its meaning and its rows."""
    for reason, some in groupby(rows, attrgetter("reason")):
        yield reason, Reason(reason).meaning if reason else "", some


def render_target(
    tracked: TargetState, schedule: Schedule | None, telemetry_path: str, now: float
) -> Iterator[str]:
    """Yield the page of one target in small pieces: its values and its recent polls."""
    target, recent, snapshot = tracked.target, tracked.recent, tracked.snapshot
    view = view_of(tracked, schedule, now)
    seconds = [abs(one) for one in recent]
    return _TARGET.generate(
        view=view,
        ago=_ago(view, now),
        down_for=_down_for(view, now),
        meaning="" if view.reason in _DETAILED_REASONS else view.meaning,
        target=target,
        requests=[_request_text(one, target.client) for one in tracked.requests],
        bars=charts.poll_bars(recent, target.timeout),
        scale=charts.poll_scale(target.timeout),
        chart_width=charts.CHART_POLLS * charts.BAR_WIDTH,
        chart_height=charts.CHART_HEIGHT,
        median=units.duration_text(median(seconds)) if seconds else "",
        longest=units.duration_text(max(seconds, default=0.0)),
        metrics=metric_views(tracked, snapshot) if snapshot and snapshot.values else None,
        telemetry_path=telemetry_path,
    )


def render_error(message: str, telemetry_path: str) -> str:
    """Return a page that says what is wrong with a request, with a link to the list."""
    return _ERROR.render(message=message, telemetry_path=telemetry_path)


def _list_row(tracked: TargetState, schedule: Schedule | None, now: float) -> _ListRow:
    view = view_of(tracked, schedule, now)
    return _ListRow(
        view=view,
        ago=_ago(view, now),
        down_for=_down_for(view, now),
        polls=charts.poll_sparkline(tracked.recent, tracked.target.timeout),
    )


def _ago(view: TargetView, now: float) -> str:
    return units.ago_text(now - view.polled) if view.polled else ""


def _down_for(view: TargetView, now: float) -> str:
    since = view.down_since
    return "" if since is None else units.duration_text(max(0, round(now - since)))


def _request_text(request: EndpointRequest, client: Client) -> str:
    """Return the method and URL; values of the client's own query parameters may be secret."""
    names = query_text((name, "...") for name, _ in client.query_params)
    separator = "" if not names else "&" if "?" in request.url else "?"
    return f"{request.method} {request.url}{separator}{names}"
