"""`systems`: lists the requests, parameters, actions and metrics of each system."""

import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from exporter.cli.options import Arguments
from exporter.declare.family import Family
from exporter.declare.system import System
from exporter.errors import ConfigError, suggestion
from exporter.systems import SYSTEMS, declaration

# Without a terminal: wide enough for the longest metric name beside its field.
PIPE_WIDTH = 200


def run(arguments: Arguments) -> int:
    """Run the command."""
    name = arguments.name
    if name is not None and name not in SYSTEMS:
        raise ConfigError((f'unknown system "{name}"; {suggestion(name, SYSTEMS)}',))
    chosen = [SYSTEMS[name]] if name else list(SYSTEMS.values())
    if arguments.format == "yaml":
        first, *rest = dict.fromkeys(declaration(one.name) for one in chosen)
        # One mapping: a repeated key `systems` would be a fault.
        print("\n".join([first, *(text.replace("systems:\n", "", 1) for text in rest)]), end="")
        return 0
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
    """Yield lines about a system: its URL, requests, parameters and actions."""
    yield f"url: {system.url_help}"
    for endpoint in system.endpoints:
        yield f"requests: {endpoint.method} <url>{system.base_path}{endpoint.path}"
    for name, param in system.params.items():
        rule = f"default {param.default}" if param.default is not None else "required"
        yield f"params.{name} ({rule}): {param.help}"
    for name, action in system.actions.items():
        place = f"{action.request.method} <url>{system.base_path}{action.request.path}"
        yield f"set {name} {'|'.join(action.values)}: {place}. {action.help}"
        for key, option in action.options.items():
            rule = f"{'|'.join(option.choices)}, default {option.default}"
            yield f"set {name} --{key} ({rule}): {option.help}"


def _table(system: System) -> Table:
    table = Table(show_lines=False, header_style="bold", expand=False)
    for title in ("metric", "type", "labels", "field", "read as"):
        table.add_column(title, overflow="fold")
    for family in system.families:
        labels = ", ".join(family.labels)
        table.add_row(family.name, family.kind, labels, family.source, family.reading)
    return table


def markdown(system: System) -> Iterator[str]:
    """Yield the system's section of the metrics reference."""
    yield f"## {system.title} (`{system.name}`)\n"
    yield from markdown_table(system.families)
    yield ""
    for name, action in system.actions.items():
        options = "".join(
            f" [--{key}={'|'.join(one.choices)}]" for key, one in action.options.items()
        )
        words = f"{name} {'|'.join(action.values)}{options}"
        yield f"Can be set: `status-exporter set TARGET {words}`. {action.help}\n"


def markdown_table(families: Iterable[Family]) -> Iterator[str]:
    """Yield a table of the families."""
    yield "| metric | type | labels | meaning |\n| --- | --- | --- | --- |"
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{family.name}` | {family.kind} | {labels} | {family.help} |"
