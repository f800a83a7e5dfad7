"""The table on standard output, and bench/README.md."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from string import Template

from rich.console import Console
from rich.table import Table

from bench.figures import Line

_HERE = Path(__file__).parent
_TEMPLATE = _HERE / "README.template.md"
_HEADINGS = ("", "what", "status-exporter", "beside it", "ratio", "goal", "met")
# A file or a pipe has no width.
_WIDTH = 160
_MET = {True: "yes", False: "no", None: ""}


def _cells(line: Line) -> tuple[str, ...]:
    return (str(line.row), line.what, line.ours, line.peer, line.ratio, line.goal, _MET[line.met])


def show(lines: Sequence[Line], left_out: Sequence[str], facts: Mapping[str, str]) -> None:
    """Print the table, what is not in it, and where it was measured."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    table = Table(*_HEADINGS, show_lines=True)
    for line in lines:
        table.add_row(*_cells(line))
    console.print(table)
    for one in left_out:
        console.print(f"Not measured: {one}")
    for name, value in facts.items():
        console.print(f"{name}: {value}")


def write(lines: Sequence[Line], left_out: Sequence[str], facts: Mapping[str, str]) -> Path:
    """Write bench/README.md again and return its path."""
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS), *map(_cells, lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    text = Template(_TEMPLATE.read_text()).substitute(
        date=datetime.now(UTC).date().isoformat(),
        table=table,
        facts="\n".join(f"* {name}: {value}" for name, value in facts.items()),
        left_out="".join(f"* Not measured this time: {one}\n" for one in left_out),
    )
    path = _HERE / "README.md"
    path.write_text(text)
    return path
