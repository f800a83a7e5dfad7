"""The flags of `set`: those of every action, and the options that systems declare."""

import argparse
import re
from collections.abc import Mapping

from exporter.cli.options import Arguments, add_config

DEFAULT_SETTLE = "90s"

_DEST = "option:"
_OPTION = re.compile(r"--([a-z][a-z0-9-]*)=(.*)", re.DOTALL)


def add_set(parser: argparse.ArgumentParser) -> None:
    """Add the flags of every action."""
    parser.usage = (
        "status-exporter set TARGET ACTION VALUE [--OPTION=VALUE] [flags]\n"
        "       status-exporter set --selector NAME=VALUE ACTION VALUE [--OPTION=VALUE] [flags]\n"
        "       status-exporter set --list"
    )
    parser.add_argument(
        "words",
        metavar="TARGET ACTION VALUE",
        nargs="*",
        help="the target's name, the state to set, and its value",
    )
    add_config(parser)
    for flag, dest, text in (
        ("--list", "is_listing", "list what can be set, and for which targets"),
        ("--yes", "yes", "send it without confirmation"),
        (
            "--dry-run",
            "dry_run",
            "show the current state and the request, without sending it",
        ),
        (
            "--wait-drained",
            "wait_drained",
            "also wait until running work, such as calls or launches, has ended",
        ),
    ):
        parser.add_argument(flag, dest=dest, action="store_true", help=text)
    parser.add_argument(
        "--settle",
        metavar="DURATION",
        default=DEFAULT_SETTLE,
        help=f"how long to wait until the server reports the state (default: {DEFAULT_SETTLE})",
    )
    parser.add_argument(
        "--selector",
        dest="selectors",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="instead of TARGET: every target with this label or system, one after another in"
        " the order of the file; if given more than once, all must match",
    )


def add_system_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the built-in systems' actions."""
    from exporter.systems import SYSTEMS  # noqa: PLC0415 - loaded on demand

    group = parser.add_argument_group("options of actions")
    options = {
        name: (option, system)
        for system in SYSTEMS.values()
        for action in system.actions.values()
        for name, option in action.options.items()
    }
    for name, (option, system) in options.items():
        group.add_argument(
            f"--{name}",
            dest=f"{_DEST}{name}",
            metavar="|".join(option.choices),
            help=f"{system.name}: {option.help} Default: {option.default}",
        )


def add_options(arguments: Arguments, words: list[str]) -> list[str]:
    """Add the options of custom systems, `--NAME=VALUE`; return all other words.

    They are validated after the configuration is loaded.
    """
    unknown = []
    for word in words:
        option = _OPTION.fullmatch(word)
        if option:
            setattr(arguments, f"{_DEST}{option[1]}", option[2])
        else:
            unknown.append(word)
    return unknown


def options_of(arguments: Arguments) -> Mapping[str, str]:
    """Return the given options."""
    return {
        dest.removeprefix(_DEST): value
        for dest, value in vars(arguments).items()
        if dest.startswith(_DEST) and value is not None
    }
