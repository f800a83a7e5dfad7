"""The command line, the only package that prints or exits.

Exit codes: 0 success, 1 failure, 2 an invalid command line or configuration.

options              the flags that several commands share
parser               the arguments and the command that they name
words                numbers with their nouns, and colours on a terminal
serve_command        serve: polls and serves the metrics
check_command        check: checks a configuration file
sample               check --sample: reads a saved answer
poll_command         poll: polls one target once
explain_command      explain: lists every field of an answer
declare_command      declare: proposes a declaration for an answer
convert_command      convert: converts the configuration of another exporter
systems_command      systems: lists the systems and their metrics
schema_command       schema: writes the schema of the configuration
demo_command         demo: runs a simulator and an exporter that polls it
healthcheck_command  healthcheck: checks a running exporter
set_flags            the flags of set
set_one              sets the state of one target, and logs it
set_command          set: sets the state of servers
"""

import os
import sys
from collections.abc import Sequence

from exporter.build import version_text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    _open_standard_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["--version"]:
        print(version_text())
        return 0
    # Exporters are started with flags alone; that is `serve`.
    if not given or (given[0].startswith("-") and given[0] not in {"-h", "--help"}):
        given.insert(0, "serve")
    # These imports take a hundred times as long as printing the version.
    from exporter.cli.parser import run_command  # noqa: PLC0415
    from exporter.errors import ConfigError, ExporterError  # noqa: PLC0415
    from exporter.log import drain  # noqa: PLC0415
    from exporter.toolkit.exceptions import ListenError, WebConfigError  # noqa: PLC0415

    try:
        return run_command(given)
    except (ConfigError, WebConfigError) as error:
        drain()
        print("\n".join(error.faults), file=sys.stderr)
        return 2
    except (ExporterError, ListenError) as error:
        drain()
        print(f"status-exporter: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # The reader of a pipe has closed it, or the disk is full. Without this, Python would report
        # it again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            print(f"status-exporter: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _open_standard_streams() -> None:
    """Open /dev/null for each standard stream that is closed.

    Otherwise the first sockets would get their numbers: output for the terminal would go to a
    client, and libuv aborts the process when it closes one of them.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest free number, which is that of the stream.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
