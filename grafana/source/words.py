"""The words that dashboards are declared in.

In a query these are replaced by matchers: `@target` by those of the chosen targets, `@exporter` by
those of the chosen exporters, `@job` by that of their jobs, and `@place` by those of the chosen
profiles and locations of game servers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass

_JOB = 'job=~"$job"'
_EXPORTER = f'{_JOB},instance=~"$instance"'
_MATCHERS = {
    "@target": f'{_EXPORTER},target=~"$target"',
    "@exporter": _EXPORTER,
    "@job": _JOB,
    "@place": 'profileid=~"$profileid",locationid=~"$locationid"',
}

# One meaning a colour, on every dashboard. Locked or suspended on purpose is maintenance too.
GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
MAINTENANCE, SUSPENDED, IN_USE, GREY = "blue", "light-blue", "purple", "text"

WHOLE = 24
"""The columns of Grafana's grid."""

BY_TARGET = "job, instance, target"
ON = f"on ({BY_TARGET})"


def average(expr: str) -> str:
    """Return the average over the time shown, which is the same at each point of it."""
    return f"avg_over_time(({expr})[$__range:$__interval] @ end())"


def chosen(rank: str, *, by: str = BY_TARGET, lowest: bool = False) -> str:
    """Keep the series that rank highest, or lowest.

    They are chosen once. Chosen at each point, they would be other series at each.
    """
    return f"and on ({by}) {'bottomk' if lowest else 'topk'}($top, {rank})"


def top(expr: str, *, by: str = BY_TARGET, lowest: bool = False) -> str:
    """Keep the series that are highest, or lowest, on average over the time shown."""
    return f"({expr}) {chosen(average(expr), by=by, lowest=lowest)}"


def top_of(left: str, operator: str, right: str, *, lowest: bool = False) -> str:
    """Do the same for a difference or ratio, which is computed for the chosen alone."""
    rank = f"{average(left)} {operator} {average(right)}"
    return f"({left} {chosen(rank, lowest=lowest)}) {operator} {right}"


@dataclass(frozen=True)
class Query:
    """One PromQL query; its legend names the series by their labels."""

    expr: str
    legend: str = "{{target}}"
    _: KW_ONLY
    is_instant: bool = False
    is_dashed: bool = False
    """Whether it is a limit or a peak, not a measured value."""

    @property
    def promql(self) -> str:
        """The query as Grafana gets it."""
        text = self.expr
        for word, matchers in _MATCHERS.items():
            text = text.replace(word, matchers)
        return text


@dataclass(frozen=True)
class Step:
    """From this value on, a colour."""

    value: float
    color: str


@dataclass(frozen=True)
class Word:
    """What a value or series is called, and its colour."""

    value: int | str
    text: str
    color: str


@dataclass(frozen=True)
class Column:
    """A column of a table: a label, or the value of the query of that letter."""

    source: str
    title: str
    unit: str = "none"
    _: KW_ONLY
    steps: tuple[Step, ...] = ()
    words: tuple[Word, ...] = ()
    width: int = 0
    links: tuple[tuple[str, str], ...] = ()
    """Title and URL of each."""
    is_hidden: bool = False
    """Whether it is there only for the links of others."""

    @property
    def field(self) -> str:
        """The name that Grafana gives the field."""
        return f"Value #{self.source}" if self.source.isupper() else self.source


@dataclass(frozen=True)
class Panel:
    """What is shown, and what it means."""

    title: str
    asked: str | tuple[str | Query, ...]
    description: str
    _: KW_ONLY
    width: int = 0
    """In columns of the grid; 0 shares what others leave."""
    unit: str = "short"
    steps: tuple[Step, ...] = ()
    words: tuple[Word, ...] = ()
    empty: str = "not polled at this time"
    """The text where a query finds nothing."""

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries, lettered from A on."""
        asked = (self.asked,) if isinstance(self.asked, str) else self.asked
        return tuple(Query(one) if isinstance(one, str) else one for one in asked)


@dataclass(frozen=True)
class Stat(Panel):
    """One figure, as it is now."""

    _: KW_ONLY
    unit: str = "locale"
    empty: str = "not polled"
    base: str = GREEN
    """The colour below the first step."""
    decimals: int | None = None
    has_trend: bool = False
    """Whether a line over the time shown is behind the figure."""
    trend: str = ""
    """The query for it, where that of the figure would take too long at each point."""

    @property
    def queries(self) -> tuple[Query, ...]:
        """The instant query, after the one of the trend.

        The last point of a range is up to a step old, and older where a series ended. So the value
        of now is appended. It is no number where nothing is polled: a figure without any value
        would be green.
        """
        (query,) = super().queries
        now = Query(f"({query.expr}) or vector(NaN)", "", is_instant=True)
        return (Query(self.trend or query.expr, ""), now) if self.has_trend else (now,)


@dataclass(frozen=True)
class Lines(Panel):
    """A graph over time."""

    _: KW_ONLY
    highest: float | None = None
    is_stacked: bool = False


@dataclass(frozen=True)
class Timeline(Panel):
    """Bars that change their colour with the state."""


@dataclass(frozen=True)
class Table(Panel):
    """A table of what is now."""

    _: KW_ONLY
    columns: tuple[Column, ...]
    sort_by: str
    descending: bool = False

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries, which are all instant."""
        return tuple(Query(query.expr, "", is_instant=True) for query in super().queries)


@dataclass(frozen=True)
class Row:
    """Panels side by side, equally high and together as wide as the grid."""

    height: int
    panels: tuple[Panel, ...]

    def widths(self) -> Iterator[int]:
        """Yield the width of each panel."""
        free = WHOLE - sum(panel.width for panel in self.panels)
        sharing = [panel for panel in self.panels if not panel.width]
        yield from (panel.width or free // len(sharing) for panel in self.panels)


@dataclass(frozen=True)
class Section:
    """Rows under one heading."""

    title: str
    rows: tuple[Row, ...]


def section(title: str, *rows: Row) -> Section:
    """Put rows under a heading."""
    return Section(title, rows)


def row(*panels: Panel, height: int = 9) -> Row:
    """Put panels side by side."""
    return Row(height, panels)


def figures(*panels: Stat) -> Sequence[Row]:
    """Put figures into rows of four, so that their titles are whole on a screen of 1366 pixels."""
    return [Row(5, panels[at : at + 4]) for at in range(0, len(panels), 4)]


@dataclass(frozen=True)
class Variable:
    """A choice of label values, by a query for them."""

    name: str
    label: str
    query: str
    all_value: str = ".+"


@dataclass(frozen=True)
class Mark:
    """An annotation: a line across the graphs wherever the query finds something."""

    name: str
    expr: str
    text: str
    color: str
    is_shown: bool = True

    @property
    def promql(self) -> str:
        """The query as Grafana gets it."""
        return Query(self.expr).promql


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard. `name` is that of its file, and the end of its uid."""

    name: str
    title: str
    description: str
    sections: tuple[Section, ...]
    systems: str = ""
    """Regular expression of the systems whose targets it shows; empty for all."""
    alerts: str = ""
    """Regular expression of what the names of its alerts begin with."""
    variables: tuple[Variable, ...] = ()
    marks: tuple[Mark, ...] = ()
    unused: tuple[tuple[str, str], ...] = ()
    """Metrics of the system that are left out on purpose, each with the reason."""

    @property
    def uid(self) -> str:
        """What links know it by."""
        return f"status-exporter-{self.name}"

    def panels(self) -> Iterator[Panel]:
        """Yield every panel, in reading order."""
        for one in self.sections:
            for line in one.rows:
                yield from line.panels


# An exporter that is down no longer has a build, but had one.
EXPORTERS_DOWN = Stat(
    "Exporters down",
    "sum(up{@exporter} == bool 0 and on (job, instance)"
    " present_over_time(status_exporter_build_info{@exporter}[$__range]))",
    "Exporters that Prometheus cannot scrape and could within the time shown. Their targets are"
    " counted nowhere.",
    steps=(Step(1, RED),),
    empty="not scraped",
)


def targets_down(description: str, matcher: str = "", trend: str = "") -> Stat:
    """Return the figure of targets that are down."""
    expr = f"sum(status_exporter_target_up{{@target{matcher}}} == bool 0)"
    return Stat("Down", expr, description, steps=(Step(1, RED),), has_trend=True, trend=trend)
