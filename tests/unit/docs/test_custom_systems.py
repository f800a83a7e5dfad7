"""The tutorial of docs/custom-systems.md: each step gives what it shows."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from exporter.cli import main
from support.process import run
from support.repository import ROOT

PAGE = ROOT / "docs" / "custom-systems.md"


@dataclass(frozen=True)
class Step:
    """A step with its declaration, its answer, and the command with its output."""

    title: str
    declaration: str
    answer: str
    command: str
    output: tuple[str, ...]

    @property
    def argv(self) -> list[str]:
        """The command's arguments."""
        return self.command.removeprefix("$ status-exporter ").split()


def blocks(section: str, *languages: str) -> list[str]:
    found = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return [body for language, body in found if language in languages]


def read_steps() -> list[Step]:
    steps = []
    for section in re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE):
        consoles = blocks(section, "console")
        if consoles:
            command, *output = consoles[0].splitlines()
            (declaration,), (answer,) = blocks(section, "yaml"), blocks(section, "json", "text")
            title = section.partition("\n")[0]
            steps.append(Step(title, declaration, answer, command, tuple(output)))
    return steps


STEPS = read_steps()
FIRST, *OTHERS, LAST = STEPS


def check(
    step: Step,
    declaration: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    status: int = 0,
) -> tuple[list[str], list[str]]:
    """Run the step's command; return the lines of standard output and of standard error."""
    Path(folder / "config.yaml").write_text(declaration, encoding="utf-8")
    Path(folder / step.argv[-1].partition("=")[2]).write_text(step.answer, encoding="utf-8")

    assert main(step.argv) == status
    done = capsys.readouterr()
    return done.out.splitlines(), done.err.splitlines()


def test_the_steps_are_found() -> None:
    titles = re.findall(r"^## (\d+\. .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert [int(title.partition(".")[0]) for title in titles] == [*range(1, 11)]
    # The first one saves an answer, and has nothing to run.
    assert [step.title for step in STEPS] == titles[1:]


def test_the_first_declaration_gives_all_lines_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out, err = check(FIRST, FIRST.declaration, tmp_path, capsys)

    assert (*out, *err) == FIRST.output


def test_a_misspelled_path_gives_the_lines_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    (shown,) = [one for one in blocks(text, "console") if "with path:" in one]
    misspelled = re.findall(r"with path: (\S+)", shown)[0]
    declaration = FIRST.declaration.replace("path: /connections", f"path: {misspelled}")
    out, err = check(FIRST, declaration, tmp_path, capsys, status=1)

    assert out == []
    assert err == shown.splitlines()[1:]


@pytest.mark.parametrize("step", OTHERS, ids=lambda step: step.title)
def test_a_step_has_the_samples_shown(
    step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out, err = check(step, step.declaration, tmp_path, capsys)

    assert tuple(line for line in out if not line.startswith("#")) == step.output
    assert " 0 faults" in err[-1]


def cells(line: str) -> list[str]:
    return [cell for cell in re.split(r"[│┃\s]{2,}", line.strip("│┃ ")) if cell]


async def test_the_last_step_logs_in_and_explains_the_target(
    tmp_path: Path, aiohttp_server: AiohttpServer
) -> None:
    async def login(request: web.Request) -> web.Response:
        known = await request.json() == {"user": "monitor", "password": "right"}
        body = {"token": "t-1", "lifetime": "30m"}
        return web.json_response(body) if known else web.Response(status=401)

    async def status(request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == "Bearer t-1"
        return (
            web.Response(text=LAST.answer, content_type="application/json")
            if known
            else (web.Response(status=401))
        )

    app = web.Application()
    app.add_routes([web.post("/login", login), web.get("/status", status)])
    url = str((await aiohttp_server(app)).make_url("")).rstrip("/")
    (target,) = yaml.safe_load(LAST.declaration)["targets"]
    (tmp_path / "config.yaml").write_text(LAST.declaration.replace(target["url"], url))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "storage").write_text("right")
    done = await asyncio.to_thread(run, *LAST.argv, cwd=tmp_path)
    lines = [cells(line) for line in done.stdout.replace(url, target["url"]).splitlines()]

    # It exits with 1 because of the value that cannot be read.
    assert (done.returncode, done.stderr) == (1, "")
    assert [line for line in lines if line and line[0][0] not in "┏┡└"] == [
        cells(line) for line in LAST.output
    ]
