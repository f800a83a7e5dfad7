"""`set`: sets a state of one or several targets in sequence, and waits until it is confirmed."""

import asyncio
import sys
from collections.abc import Mapping

from exporter import log
from exporter.cli.options import DEFAULT_FILE, Arguments, pairs_of, settings_of
from exporter.cli.set_flags import options_of
from exporter.cli.set_one import SetOptions, carry_out, show
from exporter.cli.systems_command import facts
from exporter.clock import Clock
from exporter.config import parse_duration
from exporter.errors import ConfigError, suggestion
from exporter.http.connections import Connections
from exporter.operate.operation import Operation
from exporter.operate.order import Order, make_order
from exporter.settings import Settings, Target
from exporter.systems import SYSTEMS


def run(arguments: Arguments) -> int:
    """Run the command."""
    arguments.system = arguments.url = None
    if arguments.is_listing:
        _list(arguments)
        return 0
    orders = _orders(arguments, settings_of(arguments))
    options = SetOptions(
        settle=_settle(arguments), drained=arguments.wait_drained, asks=not arguments.yes
    )
    if arguments.dry_run:
        asyncio.run(_show_all(orders))
        print("dry run: nothing was changed")
        return 0
    if options.asks and not sys.stdin.isatty():
        raise ConfigError(("set asks for confirmation, and there is no terminal: give --yes",))
    log.set_up("info", "logfmt")
    clock = Clock()
    connections = Connections(clock)
    # The confirmation is read while the event loop is not running, so that Ctrl-C ends it at once.
    with asyncio.Runner() as runner:
        try:
            for order in orders:
                carry_out(order, options, runner, connections, clock)
        finally:
            runner.run(connections.close())
    return 0


async def _show_all(orders: list[Order]) -> None:
    """Print the request for each target, and its current state."""
    clock = Clock()
    connections = Connections(clock)
    try:
        for order in orders:
            show(order, await Operation(order, connections, clock).look())
    finally:
        await connections.close()


def _list(arguments: Arguments) -> None:
    settings = Settings(targets=())
    if arguments.config_file or DEFAULT_FILE.exists():
        settings = settings_of(arguments)
    for system in {**SYSTEMS, **settings.systems}.values():
        if not system.actions:
            continue
        print(f"{system.name}: {system.title}")
        for line in facts(system):
            if line.startswith("set "):
                print(f"  {line}")
        names = [target.name for target in settings.targets if target.system is system]
        print(f"  targets: {', '.join(names) or 'none'}")


def _orders(arguments: Arguments, settings: Settings) -> list[Order]:
    """Return all orders, checked before the first one is sent."""
    words = arguments.words
    if len(words) != (2 if arguments.selectors else 3):
        wanted = "ACTION VALUE" if arguments.selectors else "TARGET ACTION VALUE"
        raise ConfigError((f"set takes {wanted}; see status-exporter set --list",))
    *name, action, value = words
    if name:
        targets = [_find_target(settings, name[0])]
    else:
        targets = _select_targets(settings, pairs_of(arguments.selectors, "--selector"))
    options = options_of(arguments)
    faults = list[str]()
    orders = list[Order]()
    for target in targets:
        try:
            orders.append(make_order(target, action, value, options))
        except ConfigError as error:
            faults += error.faults
    if arguments.wait_drained:
        faults += [
            f"{one.target.name}: nothing drains with {action} {value}: leave out --wait-drained"
            for one in orders
            if one.drain is None
        ]
    if faults:
        raise ConfigError(tuple(faults))
    return orders


def _find_target(settings: Settings, name: str) -> Target:
    targets = {target.name: target for target in settings.targets}
    if name not in targets:
        hint = suggestion(name, targets)
        raise ConfigError((f'there is no target "{name}" in the file; {hint}',))
    return targets[name]


def _select_targets(settings: Settings, wanted: Mapping[str, str]) -> list[Target]:
    found = [
        target
        for target in settings.targets
        if wanted.items()
        <= {**target.labels, "target": target.name, "system": target.system.name}.items()
    ]
    if not found:
        labels = ", ".join(f"{name}={value}" for name, value in wanted.items())
        raise ConfigError((f"--selector: no target of the file has {labels}",))
    return found


def _settle(arguments: Arguments) -> float:
    try:
        return parse_duration(arguments.settle)
    except ValueError as error:
        raise ConfigError((f"--settle: {error}",)) from None
