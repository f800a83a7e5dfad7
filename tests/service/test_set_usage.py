"""Wrong usage of `set`, its lists, and its page in docs/."""

import asyncio
import os
import re
import subprocess
import sys

import pytest

from support.process import run
from support.repository import ROOT
from support.simulator_stage import Stage, setting


async def test_without_a_terminal_set_requires_yes(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "maintenance")

    assert done.returncode == 2
    assert done.stderr == "set asks for confirmation, and there is no terminal: give --yes\n"
    assert stage.seen == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("ucs", "mode", "maintenance"), 'there is no target "ucs" in the file; did you mean'),
        (("ucs-ams", "state", "active"), 'ucs-ams: genesys_ucs has no action "state"; known: mode'),
        (("ucs-ams", "mode", "sleep"), "ucs-ams: mode is one of production, maintenance, not"),
        (("pbx", "mode", "maintenance"), "pbx: there is nothing to set of webitel"),
        (
            ("mdw", "state", "active", "--resume-on-restart=perhaps"),
            "mdw: --resume-on-restart is one of false, true",
        ),
        (
            ("ucs-ams", "mode", "maintenance", "--resume-on-restart=true"),
            "ucs-ams: mode of genesys_ucs has no --resume-on-restart",
        ),
        (("ucs-ams", "mode"), "set takes TARGET ACTION VALUE; see status-exporter set --list"),
        (
            ("ucs-ams", "mode", "maintenance", "--selector", "site=ams"),
            "set takes ACTION VALUE; see status-exporter set --list",
        ),
        (("mode", "maintenance", "--selector", "ams"), "--selector: ams is not NAME=VALUE"),
        (
            ("mode", "maintenance", "--selector", "site=fra", "--selector", "system=genesys_ucs"),
            "--selector: no target of the file has site=fra, system=genesys_ucs",
        ),
        (
            ("mode", "maintenance", "--selector", "site=lab"),
            'mdw: mdworkbench has no action "mode"; known: state',
        ),
        (
            ("ucs-ams", "mode", "maintenance", "--settle", "soon"),
            '--settle: "soon" is not a duration',
        ),
        (
            ("ucs-ams", "mode", "maintenance", "--wait-drained"),
            "ucs-ams: nothing drains with mode maintenance: leave out --wait-drained",
        ),
        (
            ("mdw", "state", "active", "--wait-drained"),
            "mdw: nothing drains with state active: leave out --wait-drained",
        ),
    ],
)
async def test_wrong_usage_exits_2_with_one_line_and_sends_nothing(
    words: tuple[str, ...], message: str, stage: Stage
) -> None:
    done = await setting(stage, *words, "--yes")

    assert done.returncode == 2
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1
    assert stage.seen == []


async def test_what_can_be_set_is_listed(stage: Stage) -> None:
    done = await setting(stage, "--list")

    assert done.returncode == 0
    assert "  set mode production|maintenance: POST <url>/server/mode" in done.stdout
    assert "  set state --resume-on-restart (false|true, default true)" in done.stdout
    assert "  targets: ucs-ams, ucs-lab\n" in done.stdout
    assert stage.seen == []


def test_a_flag_that_set_does_not_have_is_named() -> None:
    done = run("set", "a", "b", "c", "--wait-draned")

    assert done.returncode == 2
    assert 'set has no flag --wait-draned; did you mean "--wait-drained"?' in done.stderr


def test_systems_lists_what_can_be_set() -> None:
    done = run("systems", "mdworkbench")

    assert "set state active|suspended|maintenance: PUT <url>/mdworkbench/server/state" in (
        done.stdout
    )
    assert "set state --resume-on-restart (false|true, default true): " in done.stdout


class Page:
    """docs/set.md, whose commands run against the simulator."""

    def __init__(self, stage: Stage) -> None:
        self.path = ROOT / "docs" / "set.md"
        self.text = self.path.read_text(encoding="utf-8")
        self._stage = stage
        (config,) = re.findall(r"```yaml\n(.*?)```", self.text, re.DOTALL)
        for address in ("https://ucs.example.com:8080", "https://mdw.example.com"):
            config = config.replace(address, stage.url)
        stage.write_config(config)
        folder = stage.config.parent / "secrets"
        folder.mkdir()
        for name, password in (
            ("ucs", "monitor-demo"),
            ("ucs-operator", "admin-demo"),
            ("mdworkbench", "admin-demo"),
        ):
            (folder / name).write_text(password, encoding="utf-8")

    async def run(self) -> str:
        """Return the page with what its commands print, of which the time and user are invented."""
        before, after = re.split(r"(?<=```console\n).*?(?=```)", self.text, flags=re.DOTALL)
        printed = list[str]()
        for command in re.findall(r"^\$ status-exporter (.*)", self.text, re.MULTILINE):
            printed += [f"$ status-exporter {command}\n", await self._printed(command.split())]
        return f"{before}{''.join(printed)}{after}"

    async def _printed(self, words: list[str]) -> str:
        command = [sys.executable, "-m", "exporter", *words]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=self._stage.config.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=60,
            check=False,
        )
        text = done.stdout.decode()
        text = text.replace(f"{self._stage.url}/cv", "https://ucs.example.com:8080/cv")
        text = text.replace(self._stage.url, "https://mdw.example.com")
        text = re.sub(r"^time=\S+", "time=2024-03-18T09:00:00.108Z", text, flags=re.MULTILINE)
        return re.sub(r" user=\S+ ", " user=ada ", text)


async def test_the_page_shows_the_real_output(stage: Stage, renew: bool) -> None:
    page = Page(stage)
    expected = await page.run()
    if renew:
        page.path.write_text(expected, encoding="utf-8")
        page.text = expected

    assert page.text == expected
    assert page.text.count("outcome=confirmed") == 2
