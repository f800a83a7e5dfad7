"""man and the shells read what the program writes for them."""

import re
import subprocess
from pathlib import Path

import pytest

from exporter.cli.outline import outline
from exporter.cli.parser import make_parser
from support.process import run
from support.repository import ROOT
from support.tools import tool

PAGE = ROOT / "docs" / "status-exporter.1"
SHELLS = ("bash", "zsh", "fish")


def test_man_reads_the_manual_and_shows_every_flag() -> None:
    done = subprocess.run(
        [tool("groff"), "-man", "-ww", "-Tascii", "-P-c", PAGE],
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
    program = tool(shell)
    script = tmp_path / "script"
    script.write_text(run("completion", shell).stdout, encoding="utf-8")

    done = subprocess.run(
        [program, "-n", script], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stderr) == (0, "")


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
        [tool("bash"), "-c", ask, "bash", script, *typed],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=tmp_path,
    )

    assert done.stdout.split() == offered
