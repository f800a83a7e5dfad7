"""`explain`: polls one target once and lists every field, and the values that no field maps."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exporter import log
from exporter.cli.options import Arguments, settings_of
from exporter.cli.poll_command import find_target, report_failure
from exporter.cli.serve_command import run_coroutine
from exporter.cli.systems_command import PIPE_WIDTH
from exporter.cli.words import GREEN, colour_text
from exporter.clock import Clock
from exporter.declare.explanation import Explanation
from exporter.declare.explanation import explain as explain_tree
from exporter.declare.unmapped import find_unmapped
from exporter.errors import PollError
from exporter.http.connections import Connections
from exporter.pipeline.read import ReadAnswer
from exporter.pipeline.render import value_text
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import PollResult
from exporter.redact import redact_secrets
from exporter.runtime.poll_run import PollRun, poll
from exporter.settings import Target
from exporter.text import printable

# A metric, its field, the value and the result, side by side.
_TABLE_WIDTH = 140


@dataclass(frozen=True, kw_only=True)
class _FieldRow:
    """A field of an answer, for display."""

    metric: str
    place: str
    raw: str
    results: tuple[str, ...]
    faults: tuple[str, ...]

    def result_text(self) -> Text:
        """Return the results, each on its own line; unreadable ones are red."""
        lines = [*map(Text, self.results), *(Text(one, style="red") for one in self.faults)]
        return Text("\n", overflow="fold").join(lines)


def run(arguments: Arguments) -> int:
    """Run the command."""
    target = find_target(settings_of(arguments), arguments.name)
    log.set_up(arguments.log_level, arguments.log_format)
    done, answers, obtained = run_coroutine(_poll(target))
    console = Console(
        width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False
    )
    urls = {id(request.endpoint): request.url for request in build(target)}
    faults = 0

    def clean(text: str) -> str:
        # In this order: `printable` may replace characters of a secret.
        return printable(redact_secrets(text, target.client, obtained))

    for endpoint, tree, _, poll_time in answers:
        console.print(f"\n{endpoint.method} {urls[id(endpoint)]}", style="bold")
        lines = explain_tree(tree, endpoint, target.params, poll_time)
        faults += sum(len(line.faults) for line in lines)
        rows = [_row(line, clean) for line in lines]
        console.print(_table(rows) if console.width >= _TABLE_WIDTH else _list(rows))
        places = find_unmapped(tree, endpoint)
        if places:
            console.print(f"unmapped: {clean(', '.join(places))}")
    error = done.outcome
    if isinstance(error, PollError):
        report_failure(target, error)
    elif sys.stdout.isatty():
        print(f"{target.name}: {colour_text('up', GREEN, sys.stdout)}")
    return 1 if faults or isinstance(error, PollError) else 0


async def _poll(target: Target) -> tuple[PollResult, tuple[ReadAnswer, ...], tuple[str, ...]]:
    """Return the result, the answers, and the secrets that a login obtained."""
    clock = Clock()
    connections = Connections(clock)
    one = PollRun(target, build(target), connections, clock)
    try:
        done = await poll(one, keeps_answers=True)
        return done, one.answers, one.obtained_secrets
    finally:
        await connections.close()


def _row(line: Explanation, clean: Callable[[str], str]) -> _FieldRow:
    results = [
        " ".join([*(f"{name}={value}" for name, value in one.labels), value_text(one.value)])
        for one in line.samples
    ]
    if not results and not line.faults:
        results = ["no series"]
    return _FieldRow(
        metric=line.metric,
        place=line.place,
        raw=clean(line.raw),
        results=tuple(clean(text) for text in results),
        faults=tuple(clean(f"unreadable: {fault.message}") for fault in line.faults),
    )


def _table(rows: list[_FieldRow]) -> Table:
    table = Table(show_lines=False, header_style="bold", expand=False)
    for title in ("metric", "field", "value", "result"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row.metric, row.place, row.raw, row.result_text())
    return table


def _list(rows: list[_FieldRow]) -> Group:
    """Lay out the fields below each other, for a narrow terminal."""
    return Group(
        *(
            Group(
                Text(row.metric, style="bold"),
                Padding(
                    Text(f"{row.place}: {row.raw}", overflow="fold"), (0, 0, 0, 2), expand=False
                ),
                Padding(row.result_text(), (0, 0, 0, 4), expand=False),
            )
            for row in rows
        )
    )
