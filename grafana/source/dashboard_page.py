"""docs/dashboards.md: what each panel of each dashboard shows."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from grafana.source.words import Board, Lines, Panel, Stat, Table

# Written by bench/panel_queries.py.
TIMINGS = Path(__file__).parent.parent.parent / "bench" / "dashboards.md"

OPENING = """\
# Dashboards

Dashboards for Grafana 10 to 13, in [grafana/dashboards](../grafana/dashboards). Import the
files, or provision the folder. They need a Prometheus that scrapes the exporter and loads its
[recording rules](../deploy/prometheus/status-exporter.rules.yml), because some queries would take
too long for many targets. The panels about alerts also need the alerting rules.

On each dashboard you can choose the data source, the job and instance of the exporter, and the
targets. Links at the top open the other dashboards with the same choice and time range. If two
exporters poll the same targets, choose one instance, or targets are counted twice.

- Figures and tables show current values. "Not polled" means that no exporter is scraped; see
  *Exporters down* on the same dashboard.
- Graphs of single targets show the number of targets in *Most lines*: those with the highest (or
  lowest) average in the time range. Tables have all targets.
- A dashed line across a graph is the threshold of an alert; a dashed curve is a limit or a peak.
- Colours: green is healthy, red is down, orange and yellow need attention, blue is planned
  maintenance, purple is in use.

*Runbooks* on the overview is the base URL for the links from alerts to their runbooks.

`make dashboards` generates the files and this page from `grafana/source`.
`python -m grafana.source --grafana.com FOLDER` writes them in the format of grafana.com.
`make screenshots` renders their pictures with Grafana's own components.
"""


def page(boards: Sequence[Board]) -> str:
    """Return the page as Markdown."""
    lines = [OPENING, *(line for board in boards for line in _board(board))]
    return "\n".join(lines) + "\n" + TIMINGS.read_text(encoding="utf-8")


def _board(board: Board) -> Iterator[str]:
    yield from (f"## {board.title}", "", board.description, "")
    yield from (f"![The upper part of the dashboard](dashboard-{board.name}.png)", "")
    if board.variables:
        labels = ", ".join(f"*{variable.label}*" for variable in board.variables)
        yield from (f"Further variables: {labels}.", "")
    if board.marks:
        yield "Annotations:"
        yield from (
            "",
            *(f"- {mark.name}: {_visibility(mark.is_shown)}" for mark in board.marks),
            "",
        )
    for section in board.sections:
        yield from (f"### {section.title}", "", "| panel | as | shows |", "| --- | --- | --- |")
        yield from (_line(panel) for row in section.rows for panel in row.panels)
        yield ""
    if board.unused:
        yield from ("Left out on purpose:", "")
        yield from (f"- `{name}`: {reason}" for name, reason in board.unused)
        yield ""


def _visibility(is_shown: bool) -> str:
    return "shown" if is_shown else "off by default"


def _line(panel: Panel) -> str:
    return f"| {panel.title} | {_kind(panel)} | {panel.description} |"


def _kind(panel: Panel) -> str:
    if isinstance(panel, Stat):
        return "figure with trend" if panel.has_trend else "figure"
    if isinstance(panel, Lines):
        return "stacked graph" if panel.is_stacked else "graph"
    return "table" if isinstance(panel, Table) else "state timeline"
