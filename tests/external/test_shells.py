"""man and the shells read the manual page and the completions."""

import re
import subprocess
from pathlib import Path

import pytest

from exporter.cli.parser import command_parsers, make_parser
from support.repository import ROOT
from support.tools import tool

SHARE = ROOT / "share"
PAGE = SHARE / "man/man1/status-exporter.1"
BASH = SHARE / "bash-completion/completions/status-exporter"
ZSH = SHARE / "zsh/site-functions/_status-exporter"
FISH = SHARE / "fish/vendor_completions.d/status-exporter.fish"

COMPLETED = [
    (["he"], ["healthcheck"]),
    (["healthcheck", "--r"], ["--ready"]),
    # Without a command, the flags are those of serve.
    (["--web.sy"], ["--web.systemd-socket"]),
    (["serve", "--log.format", ""], ["json", "logfmt"]),
    (["poll", "--system", "gen"], ["genesys_ucs"]),
    (["systems", "web"], ["webitel"]),
    (["--config.file", "con"], ["config.yaml"]),
    (["check", "con"], ["config.yaml"]),
]


def checked(*command: str | Path, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=cwd)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_man_reads_the_manual_and_shows_every_flag() -> None:
    shown = re.sub(".\b", "", checked(tool("groff"), "-man", "-ww", "-Tascii", "-P-c", PAGE))

    for command in command_parsers(make_parser()).values():
        for action in command._actions:
            assert ", ".join(action.option_strings) in shown


@pytest.mark.parametrize("script", [BASH, ZSH, FISH], ids=["bash", "zsh", "fish"])
def test_a_shell_finds_no_fault_with_its_completion(
    script: Path, request: pytest.FixtureRequest
) -> None:
    checked(tool(request.node.callspec.id), "-n", script)


@pytest.mark.parametrize(("typed", "offered"), COMPLETED)
def test_bash_completes(typed: list[str], offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    complete = (
        # Only an interactive shell has compopt.
        'compopt() { :; }; source "$1"; shift; COMP_WORDS=(status-exporter "$@"); COMP_CWORD=$#;'
        ' _shtab_status_exporter; printf "%s\\n" "${COMPREPLY[@]}"'
    )

    shown = checked(tool("bash"), "-c", complete, "bash", BASH, *typed, cwd=tmp_path)

    assert sorted(shown.split()) == offered


@pytest.mark.parametrize(("typed", "offered"), COMPLETED)
def test_fish_completes(typed: list[str], offered: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    complete = f"source {FISH}; complete --do-complete 'status-exporter {' '.join(typed)}'"

    shown = checked(tool("fish"), "--no-config", "-c", complete, cwd=tmp_path)

    assert sorted(line.partition("\t")[0] for line in shown.splitlines()) == offered
