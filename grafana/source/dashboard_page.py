"""All boards -> docs/dashboards.md: what each panel of each dashboard shows."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from grafana.source.words import Board, Lines, Panel, Stat, Table

# Written by bench/panel_queries.py.
TIMINGS = Path(__file__).parent.parent.parent / "bench" / "dashboards.md"

OPENING = """\
# Dashboards

Dashboards for Grafana 10 to 13, in [grafana/dashboards](../grafana/dashboards). Import the
files, or provision the folder. They need a Prometheus that scrapes the exporter and loads its
[recording rules](../deploy/prometheus/status-exporter.rules.yml): what takes too long to compute
for many targets comes from those. The panels about alerts need the alerting rules too.

Each lets you choose the data source, the job and instance of the exporter, and targets. Links at
the top lead to the others with the same choice and time. Where two exporters poll the same
targets, choose one instance, or targets are counted twice.

- Figures and tables show the present, by instant queries. They say "not polled" where no exporter
  is scraped; *Exporters down* on each dashboard says why.
- Graphs of single targets show as many as *Most lines* says: those with the highest (or lowest)
  average over the time shown. Tables have all targets.
- A dashed line across a graph is the threshold of an alert; a dashed curve is a limit or a peak.
- Colours have one meaning: green is well, red is down, orange and yellow need attention, blue is
  maintenance on purpose, purple is in use.

*Runbooks* on the overview is the address before the links of alerts to their runbooks.

The files are written from `grafana/source` by `make dashboards`, and so is this page.
`python -m grafana.source --grafana.com FOLDER` writes them in the form that grafana.com takes.
`make screenshots` draws their pictures with Grafana's own components.
"""


def page(boards: Sequence[Board]) -> str:
    """Write the page."""
    lines = [OPENING, *(line for board in boards for line in _board(board))]
    return "\n".join(lines) + "\n" + TIMINGS.read_text(encoding="utf-8")


def _board(board: Board) -> Iterator[str]:
    yield from (f"## {board.title}", "", board.description, "")
    yield from (f"![The upper part of the dashboard](dashboard-{board.name}.png)", "")
    if board.variables:
        labels = ", ".join(f"*{variable.label}*" for variable in board.variables)
        yield from (f"Choices of its own: {labels}.", "")
    if board.marks:
        yield "Marked across the graphs:"
        yield from ("", *(f"- {mark.name}: {_hidden(mark.is_shown)}" for mark in board.marks), "")
    for section in board.sections:
        yield from (f"### {section.title}", "", "| panel | as | shows |", "| --- | --- | --- |")
        yield from (_line(panel) for row in section.rows for panel in row.panels)
        yield ""
    if board.unused:
        yield from ("Left out on purpose:", "")
        yield from (f"- `{name}`: {reason}" for name, reason in board.unused)
        yield ""


def _hidden(shown: bool) -> str:
    return "shown" if shown else "hidden until it is switched on"


def _line(panel: Panel) -> str:
    return f"| {panel.title} | {_kind(panel)} | {panel.description} |"


def _kind(panel: Panel) -> str:
    if isinstance(panel, Stat):
        return "figure with trend" if panel.has_trend else "figure"
    if isinstance(panel, Lines):
        return "stacked graph" if panel.is_stacked else "graph"
    return "table" if isinstance(panel, Table) else "state timeline"
