"""`check`: reports all faults of a configuration file, or counts its targets and clients."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from exporter.cli.options import Arguments, settings_of
from exporter.cli.words import GREEN, YELLOW, colour_text, count_text
from exporter.clock import Clock
from exporter.config.load import read_text
from exporter.declare.document import Document, Location
from exporter.errors import ConfigError, ListError
from exporter.pipeline.advice import repeated_paths
from exporter.settings import FileSd, Settings, Target


def run(arguments: Arguments) -> int:
    """Run the command."""
    if arguments.file and arguments.config_file:
        raise ConfigError(("give the file once, as FILE or with --config.file",))
    arguments.config_file = arguments.file or arguments.config_file
    arguments.system = arguments.url = None
    if arguments.samples:
        from exporter.cli.sample import check_samples  # noqa: PLC0415 - only what is needed

        return check_samples(arguments)
    report(settings_of(arguments))
    return 0


def report(settings: Settings) -> None:
    """Print that the configuration is valid, what it contains, and warnings."""
    targets, clients = len(settings.targets), len(settings.clients)
    parts = [count_text(targets, "target"), count_text(clients, "client")]
    if settings.discoveries:
        parts.append(count_text(len(settings.discoveries), "discovery", "discoveries"))
    print(f"{colour_text('configuration OK', GREEN, sys.stdout)}: {', '.join(parts)}")
    _warn(settings)
    if settings.discoveries:
        _report_files(settings)


def _warn(settings: Settings) -> None:
    """Print a warning with its location for each URL that ends in the path of an endpoint."""
    warnings = [
        (location, f"it ends in {path}, which the exporter appends: leave that out")
        for location, target in _with_locations(settings)
        for path in repeated_paths(target)
    ]
    if not warnings:
        return
    # Without a file there is only the target of the flags.
    file = next(iter(settings.files), None)
    document = Document(read_text(file), str(file)) if file else None
    for location, message in warnings:
        text = document.locate(location, message)[1] if document else f"--url: {message}"
        _print_warning(text)


def _with_locations(settings: Settings) -> Iterator[tuple[Location, Target]]:
    """Yield each target, and one of each discovery, with the location of its URL."""
    for index, target in enumerate(settings.targets):
        yield ("targets", index, "url"), target
    for index, discovery in enumerate(settings.discoveries):
        # The URLs of other items differ by the item alone. A long name leaves no room for any item.
        with suppress(ListError):
            yield ("discovery", index, "url"), discovery.template.make("1", {})


def _report_files(settings: Settings) -> None:
    """Print how many targets the files of discoveries have now; they may change later."""
    from exporter.runtime.discovery import read_lists_once  # noqa: PLC0415 - only where there is a discovery

    for discovery in settings.discoveries:
        if isinstance(discovery.source, FileSd):
            alone = replace(settings, targets=(), discoveries=(discovery,))
            found, faults = asyncio.run(read_lists_once(alone, Clock()))
            for fault in faults:
                _print_warning(fault)
            print(f"{discovery.name}: {count_text(len(found), 'target')} now")


def _print_warning(text: str) -> None:
    print(f"{colour_text('warning', YELLOW, sys.stderr)}: {text}", file=sys.stderr)
