"""The flags that several commands share, and the settings they make."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.log import FORMATS, LEVELS

if TYPE_CHECKING:  # A healthcheck, which starts every few seconds, needs no configuration.
    from exporter.declare.system import System
    from exporter.settings import Settings
    from exporter.toolkit.web_config import ReadWebConfig


class Arguments(argparse.Namespace):
    """The parsed command line, typed."""

    command: str
    config_file: Path | None
    config_check: bool
    auto_reload: bool
    auto_reload_interval: str
    addresses: list[str] | None
    default_address: str
    telemetry_path: str
    systemd_socket: bool
    max_requests: int
    web_config_file: Path | None
    allowed_hosts: list[str]
    simulator_address: str | None
    default_simulator_address: str
    shard: str
    total_shards: int
    log_level: str
    log_format: str
    system: str | None
    url: str | None
    target_name: str
    params: list[str]
    labels: list[str]
    interval: str | None
    timeout: str | None
    username: str | None
    password_file: str | None
    header_files: list[str]
    name: str | None
    file: Path | None
    samples: list[str]
    format: str
    words: list[str]
    is_listing: bool
    yes: bool
    dry_run: bool
    settle: str
    wait_drained: bool
    selectors: list[str]
    exporter_url: str
    ready: bool
    insecure: bool
    cert_file: Path | None
    answer: str
    key_file: Path | None
    shell: str


DEFAULT_FILE = Path("config.yaml")
_FIRST_STEPS = f"""\
there is no {DEFAULT_FILE} in this folder. Give another file with --config.file FILE, or try
  status-exporter demo       a simulator of four systems, and an exporter that polls it
  status-exporter check      reports the faults of a configuration, with line and column
  status-exporter --help     lists all commands"""
_ONE_TARGET = {
    "--interval": "interval",
    "--timeout": "timeout",
    "--username": "username",
    "--password-file": "password_file",
    "--param": "params",
    "--label": "labels",
    "--header-file": "header_files",
}


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the flag for the configuration file."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        type=Path,
        help=f"the configuration file (default: {DEFAULT_FILE})",
    )


def add_log(parser: argparse.ArgumentParser, level: str) -> None:
    """Add the flags for the log."""
    parser.add_argument(
        "--log.level",
        dest="log_level",
        choices=LEVELS,
        default=level,
        help=f"the lowest level that is logged (default: {level})",
    )
    parser.add_argument(
        "--log.format",
        dest="log_format",
        choices=FORMATS,
        default="logfmt",
        help="the format of the log (default: logfmt)",
    )


_CONNECTION = (
    ("--timeout", "timeout", "DURATION", "the maximum duration of a poll (default: 5s)"),
    ("--username", "username", "NAME", "the user for basic authentication"),
    ("--password-file", "password_file", "FILE", "a file with the password of the user"),
)
_HEADER = ("--header-file", "header_files", "NAME=FILE", "a header whose value is in a file")


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the flags that describe one target instead of a configuration file."""
    group = parser.add_argument_group("one target, without a configuration file")
    for flag, dest, metavar, text in (
        ("--system", "system", "SYSTEM", "its system; see `status-exporter systems`"),
        ("--url", "url", "URL", "its URL, without the paths of endpoints"),
        ("--interval", "interval", "DURATION", "how often to poll it (default: 15s)"),
        *_CONNECTION,
    ):
        group.add_argument(flag, dest=dest, metavar=metavar, help=text)
    group.add_argument(
        "--name",
        dest="target_name",
        metavar="NAME",
        default="local",
        help="the value of its label `target` (default: local)",
    )
    for option in (
        ("--param", "params", "NAME=VALUE", "a parameter of its system, such as serverid=1200345"),
        ("--label", "labels", "NAME=VALUE", "a label for its metrics"),
        _HEADER,
    ):
        _add_repeated(group, *option)


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the flags for how to connect to a URL."""
    group = parser.add_argument_group("if ANSWER is a URL")
    for flag, dest, metavar, text in _CONNECTION:
        group.add_argument(flag, dest=dest, metavar=metavar, help=text)
    _add_repeated(group, *_HEADER)
    parser.set_defaults(
        url=None, config_file=None, target_name="local", interval=None, params=[], labels=[]
    )


def _add_repeated(
    group: "argparse._ArgumentGroup", flag: str, dest: str, metavar: str, text: str
) -> None:
    group.add_argument(
        flag,
        dest=dest,
        metavar=metavar,
        action="append",
        default=[],
        help=f"{text}; may be given more than once",
    )


def settings_of(
    arguments: Arguments,
    *,
    needs_targets: bool = True,
    systems: "Mapping[str, System] | None" = None,
) -> "Settings":
    """Return the settings: of the configuration file, or of the one target in the flags.

    `systems` replace the built-in systems for the one target.

    Raises:
        ConfigError: All faults.
    """
    from exporter.config import load_file, load_flags  # noqa: PLC0415 - --help must not wait for pydantic
    from exporter.errors import ConfigError  # noqa: PLC0415
    from exporter.systems import SYSTEMS  # noqa: PLC0415

    if arguments.system is None and arguments.url is None:
        given = [flag for flag, dest in _ONE_TARGET.items() if getattr(arguments, dest, None)]
        if given:
            raise ConfigError((f"{given[0]} goes with --system and --url, not with a file",))
        if arguments.config_file is None and not DEFAULT_FILE.exists():
            raise ConfigError((_FIRST_STEPS,))
        file = arguments.config_file or DEFAULT_FILE
        return load_file(file, SYSTEMS, needs_targets=needs_targets)
    if arguments.config_file:
        raise ConfigError(("--config.file and --system exclude each other",))
    data, flags = _document(arguments)
    return load_flags(data, flags, SYSTEMS if systems is None else systems)


def web_of(arguments: Arguments) -> "ReadWebConfig | None":
    """Check the web configuration file, if there is one, and return the function that reads it.

    Raises:
        WebConfigError: All faults of the file.
    """
    if arguments.web_config_file is None:
        return None
    from exporter.toolkit.web_config import WebConfigFile  # noqa: PLC0415 - not for --help

    file = WebConfigFile(arguments.web_config_file)
    file.check()
    return file.read


def allowed_hosts_of(arguments: Arguments) -> list[str]:
    """Return the host names by which browsers may reach the exporter; empty allows all.

    Raises:
        WebConfigError: A name is invalid.
    """
    if not arguments.allowed_hosts:
        return []
    from exporter.toolkit.browsers import check_host_name  # noqa: PLC0415 - not for --help

    return [check_host_name(name) for name in arguments.allowed_hosts]


def _document(arguments: Arguments) -> tuple[dict[str, Any], dict[tuple[str | int, ...], str]]:
    target: dict[str, Any] = {"name": arguments.target_name}
    flags: dict[tuple[str | int, ...], str] = {("targets", 0, "name"): "--name"}
    for key in ("system", "url", "interval", "timeout"):
        flags["targets", 0, key] = f"--{key}"
        if getattr(arguments, key) is not None:
            target[key] = getattr(arguments, key)
    for key, given, flag in (
        ("params", arguments.params, "--param"),
        ("labels", arguments.labels, "--label"),
    ):
        target[key] = pairs_of(given, flag)
        flags["targets", 0, key] = flag
    client: dict[str, Any] = {}
    if arguments.username is not None or arguments.password_file is not None:
        client["basic_auth"] = {
            key: value
            for key, value in (
                ("username", arguments.username),
                ("password_file", arguments.password_file),
            )
            if value is not None
        }
        flags["clients", "local", "basic_auth"] = "--username"
        flags["clients", "local", "basic_auth", "password_file"] = "--password-file"
    headers = pairs_of(arguments.header_files, "--header-file")
    client["http_headers"] = {name: {"files": [file]} for name, file in headers.items()}
    flags["clients", "local", "http_headers"] = "--header-file"
    target["client"] = "local"
    return {"clients": {"local": client}, "targets": [target]}, flags


def pairs_of(given: list[str], flag: str) -> dict[str, str]:
    """Return the arguments NAME=VALUE as a mapping; raise ConfigError for a repeated name."""
    from exporter.errors import ConfigError  # noqa: PLC0415

    pairs = dict[str, str]()
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigError((f"{flag}: {pair} is not NAME=VALUE",))
        if name in pairs:
            raise ConfigError((f"{flag}: {name} is given twice",))
        pairs[name] = value
    return pairs
