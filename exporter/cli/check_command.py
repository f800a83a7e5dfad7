"""`check`: reports all faults of a configuration file, or counts its targets and clients."""

import asyncio
import sys
from dataclasses import replace

from exporter.cli.options import Arguments, settings_of
from exporter.cli.words import GREEN, colour_text, count_text
from exporter.clock import Clock
from exporter.errors import ConfigError
from exporter.pipeline.advice import repeated_paths
from exporter.settings import FileSd, Settings


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
    for target in settings.targets:
        for path in repeated_paths(target):
            print(
                f"warning: {target.name}: its url ends in {path}, which the exporter adds itself:"
                f" the url of {target.system.name} targets ends before that",
                file=sys.stderr,
            )
    if settings.discoveries:
        _report_files(settings)


def _report_files(settings: Settings) -> None:
    """Print how many targets the files of discoveries have now; they may change later."""
    from exporter.runtime.discovery import read_lists_once  # noqa: PLC0415 - only where there is a discovery

    for discovery in settings.discoveries:
        if isinstance(discovery.source, FileSd):
            alone = replace(settings, targets=(), discoveries=(discovery,))
            found, faults = asyncio.run(read_lists_once(alone, Clock()))
            for fault in faults:
                print(f"warning: {fault}", file=sys.stderr)
            print(f"{discovery.name}: {count_text(len(found), 'target')} now")
