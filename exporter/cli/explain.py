"""`explain`: polls one target once and lists every field, and the values that no field maps."""

import sys

from rich.console import Console
from rich.table import Table

from exporter import log
from exporter.cli.options import Arguments, settings_of
from exporter.cli.poll import chosen
from exporter.cli.serve import run
from exporter.cli.systems import PIPE_WIDTH
from exporter.clock import Clock
from exporter.declare.explain import Explanation
from exporter.declare.explain import explain as explain_tree
from exporter.declare.unmapped import unmapped
from exporter.errors import PollError
from exporter.http.connections import Connections
from exporter.pipeline.read import ReadAnswer
from exporter.pipeline.render import value_text
from exporter.pipeline.request import build
from exporter.pipeline.snapshot import Poll
from exporter.redact import scrub
from exporter.runtime.poll import PollRun, poll
from exporter.settings import Target
from exporter.text import printable


def explain(arguments: Arguments) -> int:
    """Run the command."""
    target = chosen(settings_of(arguments), arguments.name)
    log.set_up(arguments.log_level, arguments.log_format)
    done, answers, obtained = run(_poll(target))
    console = Console(
        width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False
    )
    faults = 0
    for endpoint, tree, _, poll_time in answers:
        console.print(f"\n{endpoint.method} {target.url}{endpoint.path}", style="bold")
        lines = explain_tree(tree, endpoint, target.params, poll_time)
        faults += sum(len(line.faults) for line in lines)
        console.print(_table(target, lines, obtained))
        places = unmapped(tree, endpoint)
        if places:
            listed = printable(scrub(", ".join(places), target.client, obtained))
            console.print(f"unmapped: {listed}")
    error = done.outcome
    if isinstance(error, PollError):
        print(f"{target.name}: {error.reason}: {error.detail}", file=sys.stderr)
    return 1 if faults or isinstance(error, PollError) else 0


async def _poll(target: Target) -> tuple[Poll, tuple[ReadAnswer, ...], tuple[str, ...]]:
    """Return the poll, its answers, and what a login gave, which must not be shown."""
    clock = Clock()
    connections = Connections(clock)
    one = PollRun(target, build(target), connections, clock)
    try:
        done = await poll(one, keeps_answers=True)
        return done, one.answers, one.obtained
    finally:
        await connections.close()


def _table(target: Target, lines: tuple[Explanation, ...], obtained: tuple[str, ...]) -> Table:
    table = Table(show_lines=False, header_style="bold", expand=False)
    for title in ("metric", "field", "value there", "result"):
        table.add_column(title, overflow="fold")

    def safe(text: str) -> str:
        # In this order: a secret may have characters that are replaced.
        return printable(scrub(text, target.client, obtained))

    for line in lines:
        results = [
            " ".join([*(f"{name}={value}" for name, value in one.labels), value_text(one.value)])
            for one in line.samples
        ]
        faults = [f"unreadable: {fault.message}" for fault in line.faults]
        result = "\n".join(map(safe, results + faults)) or "no series"
        table.add_row(line.metric, line.place, safe(line.raw), result)
    return table
