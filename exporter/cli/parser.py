"""Parses the command line and runs the command, whose module is imported only then."""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from exporter.cli.options import Arguments, add_config, add_connection, add_log, add_target
from exporter.cli.set_flags import add_options, add_set, add_system_options
from exporter.errors import suggestion

_COMMANDS = (
    "check",
    "convert",
    "declare",
    "demo",
    "explain",
    "healthcheck",
    "poll",
    "schema",
    "serve",
    "set",
    "systems",
)
"""Each command is the function `run` of the module `<command>_command`."""


def run_command(given: list[str]) -> int:
    """Run the command and return its exit code."""
    # The flags of `set` require the systems to be loaded; a healthcheck must not wait for that.
    parser = make_parser(options=given[0] == "set")
    word = given[0]
    if not word.startswith("-") and word not in _COMMANDS:
        is_file = word.endswith((".yaml", ".yml"))
        meant = f"did you mean --config.file {word}?" if is_file else suggestion(word, _COMMANDS)
        parser.error(f'there is no command "{word}"; {meant}')
    arguments, rest = parser.parse_known_args(given, namespace=Arguments())
    unknown = add_options(arguments, rest) if arguments.command == "set" else rest
    if unknown:
        parser.error(_unknown(unknown, arguments.command, parser))
    # Imported on demand: a check needs no web server, and --help needs none of the modules.
    module = import_module(f"exporter.cli.{arguments.command}_command")
    run: Callable[[Arguments], int] = module.run
    return run(arguments)


def _unknown(words: list[str], name: str, parser: argparse.ArgumentParser) -> str:
    """Return a message about unknown words, with the flag that was probably meant."""
    given = next((word.partition("=")[0] for word in words if word.startswith("-")), None)
    if given is None:
        return f"{name} takes no further words: {' '.join(words)}"
    known = list(command_parsers(parser)[name]._option_string_actions)  # noqa: SLF001
    return f"{name} has no flag {given}; {suggestion(given, known)}"


def command_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each command by its name, which argparse keeps to itself."""
    return next(
        dict(action.choices)
        for action in parser._actions  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
    )


def make_parser(*, options: bool = True) -> argparse.ArgumentParser:
    """Return the parser of the command line; with `options` of the systems' actions, too."""
    parser = argparse.ArgumentParser(
        prog="status-exporter",
        description="Polls the status endpoints of servers and serves their values to Prometheus.",
        epilog="Without a command, the flags are those of serve.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--version",
        action="store_true",
        help="show the version, its revision and date, and the version of Python",
    )
    commands = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True
    )

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)

    serve = command("serve", "Poll the targets and serve their metrics.")
    serve.add_argument(
        "--config.check",
        dest="config_check",
        action="store_true",
        help="check the configuration and exit: with 0 if it is valid, else with 2 and all faults",
    )
    serve.add_argument(
        "--config.enable-auto-reload",
        dest="auto_reload",
        action="store_true",
        help="reload the configuration when its file has changed; SIGHUP and POST /-/reload work"
        " without it",
    )
    serve.add_argument(
        "--config.auto-reload-interval",
        dest="auto_reload_interval",
        metavar="DURATION",
        default="30s",
        help="how often to check the file for changes (default: 30s)",
    )
    _add_web(serve, ":10125")
    serve.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="listen on the sockets that systemd passes instead of an address",
    )
    serve.add_argument(
        "--web.max-requests",
        dest="max_requests",
        metavar="N",
        type=int,
        default=40,
        help="the maximum number of concurrent scrapes; 0 is no limit (default: 40)",
    )
    serve.add_argument(
        "--shard",
        metavar="N",
        default="0",
        help="the index of this exporter, from 0, or `pod`: the index at the end of the name of a"
        " StatefulSet's pod (default: 0)",
    )
    serve.add_argument(
        "--total-shards",
        metavar="M",
        type=int,
        default=1,
        help="how many exporters share the targets (default: 1)",
    )
    poll = command("poll", "Poll one target once and print its metrics.")
    explain = command(
        "explain", "Poll one target once and list every field with its value and metric."
    )
    for one in (serve, poll, explain):
        add_config(one)
        add_target(one)
        add_log(one, "info" if one is serve else "error")
    for one in (poll, explain):
        one.add_argument(
            "name", metavar="NAME", nargs="?", help="the name of the target in the file"
        )
    check = command("check", "Report every fault of a configuration file, with line and column.")
    check.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        type=Path,
        help="the configuration file, as with --config.file",
    )
    check.add_argument(
        "--sample",
        dest="samples",
        metavar="NAME=ANSWER",
        action="append",
        default=[],
        help="run a target's or system's declaration on a saved answer and print the metrics and"
        " every fault; may be given more than once",
    )
    add_config(check)
    declare = command("declare", "Propose a declaration of a system for an answer.")
    declare.add_argument(
        "answer",
        metavar="ANSWER",
        help="a file with the answer, - for standard input, or the URL of the status endpoint",
    )
    declare.add_argument(
        "--system",
        metavar="NAME",
        help="the name of the system (default: from the file or host)",
    )
    add_connection(declare)
    systems = command("systems", "List the systems: their fields, readings and metrics.")
    systems.add_argument("name", metavar="SYSTEM", nargs="?", help="only this one")
    systems.add_argument(
        "--format",
        choices=("table", "markdown", "yaml"),
        default="table",
        help="a table, a part of the metrics reference, or the declaration (default: table)",
    )
    schema = command("schema", "Write the schema of the configuration file.")
    schema.add_argument(
        "--format",
        choices=("json", "markdown"),
        default="json",
        help="a JSON Schema for editors, or tables (default: json)",
    )
    set_ = command(
        "set", "Set a state of a server, such as its mode, and wait until the server reports it."
    )
    add_set(set_)
    if options:
        add_system_options(set_)
    _add_healthcheck(
        command(
            "healthcheck", "Check a running exporter: exit with 0 if it is healthy, else with 1."
        )
    )
    convert = command("convert", "Convert the configuration of another exporter.")
    convert.add_argument("format", choices=("json-exporter",), help="the other exporter")
    convert.add_argument("file", metavar="FILE", type=Path, help="its configuration file")
    demo = command("demo", "Start a simulator of the four systems and an exporter that polls it.")
    demo.add_argument(
        "--simulator.listen-address",
        dest="simulator_address",
        metavar="ADDRESS",
        help="where the simulator listens (default: 127.0.0.1:10126, or a free port)",
    )
    demo.set_defaults(default_simulator_address="127.0.0.1:10126")
    _add_web(demo, "127.0.0.1:10125", fallback=", or a free port")
    add_log(demo, "info")
    return parser


def _add_healthcheck(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url",
        dest="exporter_url",
        metavar="URL",
        default="http://127.0.0.1:10125",
        help="the URL of the exporter: http://host:port, https://host:port or unix:/path"
        " (default: http://127.0.0.1:10125)",
    )
    parser.add_argument(
        "--ready",
        action="store_true",
        help="check whether every target has been polled, not only whether the exporter answers",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="accept any certificate, such as one without the name localhost",
    )
    parser.add_argument(
        "--cert-file",
        metavar="FILE",
        type=Path,
        help="the client certificate, if the exporter requires one",
    )
    parser.add_argument("--key-file", metavar="FILE", type=Path, help="the key of the certificate")


def _add_web(parser: argparse.ArgumentParser, address: str, *, fallback: str = "") -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="addresses",
        metavar="ADDRESS",
        action="append",
        help="where to listen, as :10125 or unix:/path; may be given more than once"
        f" (default: {address}{fallback})",
    )
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        metavar="PATH",
        default="/metrics",
        help="the path of the metrics (default: /metrics)",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="FILE",
        type=Path,
        help="TLS, passwords, headers and a rate limit of the port, in the format of"
        " exporter-toolkit",
    )
    parser.add_argument(
        "--web.allowed-host",
        dest="allowed_hosts",
        metavar="HOST",
        action="append",
        default=[],
        help="a host name by which browsers may reach the exporter, against DNS rebinding; may be"
        " given more than once; IP addresses and localhost are always allowed (default: any)",
    )
    parser.set_defaults(default_address=address)
