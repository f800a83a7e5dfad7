"""`convert`: converts the configuration of another exporter."""

from pathlib import Path

from exporter.cli.options import Arguments
from exporter.convert.json_exporter import convert as convert_json_exporter
from exporter.errors import ConfigError
from exporter.toolkit.read_file import read_file

# Larger than any hand-written configuration.
_MAX_CONFIG = 4 * 1024 * 1024


def run(arguments: Arguments) -> int:
    """Run the command."""
    path = arguments.file or Path()
    try:
        text = read_file(path, _MAX_CONFIG).decode()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError((f"{path}: {why}",)) from None
    print(convert_json_exporter(text, path.name), end="")
    return 0
