"""`sample` and `explain`, as users run them on systems of their own."""

import asyncio
import os
import re
from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpServer

from exporter.poll.answer import MAX_BODY
from exporter.simulator.app import World, make_app
from exporter.simulator.demo import config_text
from support.configurations import HUB, LINES, LISTED
from support.paths import ROOT
from support.process import run

DOC = (ROOT / "docs" / "own-systems.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"```yaml\n(.*?)```\n\n```json\n(.*?)```\n\n```text\n(.*?)```", DOC, re.DOTALL
)
TARGET = 'targets: [{name: one, system: webitel, url: "http://127.0.0.1:1"}]\n'


@pytest.mark.parametrize(("declaration", "answer", "expected"), EXAMPLES)
def test_a_documents_example_gives_what_it_says(
    declaration: str, answer: str, expected: str, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(declaration + TARGET)
    (tmp_path / "answer.json").write_text(answer)
    name = declaration.split()[1].rstrip(":")
    done = run("check", "config.yaml", "--sample", f"{name}=answer.json", cwd=tmp_path)
    shown = [line for line in done.stdout.splitlines() if not line.startswith("#")]

    assert done.returncode == 0, done.stderr
    # Of states only the present one stands in the document.
    told = [
        line
        for line in shown
        if ("_state" not in line and "_health" not in line) or line[-1] == "1"
    ]
    assert told == expected.splitlines()


def test_a_sample_with_a_fault_exits_with_1(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"mode": "production", "request_today": "many", "extra": 1}')
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    faulty = run("check", "--sample", f"genesys_ucs={bad}", cwd=tmp_path)
    none = run("check", "--sample", f"genesys_ucs={wrong}", cwd=tmp_path)
    unknown = run("check", "--sample", f"genesys={bad}", cwd=tmp_path)

    assert faulty.returncode == 1
    assert 'genesys_ucs_mode{target="sample",mode="production"} 1' in faulty.stdout
    assert faulty.stderr.splitlines() == [
        f'{bad}: genesys_ucs_requests_total: "many" is not a number',
        f"{bad}: /extra: no field takes this",
    ]
    assert (none.returncode, none.stdout) == (1, "")
    assert "bad_shape" in none.stderr
    assert unknown.returncode == 2
    assert 'did you mean "genesys_ucs"?' in unknown.stderr


async def test_explain_tells_of_a_live_target_field_by_field(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    server = await aiohttp_server(make_app(World()))
    (tmp_path / "config.yaml").write_text(config_text(str(server.make_url("/"))))
    done = await asyncio.to_thread(run, "explain", "pbx-new", cwd=tmp_path)
    queue = await asyncio.to_thread(run, "explain", "mdw", cwd=tmp_path)
    (tmp_path / "none.yaml").write_text(TARGET)
    down = await asyncio.to_thread(run, "explain", "--config.file", "none.yaml", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert re.search(r"webitel_freeswitch_active_sessions .*> /active", done.stdout)
    assert "no field takes: " in done.stdout
    assert re.search(r"mdworkbench_service_launches .*/\[\*\]", queue.stdout)
    assert (down.returncode, down.stdout) == (1, "")
    assert down.stderr.startswith("one: connect: ")


async def test_explain_shows_no_token_that_a_login_gave(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    async def token(_: web.Request) -> web.Response:
        granted = {"access_token": "canary-7", "token_type": "Bearer", "expires_in": 60}
        return web.json_response(granted)

    async def status(request: web.Request) -> web.Response:
        sent = request.headers["Authorization"].removeprefix("Bearer ")
        return web.json_response({"calls": f"as {sent}", sent: 1})

    app = web.Application()
    app.add_routes([web.post("/token", token), web.get("/status", status)])
    url = str((await aiohttp_server(app)).make_url("")).rstrip("/")
    oauth2 = f"{{client_id: a, client_secret: b, token_url: '{url}/token'}}"
    (tmp_path / "config.yaml").write_text(
        f"systems:{HUB}clients: {{c: {{oauth2: {oauth2}}}}}\n"
        f"targets: [{{name: one, system: hub, client: c, url: '{url}'}}]\n"
    )
    done = await asyncio.to_thread(run, "explain", "one", cwd=tmp_path)

    assert '"as <secret>"' in done.stdout, done.stderr
    assert "no field takes: /<secret>" in done.stdout
    assert "canary" not in done.stdout + done.stderr


def test_a_sample_tells_of_all_that_a_poll_would_drop(tmp_path: Path) -> None:
    config = f"systems:{LISTED}global: {{max_series: 3}}\n"
    target = "targets: [{name: one, system: hub, url: http://127.0.0.1:1}]\n"
    (tmp_path / "c.yaml").write_text(config + target)
    (tmp_path / "a.json").write_text(LINES)
    done = run("check", "c.yaml", "--sample", "one=a.json", cwd=tmp_path)

    assert done.returncode == 1
    assert 'hub_calls{target="one",line="2"} 7\n' in done.stdout
    assert "# HELP hub_lines Number of items.\n" in done.stdout
    assert done.stderr.splitlines() == [
        'a.json: hub_calls: "many" is not a number',
        "a.json: items of lists beyond what is taken of them: 1",
        "a.json: series that are given more than once: 1",
        "a.json: series beyond max_series: 1",
    ]


def test_a_sample_is_a_file_of_the_size_of_an_answer(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TARGET)
    (tmp_path / "a.json").write_bytes(b" " * (MAX_BODY + 1))
    os.mkfifo(tmp_path / "pipe.json")
    large = run("check", "c.yaml", "--sample", "one=a.json", cwd=tmp_path)
    pipe = run("check", "c.yaml", "--sample", "one=pipe.json", cwd=tmp_path)

    assert "--sample: a.json: more than 1048576 bytes" in large.stderr
    assert "--sample: pipe.json: not a regular file" in pipe.stderr


def test_the_documents_examples_are_found() -> None:
    assert len(EXAMPLES) == DOC.count("```yaml") == 4
