"""The words that dashboards are declared in.

In a query `@target` stands for the matchers of the chosen targets and `@exporter` for those of the
chosen exporters, whichever targets they have.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["stat", "lines", "stack", "timeline", "table"]

EXPORTER = 'job=~"$job",instance=~"$instance"'
TARGET = f'{EXPORTER},target=~"$target"'

# An exporter that is down no longer says that it is one, but it did.
EXPORTERS_DOWN = (
    "count(up{@exporter} == 0 and on (job, instance)"
    " present_over_time(status_exporter_build_info{@exporter}[$__range])) or vector(0)"
)

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
BLUE, PURPLE, GREY = "blue", "purple", "text"

WHOLE = 24
"""The columns of Grafana's grid."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One PromQL query; its legend names the series by their labels."""

    expr: str
    legend: str = "{{target}}"

    @property
    def promql(self) -> str:
        """The query as Grafana gets it."""
        return self.expr.replace("@target", TARGET).replace("@exporter", EXPORTER)


@dataclass(frozen=True)
class Step:
    """From this value on, a colour."""

    value: float
    color: str


@dataclass(frozen=True)
class Word:
    """What a number is called, and its colour."""

    value: int
    text: str
    color: str


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a table: a label, or the value of the query of that letter."""

    source: str
    title: str
    unit: str = "none"
    steps: tuple[Step, ...] = ()
    words: tuple[Word, ...] = ()
    width: int | None = None
    link: str = ""
    is_hidden: bool = False
    """Whether it is there for the links of others alone."""

    @property
    def field(self) -> str:
        """The name that Grafana gives the field."""
        return f"Value #{self.source}" if self.source.isupper() else self.source


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What is shown, and what it means."""

    kind: Kind
    title: str
    description: str
    queries: tuple[Query, ...]
    width: int
    unit: str = "short"
    base: str = GREEN
    """The colour below the first step."""
    steps: tuple[Step, ...] = ()
    words: tuple[Word, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    decimals: int | None = None
    columns: tuple[Column, ...] = ()
    sort_by: str = ""
    descending: bool = False
    empty: str = ""
    """What stands there when the query finds nothing, where that is no fault."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """Panels side by side, as high as each other and together as wide as the grid."""

    height: int
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class Section:
    """Rows under one heading."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A choice of label values, by a query for them."""

    name: str
    label: str
    query: str
    all_value: str = ".+"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """An annotation: a line across the graphs wherever the query finds something."""

    name: str
    expr: str
    text: str
    color: str
    shown: bool = True

    @property
    def promql(self) -> str:
        """The query as Grafana gets it."""
        return Query(expr=self.expr).promql


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard. `name` is that of its file, and the end of its uid."""

    name: str
    title: str
    description: str
    sections: tuple[Section, ...]
    targets: str = ""
    """Matchers that narrow the choice of targets."""
    variables: tuple[Variable, ...] = ()
    marks: tuple[Mark, ...] = field(default=())
    unused: tuple[tuple[str, str], ...] = ()
    """Metrics of the system that are left out on purpose, each with the reason."""

    @property
    def uid(self) -> str:
        """What links know it by."""
        return f"status-exporter-{self.name}"

    def panels(self) -> Iterator[Panel]:
        """Yield every panel, in reading order."""
        for section in self.sections:
            for row in section.rows:
                yield from row.panels


def stat(
    title: str,
    expr: str,
    description: str,
    *,
    unit: str = "short",
    base: str = GREEN,
    steps: tuple[Step, ...] = (),
    width: int = 4,
    decimals: int | None = None,
    empty: str = "",
    words: tuple[Word, ...] = (),
) -> Panel:
    """Declare one figure."""
    return Panel(
        kind="stat",
        title=title,
        description=description,
        queries=(Query(expr=expr, legend=""),),
        width=width,
        unit=unit,
        base=base,
        steps=steps,
        decimals=decimals,
        empty=empty,
        words=words,
    )


def lines(
    title: str,
    queries: tuple[Query, ...] | str,
    description: str,
    *,
    unit: str = "short",
    width: int = 12,
    steps: tuple[Step, ...] = (),
    base: str = GREEN,
    lowest: float | None = 0,
    highest: float | None = None,
    stacked: bool = False,
) -> Panel:
    """Declare a graph over time."""
    return Panel(
        kind="stack" if stacked else "lines",
        title=title,
        description=description,
        queries=(Query(expr=queries),) if isinstance(queries, str) else queries,
        width=width,
        unit=unit,
        steps=steps,
        base=base,
        lowest=lowest,
        highest=highest,
    )


def timeline(
    title: str,
    expr: str,
    description: str,
    words: tuple[Word, ...],
    *,
    legend: str = "{{target}}",
    width: int = WHOLE,
) -> Panel:
    """Declare bars that change their colour with the state."""
    return Panel(
        kind="timeline",
        title=title,
        description=description,
        queries=(Query(expr=expr, legend=legend),),
        width=width,
        words=words,
        unit="none",
    )


def table(
    title: str,
    queries: tuple[str, ...],
    description: str,
    columns: tuple[Column, ...],
    *,
    sort_by: str = "",
    descending: bool = False,
    width: int = WHOLE,
    empty: str = "",
) -> Panel:
    """Declare a table of what is now; the queries are lettered from A on."""
    return Panel(
        kind="table",
        title=title,
        description=description,
        queries=tuple(Query(expr=query, legend="") for query in queries),
        width=width,
        unit="none",
        columns=columns,
        sort_by=sort_by,
        descending=descending,
        empty=empty,
    )
