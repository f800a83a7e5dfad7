"""The classes and helpers that dashboards are declared with.

In a query, these words stand for the matchers of what the user selected: `@target` targets,
`@exporter` exporters, `@job` their jobs, and `@place` profiles and locations of game servers.
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

# A colour has the same meaning on every dashboard. Locked and suspended servers are in maintenance.
GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
MAINTENANCE, SUSPENDED, IN_USE, GREY = "blue", "light-blue", "purple", "text"

WHOLE = 24
"""The columns of Grafana's grid."""

BY_TARGET = "job, instance, target"
ON = f"on ({BY_TARGET})"


def average(expr: str) -> str:
    """Return the average over the time range, the same at each point of it."""
    return f"avg_over_time(({expr})[$__range:$__interval] @ end())"


def chosen(rank: str, *, by: str = BY_TARGET, lowest: bool = False) -> str:
    """Return the operator that keeps the series with the highest, or lowest, rank.

    The rank must not depend on the point in time, or other series are kept at each point.
    """
    return f"and on ({by}) {'bottomk' if lowest else 'topk'}($top, {rank})"


def top(expr: str, *, by: str = BY_TARGET, lowest: bool = False) -> str:
    """Return the series with the highest, or lowest, average over the time range."""
    return f"({expr}) {chosen(average(expr), by=by, lowest=lowest)}"


def top_of(left: str, operator: str, right: str, *, lowest: bool = False) -> str:
    """Return the same of a difference or ratio, which is computed only for the series kept."""
    rank = f"{average(left)} {operator} {average(right)}"
    return f"({left} {chosen(rank, lowest=lowest)}) {operator} {right}"


@dataclass(frozen=True)
class Query:
    """One PromQL query with its legend, a format of the series' labels."""

    expr: str
    legend: str = "{{target}}"
    _: KW_ONLY
    is_instant: bool = False
    is_dashed: bool = False
    """Whether it is a limit or a peak, drawn as a dashed line."""

    @property
    def promql(self) -> str:
        """The query in PromQL, with Grafana's variables."""
        text = self.expr
        for word, matchers in _MATCHERS.items():
            text = text.replace(word, matchers)
        return text


@dataclass(frozen=True)
class Step:
    """A threshold: the colour from this value on."""

    value: float
    color: str


@dataclass(frozen=True)
class Word:
    """The text and colour of a value or series."""

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
    """The title and URL of each."""
    is_hidden: bool = False
    """Whether only the links of other columns need it."""

    @property
    def field(self) -> str:
        """Grafana's name of the field."""
        return f"Value #{self.source}" if self.source.isupper() else self.source


@dataclass(frozen=True)
class Panel:
    """One panel: its queries, and a description for users."""

    title: str
    expressions: str | tuple[str | Query, ...]
    description: str
    _: KW_ONLY
    width: int = 0
    """In columns of the grid; panels of width 0 share the rest of the row."""
    unit: str = "short"
    steps: tuple[Step, ...] = ()
    words: tuple[Word, ...] = ()
    empty: str = "not polled at this time"
    """The text if the query returns nothing."""

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries; Grafana calls them A, B and so on."""
        many = (self.expressions,) if isinstance(self.expressions, str) else self.expressions
        return tuple(Query(one) if isinstance(one, str) else one for one in many)


@dataclass(frozen=True)
class Stat(Panel):
    """One current figure."""

    _: KW_ONLY
    unit: str = "locale"
    empty: str = "not polled"
    base: str = GREEN
    """The colour below the first step."""
    decimals: int | None = None
    has_trend: bool = False
    """Whether a line of the time range is behind the figure."""
    trend: str = ""
    """The query of the line, if that of the figure takes too long for a range."""

    @property
    def queries(self) -> tuple[Query, ...]:
        """The range query of the trend, if any, and the instant query.

        The last point of a range is up to one step old, and older if a series ended, so the figure
        is the instant value. It is NaN if nothing is polled: without a value it would be green.
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
    """Bars whose colour is the state."""


@dataclass(frozen=True)
class Table(Panel):
    """A table of current values."""

    _: KW_ONLY
    columns: tuple[Column, ...]
    sort_by: str
    descending: bool = False

    @property
    def queries(self) -> tuple[Query, ...]:
        """The queries, all instant."""
        return tuple(Query(query.expr, "", is_instant=True) for query in super().queries)


@dataclass(frozen=True)
class Row:
    """Panels side by side, of one height, that fill the width of the grid."""

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
    """Return rows under a heading."""
    return Section(title, rows)


def row(*panels: Panel, height: int = 9) -> Row:
    """Return panels side by side."""
    return Row(height, panels)


def figures(*panels: Stat) -> Sequence[Row]:
    """Return rows of four figures, so that their titles fit a screen of 1366 pixels."""
    return [Row(5, panels[at : at + 4]) for at in range(0, len(panels), 4)]


@dataclass(frozen=True)
class Variable:
    """A variable whose values a query returns."""

    name: str
    label: str
    query: str
    all_value: str = ".+"


@dataclass(frozen=True)
class Mark:
    """An annotation: a line across the graphs where the query returns something."""

    name: str
    expr: str
    text: str
    color: str
    is_shown: bool = True

    @property
    def promql(self) -> str:
        """The query in PromQL, with Grafana's variables."""
        return Query(self.expr).promql


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard; `name` is the name of its file and the end of its uid."""

    name: str
    title: str
    description: str
    sections: tuple[Section, ...]
    systems: str = ""
    """Regular expression of the systems whose targets it shows; empty for all."""
    alerts: str = ""
    """Regular expression of the prefixes of its alerts' names."""
    variables: tuple[Variable, ...] = ()
    marks: tuple[Mark, ...] = ()
    unused: tuple[tuple[str, str], ...] = ()
    """Metrics of the system that are omitted on purpose, each with the reason."""

    @property
    def uid(self) -> str:
        """The identifier in links."""
        return f"status-exporter-{self.name}"

    def panels(self) -> Iterator[Panel]:
        """Yield every panel, in reading order."""
        for one in self.sections:
            for line in one.rows:
                yield from line.panels


# An exporter that is down had build information within the time range.
EXPORTERS_DOWN = Stat(
    "Exporters down",
    "sum(up{@exporter} == bool 0 and on (job, instance)"
    " present_over_time(status_exporter_build_info{@exporter}[$__range]))",
    "Exporters that Prometheus cannot scrape, but could earlier in the time range. Their targets are"
    " in no other panel.",
    steps=(Step(1, RED),),
    empty="not scraped",
)


def targets_down(description: str, matcher: str = "", trend: str = "") -> Stat:
    """Return the figure of targets that are down."""
    expr = f"sum(status_exporter_target_up{{@target{matcher}}} == bool 0)"
    return Stat("Down", expr, description, steps=(Step(1, RED),), has_trend=True, trend=trend)
