"""The parser goes in; what completions and the manual tell of it comes out, command by command."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Option:
    """A flag, or a word without one."""

    flags: tuple[str, ...]
    help: str
    value: str
    """What the value is called, or "" where it takes none."""
    choices: tuple[str, ...]
    is_file: bool
    repeated: bool


@dataclass(frozen=True, kw_only=True)
class Group:
    """Options under a common title, which is "" for most."""

    title: str
    options: tuple[Option, ...]


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command of the program."""

    name: str
    summary: str
    groups: tuple[Group, ...]

    @property
    def flags(self) -> Iterator[Option]:
        """Give the options that begin with a dash."""
        for group in self.groups:
            yield from (one for one in group.options if one.flags)

    @property
    def words(self) -> Iterator[Option]:
        """Give the options that have no flag."""
        for group in self.groups:
            yield from (one for one in group.options if not one.flags)


def outline(parser: argparse.ArgumentParser) -> list[Command]:
    """Return every command of the parser."""
    return [
        Command(
            name=name,
            summary=(one.description or "").rstrip("."),
            groups=tuple(_groups(one)),
        )
        for action in parser._actions  # noqa: SLF001 - argparse has no other way to look at it
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001
        for name, one in action.choices.items()
    ]


def _groups(parser: argparse.ArgumentParser) -> Iterator[Group]:
    for group in parser._action_groups:  # noqa: SLF001
        options = tuple(_option(one) for one in group._group_actions)  # noqa: SLF001
        if options:
            known = group.title in {"positional arguments", "options"}
            yield Group(title="" if known else group.title or "", options=options)


def _option(action: argparse.Action) -> Option:
    value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    choices = tuple(str(one) for one in action.choices or ())
    return Option(
        flags=tuple(action.option_strings),
        help=action.help or "",
        value=", ".join(choices) if choices and value else value,
        choices=choices,
        is_file=action.type is Path or value == "FILE",
        repeated=isinstance(action, argparse._AppendAction),  # noqa: SLF001
    )
