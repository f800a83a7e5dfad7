"""`systems`: lists what each system is asked for and which metrics come of it."""

import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from exporter.cli.options import Arguments
from exporter.errors import ConfigError, suggestion
from exporter.spec import Family, System
from exporter.systems import SYSTEMS

# Wide enough for the longest metric name beside its field, where there is no terminal to fit.
PIPE_WIDTH = 200


def systems(arguments: Arguments) -> int:
    """Run the command."""
    name = arguments.name
    if name is not None and name not in SYSTEMS:
        raise ConfigError((f'unknown system "{name}"; {suggestion(name, SYSTEMS)}',))
    chosen = [SYSTEMS[name]] if name else list(SYSTEMS.values())
    if arguments.format == "markdown":
        for system in chosen:
            print("\n".join(markdown(system)))
        return 0
    console = Console(
        width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, markup=False
    )
    for system in chosen:
        console.print(f"\n{system.name}: {system.title}", style="bold")
        for line in facts(system):
            console.print(f"  {line}")
        console.print(_table(system))
    return 0


def facts(system: System) -> Iterator[str]:
    """Yield what a user of the system has to know besides its metrics."""
    yield f"url: {system.url_help}"
    for endpoint in system.endpoints:
        yield f"asks: GET <url>{endpoint.context}{endpoint.path}"
    for param in system.params:
        rule = f"default {param.default}" if param.default is not None else "required"
        yield f"params.{param.name} ({rule}): {param.help}"
    for action in system.actions:
        place = f"{action.method} <url>{action.context}{action.path}"
        yield f"set {action.name} {'|'.join(action.values)}: {place}. {action.help}"
        for option in action.options:
            rule = f"{'|'.join(option.choices)}, default {option.default}"
            yield f"set {action.name} --{option.name} ({rule}): {option.help}"


def _table(system: System) -> Table:
    table = Table(show_lines=False, header_style="bold", expand=False)
    for title in ("metric", "type", "labels", "field", "read as"):
        table.add_column(title, overflow="fold")
    for family in system.families:
        labels = ", ".join(family.labels)
        table.add_row(family.name, family.kind, labels, family.source, family.reading)
    return table


def markdown(system: System) -> Iterator[str]:
    """Yield the lines of the system's part of the metrics reference."""
    yield f"### {system.title} (`{system.name}`)\n"
    yield from markdown_table(system.families)
    yield ""
    for action in system.actions:
        options = "".join(f" [--{one.name}={'|'.join(one.choices)}]" for one in action.options)
        words = f"{action.name} {'|'.join(action.values)}{options}"
        yield f"Can be set: `status-exporter set TARGET {words}`. {action.help}\n"


def markdown_table(families: Iterable[Family]) -> Iterator[str]:
    """Yield the lines of a table of the families."""
    yield "| metric | type | labels | what it says |\n| --- | --- | --- | --- |"
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{family.name}` | {family.kind} | {labels} | {family.help} |"
