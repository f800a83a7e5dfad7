"""Boards go in; docs/dashboards.md comes out: what each panel of each dashboard shows."""

from collections.abc import Iterator, Sequence

from grafana.source.words import Board, Panel

OPENING = """\
# Dashboards

Six dashboards for Grafana 10 to 13, in [grafana/dashboards](../grafana/dashboards). Import the
files, or provision the folder. They need a Prometheus that scrapes the exporter. Of the rules
they need none, save for the two panels of the overview that tell of alerts.

Each lets you choose the data source, the job and instance of the exporter, and targets; links at
the top lead to the others with the same choice and time. Graphs show the most telling targets, as
many as *Most lines* says; tables have them all. Where two exporters poll the same targets, choose
one instance, else what is counted is counted twice.

The files are written from `grafana/source` by `make dashboards`, this page too.
`python -m grafana.source --grafana.com FOLDER` writes them in the form that grafana.com takes.
"""

_KINDS = {
    "stat": "figure",
    "lines": "graph",
    "stack": "stacked graph",
    "timeline": "state timeline",
    "table": "table",
}


def page(boards: Sequence[Board]) -> str:
    """Write the page."""
    return "\n".join([OPENING, *(line for board in boards for line in _board(board))])


def _board(board: Board) -> Iterator[str]:
    yield from (f"## {board.title}", "", board.description, "")
    if board.variables:
        labels = ", ".join(f"*{variable.label}*" for variable in board.variables)
        yield from (f"Choices of its own: {labels}.", "")
    if board.marks:
        yield "Marked across the graphs:"
        yield from ("", *(f"- {mark.name}: {_hidden(mark.shown)}" for mark in board.marks), "")
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
    return f"| {panel.title} | {_KINDS[panel.kind]} | {panel.description} |"
