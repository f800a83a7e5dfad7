"""The manual page and the completions: all that the parser has, in the words of man and shells."""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from deployed import ROOT
from program import run

from exporter.cli.outline import outline
from exporter.cli.parser import make_parser

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


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_man_reads_the_manual_and_shows_every_flag() -> None:
    done = subprocess.run(
        ["/usr/bin/env", "groff", "-man", "-ww", "-Tascii", "-P-c", PAGE],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    shown = re.sub(".\b", "", done.stdout)

    assert (done.returncode, done.stderr) == (0, "")
    for command in outline(make_parser()):
        for option in command.flags:
            assert ", ".join(option.flags) in shown


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_finds_no_fault_with_its_completion(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if not program:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(run("completion", shell).stdout, encoding="utf-8")

    done = subprocess.run(
        [program, "-n", script], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")


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


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["he"], ["healthcheck"]),
        (["healthcheck", "--r"], ["--ready"]),
        (["--web.sy"], ["--web.systemd-socket"]),
        (["serve", "--log.format", ""], ["logfmt", "json"]),
        (["poll", "--system", "gen"], ["genesys_ucs"]),
        (["systems", "web"], ["webitel"]),
        (["--config.file", "con"], ["config.yaml"]),
        (["check", "con"], ["config.yaml"]),
        (["serve", "--url", "h"], []),
        (["completion", ""], ["-h", "--help", "bash", "zsh", "fish"]),
    ],
)
def test_bash_offers_what_fits(typed: list[str], offered: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(run("completion", "bash").stdout, encoding="utf-8")
    (tmp_path / "config.yaml").touch()
    ask = (
        'source "$1"; shift; COMP_WORDS=(status-exporter "$@"); COMP_CWORD=$#;'
        ' _status_exporter; printf "%s\\n" "${COMPREPLY[@]}"'
    )

    done = subprocess.run(
        ["/usr/bin/env", "bash", "-c", ask, "bash", script, *typed],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
    )

    assert done.stdout.split() == offered
