"""`set` of an action that a custom system declares."""

import asyncio
from pathlib import Path

from aiohttp import web
from pytest_aiohttp import AiohttpServer

from support.process import run

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
    """A server of a custom system; a call ends at each poll."""

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
