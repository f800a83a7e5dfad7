"""`set`, as users run it: against the simulator, in a process of its own."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from support.process import run, said
from support.repository import ROOT
from support.simulator_stage import CONFIG, Stage, staged

# Whoever starts the tests in the background has them ignore what Ctrl-C sends.
PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    " from exporter.cli import main; sys.exit(main())"
)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as one:
        yield one


async def setting(stage: Stage, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `set` with the stage's configuration."""
    return await asyncio.to_thread(run, "set", *words, "--config.file", str(stage.config))


def audited(stderr: str) -> list[str]:
    """Return what the audit lines say, less the time and the user."""
    lines = [line for line in stderr.splitlines() if line.startswith("time=")]
    return [line[line.index("target=") :] for line in lines if "msg=action" in line]


async def test_a_mode_is_set_and_seen(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "ucs-ams: mode",
        "  now     production",
        "  wanted  maintenance",
        f'  sends   POST {stage.url}/cv/server/mode {{"mode": "maintenance"}}',
        "  client  operator",
        "ucs-ams: mode is maintenance",
    ]
    assert said(done.stderr) == [
        "ucs-ams: not yet, unknown (HTTP 503)",
        "ucs-ams: shows maintenance",
    ]
    assert len(stage.writes) == 1


async def test_an_action_is_one_audit_line(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("time="))

    assert re.fullmatch(
        r"time=\S+Z level=info msg=action source=\S+ user=\S+ target=ucs-ams action=mode"
        r" from=production to=maintenance outcome=confirmed",
        line,
    )


async def test_no_secret_is_printed(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")

    assert "-demo" not in done.stdout + done.stderr


async def test_what_is_so_already_is_not_sent(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "production", "--yes")

    assert done.returncode == 0
    assert "ucs-ams: mode is production already; nothing was sent\n" in done.stdout
    assert audited(done.stderr) == [
        "target=ucs-ams action=mode from=production to=production outcome=unchanged"
    ]
    assert [one.method for one in stage.seen] == ["GET"]


async def test_a_dry_run_reads_and_sets_nothing(stage: Stage) -> None:
    words = ("mdw", "state", "maintenance", "--resume-on-restart=false", "--dry-run")
    done = await setting(stage, *words)
    place = "/mdworkbench/server/state?value=maintenance&resumeOnRestart=false"

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "mdw: state",
        "  now     active resume-on-restart=true",
        "  wanted  maintenance resume-on-restart=false",
        f"  sends   PUT {stage.url}{place}",
        "  client  operator",
        "dry run: nothing was changed",
    ]
    assert done.stderr == ""
    assert {one.method for one in stage.seen} == {"GET"}


async def test_without_a_terminal_it_wants_yes(stage: Stage) -> None:
    done = await setting(stage, "ucs-ams", "mode", "maintenance")

    assert done.returncode == 2
    assert done.stderr == "set asks before it sends, and there is no terminal: give --yes\n"
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


async def test_several_targets_are_set_in_the_order_of_the_file(stage: Stage) -> None:
    # What stands first in the file is the second by its name.
    flags = ("--selector", "system=genesys_ucs", "--yes")
    config = CONFIG.replace("URL/cv", "URL/cv/", 1)
    stage.write_config(config.replace("name: ucs-ams", "name: ucs-zzz"))
    done = await setting(stage, "mode", "maintenance", *flags)

    assert done.returncode == 0
    assert audited(done.stderr) == [
        "target=ucs-zzz action=mode from=production to=maintenance outcome=confirmed",
        # The two are one server.
        "target=ucs-lab action=mode from=maintenance to=maintenance outcome=unchanged",
    ]


async def test_the_first_failure_stops_what_follows(stage: Stage) -> None:
    stage.write_config(CONFIG.replace("operator_client: operator", "operator_client: guest"))
    done = await setting(stage, "mode", "maintenance", "--selector", "system=genesys_ucs", "--yes")

    assert done.returncode == 1
    assert said(done.stderr) == [
        (
            "status-exporter: ucs-ams: HTTP 403: this user may not set it, see operator_client;"
            " the server has not changed"
        )
    ]
    assert audited(done.stderr) == [
        "target=ucs-ams action=mode from=production to=maintenance outcome=refused"
    ]
    assert len(stage.writes) == 1


@pytest.mark.parametrize(
    ("status", "outcome", "message"),
    [
        (400, "refused", "HTTP 400: the server takes no such value; the server has not changed"),
        (401, "refused", "HTTP 401: the credentials are missing or were rejected; the server has"),
        (404, "refused", "HTTP 404: there is nothing to set at this URL; the server has not"),
        (503, "refused", "HTTP 503: the server takes no requests now; the server has not changed"),
        (500, "unconfirmed", "HTTP 500; the server may have changed"),
    ],
)
async def test_a_refusal_exits_1_with_one_line(
    status: int, outcome: str, message: str, stage: Stage
) -> None:
    stage.answer = web.Response(status=status)
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")
    (line,) = said(done.stderr)

    assert done.returncode == 1
    assert line.startswith(f"status-exporter: ucs-ams: {message}")
    assert audited(done.stderr)[0].endswith(f"outcome={outcome}")
    assert [one.method for one in stage.seen] == ["GET", "POST"]


async def test_a_server_that_never_leaves_the_switch_is_not_confirmed(stage: Stage) -> None:
    stage.reads_until_over = 1000
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes", "--settle", "1s")

    assert done.returncode == 1
    assert said(done.stderr)[-1] == (
        "status-exporter: ucs-ams: maintenance does not show after 1s, but unknown (HTTP 503);"
        " the server may have changed"
    )
    assert audited(done.stderr)[0].endswith("outcome=unconfirmed")
    assert len(stage.writes) == 1


async def test_an_order_whose_answer_was_lost_is_confirmed_by_reading(stage: Stage) -> None:
    stage.loses_answer = True
    done = await setting(stage, "mdw", "state", "suspended", "--yes")

    assert done.returncode == 0
    assert said(done.stderr) == [
        (
            "mdw: the connection broke before there was an answer; the server may have changed;"
            " reading it"
        ),
        "mdw: shows suspended resume-on-restart=true",
    ]
    assert len(stage.writes) == 1


async def test_an_order_that_is_not_answered_is_confirmed_by_reading(stage: Stage) -> None:
    stage.holds_answer = True
    words = ("ucs-ams", "mode", "maintenance", "--yes", "--settle", "2s")
    done = await setting(stage, *words)

    assert done.returncode == 0
    assert said(done.stderr)[0] == (
        "ucs-ams: no answer within 2s; the server may have changed; reading it"
    )
    assert len(stage.writes) == 1


async def test_what_cannot_be_read_is_not_sent_to(stage: Stage) -> None:
    stage.write_config(CONFIG.replace("client: monitor", "client: guest"))
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")

    assert done.returncode == 1
    assert said(done.stderr) == [
        (
            "status-exporter: ucs-ams: not sent, as its state cannot be read:"
            f" GET {stage.url}/cv/server/status: HTTP 403: the credentials are known but may not"
            " read the status;"
            " the server has not changed"
        )
    ]
    assert audited(done.stderr)[0].endswith("outcome=not_sent")
    assert stage.writes == []


async def test_a_server_that_is_not_there_has_not_changed(stage: Stage) -> None:
    stage.write_config(CONFIG.replace("URL/cv", "http://127.0.0.1:1/cv"))
    done = await setting(stage, "ucs-ams", "mode", "maintenance", "--yes")

    assert done.returncode == 1
    assert said(done.stderr)[0].endswith("Connection refused; the server has not changed")


async def test_running_launches_are_waited_for(stage: Stage) -> None:
    stage.reads_until_over = 2
    done = await setting(stage, "mdw", "state", "suspended", "--yes", "--wait-drained")
    lines = said(done.stderr)

    assert done.returncode == 0
    assert re.fullmatch(
        r"mdw: shows suspended resume-on-restart=true, running launches: \d", lines[0]
    )
    assert lines[1:] == ["mdw: shows suspended resume-on-restart=true"]
    assert stage.world.mdworkbench.running == []


async def test_launches_that_do_not_end_leave_it_unconfirmed(stage: Stage) -> None:
    stage.reads_until_over = 1000
    words = ("mdw", "state", "suspended", "--yes", "--wait-drained", "--settle", "1s")
    first = await setting(stage, *words)
    again = await setting(stage, *words)

    assert (first.returncode, again.returncode) == (1, 1)
    text = "status-exporter: mdw: after 1s there are still running launches; the server has"
    assert said(first.stderr)[-1] == f"{text} changed"
    assert said(again.stderr)[-1] == f"{text} not changed"
    assert len(stage.writes) == 1


async def test_what_can_be_set_is_listed(stage: Stage) -> None:
    done = await setting(stage, "--list")

    assert done.returncode == 0
    assert "  set mode production|maintenance: POST <url>/server/mode" in done.stdout
    assert "  set state --resume-on-restart (false|true, default true)" in done.stdout
    assert "  targets: ucs-ams, ucs-lab\n" in done.stdout
    assert stage.seen == []


CUSTOM = """
systems:
  pbx:
    params: {node: {help: The node.}}
    login:
      request: {method: POST, path: /login, json: {user: "{username}", password: "{password}"}}
      token: /token
      headers: {X-Token: "{token}"}
    endpoints:
      - path: /hidden
        optional: true
        fields: [{gauge: pbx_other, path: /x}]
      - path: /status/{node}
        fields:
          - {within: /queue, fields: [{states: pbx_mode, path: /mode, known: [open, closed]}]}
      - path: /calls
        fields:
          - {gauge: pbx_at_once, path: /hard, read: flag}
          - {gauge: pbx_calls, path: /calls, labels: {state: now}}
    actions:
      mode:
        help: Whether it takes calls.
        request: {method: POST, path: "/set/{node}", json: {to: "{value}", options: {hard: "{hard}"}}}
        values: [open, closed]
        confirmed_by: pbx_mode
        options:
          hard: {help: Whether calls end at once., default: "false", confirmed_by: pbx_at_once}
        drain:
          after: [closed]
          until_zero: {metric: pbx_calls, labels: {state: now}}
          help: calls
clients:
  operator: {login: {username: u, password: p-demo}}
targets:
  - {name: one, system: pbx, url: "URL", client: operator, params: {node: a/b}}
"""


class Pbx:
    """A server of a custom system, whose calls end one at each look."""

    def __init__(self) -> None:
        self.mode, self.hard, self.calls = "open", False, 2
        self.writes: list[tuple[str, object]] = []
        self.app = web.Application()
        self.app.add_routes(
            [
                web.post("/login", self.log_in),
                web.get("/status/a%2Fb", self.status),
                web.get("/calls", self.shown),
                web.post("/set/a%2Fb", self.set),
            ]
        )

    async def log_in(self, _: web.Request) -> web.Response:
        return web.json_response({"token": "t-demo"})

    async def status(self, request: web.Request) -> web.Response:
        assert request.headers["X-Token"] == "t-demo"
        return web.json_response({"queue": {"mode": self.mode}})

    async def shown(self, _: web.Request) -> web.Response:
        if self.mode == "closed":
            self.calls = max(0, self.calls - 1)
        return web.json_response({"hard": self.hard, "calls": self.calls})

    async def set(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        self.writes.append((request.headers["X-Token"], wanted))
        self.mode, self.hard = wanted["to"], wanted["options"].get("hard") == "true"
        return web.Response()


async def test_an_action_of_a_custom_system_is_set(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    pbx = Pbx()
    url = str((await aiohttp_server(pbx.app)).make_url("")).rstrip("/")
    (tmp_path / "config.yaml").write_text(CUSTOM.replace("URL", url))
    words = ("one", "mode", "closed", "--hard=true", "--yes", "--wait-drained")
    done = await asyncio.to_thread(run, "set", *words, cwd=tmp_path)
    listed = await asyncio.to_thread(run, "set", "--list", cwd=tmp_path)
    wrong = await asyncio.to_thread(run, "set", *words[:3], "--hrad=true", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    body = '{"to": "closed", "options": {"hard": "true"}}'
    assert done.stdout.splitlines() == [
        "one: mode",
        "  now     open hard=false",
        "  wanted  closed hard=true",
        f"  sends   POST {url}/set/a%2Fb {body}",
        "  client  operator",
        "one: mode is closed hard=true",
    ]
    assert pbx.writes == [("t-demo", {"to": "closed", "options": {"hard": "true"}})]
    assert pbx.calls == 0
    assert "-demo" not in done.stdout + done.stderr
    assert "  set mode --hard (false|true, default false): Whether calls end" in listed.stdout
    assert "  targets: one\n" in listed.stdout
    assert (wrong.returncode, wrong.stderr) == (2, "one: mode of pbx has no --hrad\n")


def test_a_flag_that_set_does_not_have_is_named() -> None:
    done = run("set", "a", "b", "c", "--wait-draned")

    assert done.returncode == 2
    assert 'set has no flag --wait-draned; did you mean "--wait-drained"?' in done.stderr


def test_systems_tells_what_can_be_set() -> None:
    done = run("systems", "mdworkbench")

    assert "set state active|suspended|maintenance: PUT <url>/mdworkbench/server/state" in (
        done.stdout
    )
    assert "set state --resume-on-restart (false|true, default true): " in done.stdout


class Page:
    """docs/set.md, whose commands are run where its servers are the simulator."""

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


async def test_the_page_shows_what_happens(stage: Stage, renew: bool) -> None:
    page = Page(stage)
    expected = await page.run()
    if renew:
        page.path.write_text(expected, encoding="utf-8")
        page.text = expected

    assert page.text == expected
    assert page.text.count("outcome=confirmed") == 2


class Terminal:
    """A `set` that has a terminal, and what it printed so far."""

    def __init__(self, stage: Stage, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        command = [sys.executable, "-c", PROGRAM, "set", *words]
        self.process = subprocess.Popen(
            [*command, "--config.file", str(stage.config)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm"},
        )
        os.close(theirs)
        self._read_so_far = b""

    @property
    def printed(self) -> str:
        """What the program printed so far."""
        # Decoded as a whole: a read may end within a character or a line end.
        return self._read_so_far.decode(errors="replace").replace("\r\n", "\n")

    async def until(self, text: str) -> None:
        """Read until the text was printed."""
        async with asyncio.timeout(60):
            while text not in self.printed:
                piece = await asyncio.to_thread(self._read)
                assert piece, f"it ended before it printed {text!r}: {self.printed}"
                self._read_so_far += piece

    def type(self, text: bytes) -> None:
        os.write(self._ours, text)

    async def end(self) -> int:
        """Read what is left and return the exit code."""
        async with asyncio.timeout(60):
            while piece := await asyncio.to_thread(self._read):
                self._read_so_far += piece
            code = await asyncio.to_thread(self.process.wait)
        os.close(self._ours)
        return code

    def _read(self) -> bytes:
        # The end of a terminal is an error.
        with suppress(OSError):
            return os.read(self._ours, 65536)
        return b""


Starts = Callable[..., Terminal]


@pytest.fixture
async def start(stage: Stage) -> AsyncIterator[Starts]:
    made = list[Terminal]()

    def one(*words: str) -> Terminal:
        made.append(Terminal(stage, *words))
        return made[-1]

    yield one
    for terminal in made:
        terminal.process.kill()
        terminal.process.wait()


async def test_on_a_terminal_it_asks_and_shows_progress(stage: Stage, start: Starts) -> None:
    terminal = start("ucs-ams", "mode", "maintenance")
    await terminal.until("Send it? [y/N] ")
    before = len(stage.writes)
    terminal.type(b"y\n")

    code = await terminal.end()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.printed)

    assert code == 0
    assert before == 0
    assert len(stage.writes) == 1
    assert "ucs-ams: not yet, unknown (HTTP 503) ━" in plain, terminal.printed
    assert "ucs-ams: mode is maintenance\n" in plain


@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"yeah\n", b"y\xff\n"])
async def test_anything_but_yes_sends_nothing(answer: bytes, stage: Stage, start: Starts) -> None:
    terminal = start("ucs-ams", "mode", "maintenance")
    await terminal.until("[y/N] ")
    terminal.type(answer)

    assert await terminal.end() == 1
    assert "ucs-ams: nothing was sent; the server has not changed\n" in terminal.printed
    assert "outcome=declined\n" in terminal.printed
    assert stage.writes == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_ctrl_c_at_the_question_sends_nothing(
    number: signal.Signals, stage: Stage, start: Starts
) -> None:
    terminal = start("ucs-ams", "mode", "maintenance")
    await terminal.until("[y/N] ")
    terminal.process.send_signal(number)

    assert await terminal.end() == 130
    assert "ucs-ams: interrupted; the server has not changed\n" in terminal.printed
    assert "outcome=interrupted\n" in terminal.printed
    assert stage.writes == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("holds", [True, False], ids=["at the answer", "while reading"])
async def test_ctrl_c_after_it_was_sent_says_so(
    number: signal.Signals, holds: bool, stage: Stage, start: Starts
) -> None:
    stage.holds_answer = holds
    stage.reads_until_over = 1000
    terminal = start("ucs-ams", "mode", "maintenance", "--yes")
    async with asyncio.timeout(60):
        while not stage.writes or (len(stage.reads) < 2 and not holds):
            await asyncio.sleep(0.05)
    terminal.process.send_signal(number)

    assert await terminal.end() == 130
    assert "ucs-ams: interrupted; the server may have changed\n" in terminal.printed
    assert "outcome=interrupted\n" in terminal.printed
    assert "Traceback" not in terminal.printed
