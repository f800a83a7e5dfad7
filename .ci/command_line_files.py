"""Writes the manual page and the shell completions into a folder such as `share`.

    command_line_files.py FOLDER

The folder gets the layout of /usr/share, in which man, bash, zsh and fish look for them. Both are
made from the parser: completions by shtab, the manual page here in the language of man(7).
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import shtab

from exporter import __version__
from exporter.cli.parser import command_parsers, make_parser
from exporter.systems import SYSTEMS

MANUAL = "man/man1/status-exporter.1"
COMPLETIONS = {
    "bash": "bash-completion/completions/status-exporter",
    "zsh": "zsh/site-functions/_status-exporter",
    "fish": "fish/vendor_completions.d/status-exporter.fish",
}
SECTIONS = {
    "EXIT STATUS": (
        ("0", "Success."),
        ("1", "Failure."),
        ("2", "The command line or the configuration is wrong; every fault is reported."),
    ),
    "SIGNALS": (
        ("SIGHUP", "Reloads the configuration; a faulty one changes nothing."),
        ("SIGTERM, SIGINT", "End the exporter. A second one ends it at once."),
    ),
    "FILES": (
        ("config.yaml", "The configuration, in the folder in which the program is started."),
        ("/etc/status-exporter/config.yaml", "The configuration of the service and the image."),
        ("/etc/default/status-exporter", "STATUS_EXPORTER_ARGS, further flags of the service."),
    ),
}


def completion(shell: str) -> str:
    """Return the completion script for a shell."""
    parser = make_parser()
    commands = command_parsers(parser)
    for command in commands.values():
        for action in command._actions:  # noqa: SLF001 - argparse has no other access
            if action.metavar == "SYSTEM":
                action.choices = sorted(SYSTEMS)
            elif action.metavar == "FILE":
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    # Without a command, the flags are those of serve.
    for action in commands["serve"]._actions:  # noqa: SLF001
        if "--help" not in action.option_strings:
            parser._add_action(action)  # noqa: SLF001
    return shtab.complete(parser, shell=shell)


def manual() -> str:
    """Return the manual page."""
    return "\n".join([*_manual_lines(make_parser()), ""])


def _manual_lines(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f'.TH STATUS\\-EXPORTER 1 "" "status\\-exporter {__version__}"'
    yield ".SH NAME"
    yield r"status\-exporter \- polls vendor status endpoints and serves them to Prometheus"
    yield ".SH SYNOPSIS"
    yield r".B status\-exporter"
    yield r"[\fICOMMAND\fR] [\fIFLAGS\fR]"
    yield ".SH DESCRIPTION"
    yield _escaped(parser.description or "")
    yield _escaped(parser.epilog or "")
    yield ".SH COMMANDS"
    for name, command in command_parsers(parser).items():
        positionals = command._get_positional_actions()  # noqa: SLF001
        words = "".join(f" [{_value(action)}]" for action in positionals)
        yield f".SS {_escaped(name)}"
        yield _escaped(command.description or "")
        yield ".PP"
        yield rf"\fBstatus\-exporter {_escaped(name)}\fR [\fIFLAGS\fR]{words}"
        for group in command._action_groups:  # noqa: SLF001
            actions = group._group_actions  # noqa: SLF001
            if actions and group.title not in {"positional arguments", "options"}:
                yield f".PP\n{_escaped(_sentence(group.title or ''))}:"
            for action in actions:
                yield from _entry(_heading(action), action.help or "")
    for title, entries in SECTIONS.items():
        yield f".SH {title}"
        for term, about in entries:
            yield from _entry(rf"\fB{_escaped(term)}\fR", about)
    yield ".SH SEE ALSO"
    yield ".BR prometheus (1)"


def _heading(action: argparse.Action) -> str:
    flags = ", ".join(rf"\fB{_escaped(flag)}\fR" for flag in action.option_strings)
    return f"{flags} {_value(action)}".strip()


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    choices = ", ".join(map(str, action.choices or ()))
    return rf"\fI{_escaped(choices or str(action.metavar or action.dest.upper()))}\fR"


def _entry(heading: str, about: str) -> Iterator[str]:
    yield ".TP"
    yield heading
    yield _escaped(_sentence(about))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escaped(text: str) -> str:
    """Escape what man interprets: backslashes, hyphens, and a dot or quote at the start."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def main() -> None:
    """Write the files."""
    texts = {MANUAL: manual()} | {path: completion(shell) for shell, path in COMPLETIONS.items()}
    for path, text in texts.items():
        file = Path(sys.argv[1], path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
