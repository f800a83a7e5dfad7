"""`completion`: writes what completes the command line in bash, zsh or fish.

The script holds all words itself, so that a shell need not start the program at each key.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from exporter.cli.options import Arguments
from exporter.cli.outline import Command, Group, Option, outline
from exporter.cli.parser import make_parser
from exporter.systems import SYSTEMS

_SYSTEM = "SYSTEM"


def run(arguments: Arguments) -> int:
    """Run the command."""
    commands = [_with_systems(one) for one in outline(make_parser())]
    write = {"bash": _bash, "zsh": _zsh, "fish": _fish}[arguments.shell]
    print("\n".join(write(commands)))
    return 0


def _with_systems(command: Command) -> Command:
    """Name the systems that are known from the box wherever one is wanted."""
    known = tuple(sorted(SYSTEMS))

    def named(option: Option) -> Option:
        return replace(option, choices=known) if option.value == _SYSTEM else option

    groups = (replace(one, options=tuple(map(named, one.options))) for one in command.groups)
    return replace(command, groups=tuple[Group, ...](groups))


def _bash(commands: list[Command]) -> Iterator[str]:
    names = " ".join(one.name for one in commands)
    yield "# In a file of /etc/bash_completion.d, or read with `source`."
    yield "_status_exporter() {"
    yield "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}"
    # Without a command, flags are those of serve.
    yield "  local command=serve words"
    yield f"  case ${{COMP_WORDS[1]}} in {'|'.join(names.split())}) command=${{COMP_WORDS[1]}};; esac"
    yield f'  if [[ $COMP_CWORD == 1 && $word != -* ]]; then words="{names}"; else'
    yield "  case $command:$before in"
    for command in commands:
        for option in command.flags:
            if option.value:
                pattern = "|".join(f"{command.name}:{flag}" for flag in option.flags)
                yield f"    {pattern}) {_bash_value(option)};;"
    yield "    *) case $command in"
    for command in commands:
        words = [flag for option in command.flags for flag in option.flags]
        words += [choice for option in command.words for choice in option.choices]
        files = any(option.is_file for option in command.words)
        also = ' COMPREPLY=($(compgen -f -- "$word"))' if files else ""
        yield f'      {command.name}) words="{" ".join(words)}"{also and ";" + also};;'
    yield "    esac;;"
    yield "  esac; fi"
    yield '  COMPREPLY+=($(compgen -W "$words" -- "$word"))'
    yield "}"
    yield "complete -o filenames -F _status_exporter status-exporter"


def _bash_value(option: Option) -> str:
    if option.choices:
        return f'words="{" ".join(option.choices)}"'
    return 'COMPREPLY=($(compgen -f -- "$word")); return' if option.is_file else "return"


def _zsh(commands: list[Command]) -> Iterator[str]:
    yield "#compdef status-exporter"
    yield "# As the file _status-exporter in a folder of $fpath."
    yield "_status-exporter() {"
    yield "  local -a commands=("
    for command in commands:
        yield f"    {_quoted(f'{command.name}:{command.summary}')}"
    yield "  )"
    yield "  local command=serve"
    yield "  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then"
    yield "    _describe command commands; return"
    yield "  fi"
    yield "  if [[ $words[2] != -* ]]; then command=$words[2]; shift words; (( CURRENT-- )); fi"
    yield "  case $command in"
    for command in commands:
        yield f"    {command.name}) _arguments \\"
        for option in command.flags:
            for flag in option.flags:
                often = "*" if option.repeated else ""
                value = f":{option.value}:{_zsh_value(option)}" if option.value else ""
                about = re.sub(r"([\[\]:])", r"\\\1", option.help)
                yield f"      {_quoted(f'{often}{flag}[{about}]{value}')} \\"
        for option in command.words:
            yield f"      {_quoted(f':{option.value}:{_zsh_value(option)}')} \\"
        yield "      ;;"
    yield "  esac"
    yield "}"
    yield '_status-exporter "$@"'


def _zsh_value(option: Option) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    return "_files" if option.is_file else " "


def _fish(commands: list[Command]) -> Iterator[str]:
    names = " ".join(one.name for one in commands)
    none = f"not __fish_seen_subcommand_from {names}"
    yield "# As status-exporter.fish in a folder of $fish_complete_path."
    yield "complete -c status-exporter -f"
    for command in commands:
        words = f"-a {command.name} -d {_quoted(command.summary)}"
        yield f"complete -c status-exporter -n {_quoted(none)} {words}"
    for command in commands:
        seen = f"__fish_seen_subcommand_from {command.name}"
        if command.name == "serve":
            seen = f"{seen}; or {none}"
        start = f"complete -c status-exporter -n {_quoted(seen)}"
        for option in command.flags:
            named = " ".join(
                f"-l {one[2:]}" if one.startswith("--") else f"-s {one[1:]}" for one in option.flags
            )
            yield f"{start} {named}{_fish_value(option)} -d {_quoted(option.help)}"
        for option in command.words:
            if option.choices or option.is_file:
                yield f"{start}{_fish_value(option)}"


def _fish_value(option: Option) -> str:
    wants = " -r" if option.flags and option.value else ""
    if option.choices:
        return f"{wants} -a {_quoted(' '.join(option.choices))}"
    return f"{wants} -F" if option.is_file else wants


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
