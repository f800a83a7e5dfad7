"""`check`: tells every fault of a configuration file, or what is in a sound one."""

from exporter.cli.options import Arguments, settings_of
from exporter.errors import ConfigError
from exporter.settings import Settings


def check(arguments: Arguments) -> int:
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
    """Say that the configuration is sound, and how much there is of it."""
    targets, clients = len(settings.targets), len(settings.clients)
    print(f"configuration OK: {_counted(targets, 'target')}, {_counted(clients, 'client')}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
