"""The manual page and the completions: all that the parser has, in the words of man and shells."""

import argparse
import re

import pytest

from exporter.cli.outline import outline
from exporter.cli.parser import make_parser
from support.process import run
from support.repository import ROOT

PAGE = ROOT / "docs" / "status-exporter.1"
SHELLS = ("bash", "zsh", "fish")


def parsers() -> dict[str, argparse.ArgumentParser]:
    (commands,) = [
        one.choices for one in make_parser()._actions if isinstance(one, argparse._SubParsersAction)
    ]
    return dict(commands)


def test_the_outline_is_the_parser() -> None:
    assert {
        one.name: {flag for option in one.flags for flag in option.flags}
        for one in outline(make_parser())
    } == {
        name: {flag for action in parser._actions for flag in action.option_strings}
        for name, parser in parsers().items()
    }


def test_the_manual_is_a_copy(renew: bool) -> None:
    written = run("manual").stdout
    if renew:
        PAGE.write_text(written, encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == written


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_has_every_command_and_flag(shell: str) -> None:
    script = run("completion", shell).stdout

    for command in outline(make_parser()):
        assert command.name in script
        for option in command.flags:
            for flag in option.flags:
                name = f"-l {flag[2:]}" if shell == "fish" and flag.startswith("--") else flag
                name = f"-s {flag[1:]}" if shell == "fish" and flag == "-h" else name
                assert re.search(rf"{re.escape(name)}(?![a-z.-])", script), flag
