"""Systems declared in the configuration: in the words of the built-in ones, checked alike."""

import asyncio
import json
import os
import re
from pathlib import Path

import pytest
from aiohttp import web
from conftest import NOW, make_target
from program import run
from pytest_aiohttp import AiohttpServer

from exporter.config import load_file, load_text
from exporter.errors import ConfigError
from exporter.poll.answer import MAX_BODY, Answer
from exporter.poll.explain import explain
from exporter.poll.extract import extract
from exporter.poll.parse import parse
from exporter.poll.untaken import untaken
from exporter.simulator.app import World, make_app
from exporter.simulator.demo import config_text
from exporter.spec import KEY, Count, Each, Endpoint, Part
from exporter.systems import SYSTEMS

ROOT = Path(__file__).parent.parent
DOC = (ROOT / "docs" / "own-systems.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"```yaml\n(.*?)```\n\n```json\n(.*?)```\n\n```text\n(.*?)```", DOC, re.DOTALL
)
TARGET = 'targets: [{name: one, system: webitel, url: "http://127.0.0.1:1"}]\n'
HUB = """
  hub:
    endpoints:
      - path: /status
        fields:
          - {gauge: hub_calls, path: /calls}
"""


def test_the_documents_examples_are_found() -> None:
    assert len(EXAMPLES) == DOC.count("```yaml") == 4


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


def test_a_reload_of_the_same_declaration_gives_the_same_targets() -> None:
    text = f"systems:{HUB}targets:\n  - {{name: a, system: hub, url: http://h}}\n"
    first = load_text(text, "c", Path(), SYSTEMS)
    same = load_text(text, "c", Path(), SYSTEMS)
    other = load_text(text.replace("/calls", "/phones"), "c", Path(), SYSTEMS)

    assert first.targets == same.targets
    assert first.targets != other.targets


def test_systems_may_stand_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / "hub.yaml").write_text(f"systems:{HUB}")
    path = tmp_path / "config.yaml"
    path.write_text(
        "system_files: ['systems/*.yaml']\ntargets: [{name: a, system: hub, url: http://h}]\n"
    )
    settings = load_file(path, SYSTEMS)

    assert settings.targets[0].system.name == "hub"
    assert settings.files == (path, tmp_path / "systems" / "hub.yaml")


@pytest.mark.parametrize(
    ("written", "faults"),
    [
        (f"systems:{HUB}".replace("/calls", "calls"), ["systems/a.yaml:6:32: "]),
        ("systems: [}", ["systems/a.yaml:1:11: not valid YAML: "]),
        (
            f"systems:{HUB}{HUB.replace('hub', 'webitel')}",
            ["systems/a.yaml:8:3: systems.webitel: there is"],
        ),
        (
            "other: 1",
            ["systems/a.yaml:1:1: other: unknown key", "systems/a.yaml:1:1: systems: this"],
        ),
    ],
)
def test_a_fault_in_a_file_of_systems_is_told_with_its_place(
    written: str, faults: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("systems").mkdir()
    Path("systems/a.yaml").write_text(written)
    Path("config.yaml").write_text(
        "system_files: [systems/a.yaml]\ntargets: [{name: a, system: hub, url: http://h}]\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_file(Path("config.yaml"), SYSTEMS)

    told = [one for one in caught.value.faults if one.startswith("systems/")]
    assert [one[: len(fault)] for one, fault in zip(sorted(told), faults, strict=True)] == faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("path: /calls", "path: []", "6:32: {calls}.path: must not be empty"),
        ("path: /calls", "path: /a~b", "6:32: {calls}.path: in a path ~1 stands for a slash"),
        (
            "path: /calls",
            "path: /calls, read: [number]",
            "6:46: {calls}.read: there is no reading",
        ),
        ("hub_calls", "calls", "6:14: {calls}.gauge: calls: a metric of hub is named hub_some"),
        ("/status", "/größe", "4:9: systems.hub.endpoints[0].path: an endpoint's path is as"),
        ("/status", "/{", "4:9: systems.hub.endpoints[0].path: an endpoint's path is as"),
        (
            "    endpoints",
            "    params: {id: {in: path}}\n    endpoints",
            "2:3: systems.hub: no endpoint's path has the place {{id}} for its param in: path",
        ),
        (
            "{gauge: hub_calls, path: /calls}",
            "{each: /u, fields: [{gauge: hub_calls, path: /c, lables: {}}]}",
            "6:62: {calls}.fields[0].lables: unknown key; did you mean",
        ),
        (
            "path: /status",
            "path: /status\n        when: {deep: 'true'}",
            "2:3: systems.hub: when: no target can say deep: true",
        ),
    ],
)
def test_a_mistake_in_a_declaration_is_one_line_with_its_place(
    old: str, new: str, fault: str
) -> None:
    text = f"systems:{HUB}targets: [{{name: a, system: hub, url: http://h}}]\n"
    with pytest.raises(ConfigError) as caught:
        load_text(text.replace(old, new, 1), "c", Path(), SYSTEMS)

    expected = fault.format(calls="systems.hub.endpoints[0].fields[0]")
    assert any(one.startswith(f"c:{expected}") for one in caught.value.faults), caught.value.faults


def test_a_target_that_would_ask_nothing_is_refused() -> None:
    params = "    params: {deep: {in: switch, default: 'false'}}\n    endpoints"
    when = "path: /status\n        when: {deep: 'true'}"
    text = f"systems:{HUB}".replace("    endpoints", params).replace("path: /status", when)
    target = "targets: [{name: a, system: hub, url: http://h%s}]\n"

    with pytest.raises(ConfigError, match="none of the endpoints of hub would be asked"):
        load_text(text + target % "", "c", Path(), SYSTEMS)
    assert load_text(text + target % ", params: {deep: 'true'}", "c", Path(), SYSTEMS).targets


def test_a_client_whose_name_is_no_text_is_a_fault() -> None:
    text = "clients: {true: {}}\ntargets: [{name: a, system: webitel, url: http://h, client: t}]\n"
    with pytest.raises(ConfigError, match='there is no client "t"'):
        load_text(text, "c", Path(), SYSTEMS)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"mode": "production"}, []),
        (
            {"mode": "production", "new": 1, "deep": {"er": [1, {"x": None}, {"x": 2}]}},
            ["/new", "/deep/er/*", "/deep/er/*/x"],
        ),
    ],
)
def test_what_no_field_takes_is_found(tree: object, expected: list[str]) -> None:
    assert untaken(tree, SYSTEMS["genesys_ucs"].endpoints[0]) == expected


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "answers").glob("*/*page*.json")))
def test_looking_for_what_is_not_taken_bears_every_recording(path: Path) -> None:
    endpoint = SYSTEMS[path.parent.name].endpoints[0]
    tree = parse(Answer("application/json", path.read_bytes(), NOW), endpoint)

    assert extract(tree, endpoint, make_target(path.parent.name).params, NOW).samples
    assert len(untaken(tree, endpoint)) < 200


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


LISTED = """
  hub:
    endpoints:
      - path: /status
        fields:
          - each: /lines
            labels: {line: /id}
            where: {path: /state, is: up}
            most: 4
            fields:
              - {gauge: hub_calls, path: /calls}
              - {count: hub_lines}
"""
LINES = """{"lines": [
    {"id": 1, "state": "down", "calls": "none"}, {"id": 2, "state": "up", "calls": 7},
    {"id": 3, "state": "up", "calls": "many"}, {"id": 2, "state": "up", "calls": 8}, {"id": 4}]}
"""


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


def test_items_of_an_object_are_alike_where_nothing_takes_them() -> None:
    part = Part("hub_part", "/part", help="P.", fields=(), silent=("/off", 1))
    count = Count("hub_lines", help="Lines.")
    ports = Each("/ports", labels={"port": (KEY,)}, fields=(count,))
    inner = Each("/lines", labels={"line": (KEY,)}, fields=(part, ports))
    endpoint = Endpoint(path="/", fields=(inner,))
    line = {"off": 1, "new": 2, "part": 3, "ports": {"x": {"deep": 1}, "y": {"deep": 1}}}
    tree = {"lines": {"a": line, "b": line, "c": 7}, "other": {"a": 1}}

    assert untaken(tree, endpoint) == [
        "/lines/*/new",
        "/lines/*/ports/*/deep",
        "/lines/c",
        "/other/a",
    ]


def test_explain_shows_an_item_that_is_taken_and_the_faults_of_all() -> None:
    config = f"systems:{LISTED}targets: [{{name: a, system: hub, url: http://h}}]\n"
    (target,) = load_text(config, "c", Path(), SYSTEMS).targets
    (endpoint,) = target.system.endpoints
    calls, _ = explain(json.loads(LINES), endpoint, {}, NOW)
    (empty,) = explain({"lines": []}, endpoint, {}, NOW)

    assert calls.raw == "7 (first of 3)"
    assert [one.value for one in calls.readings] == [7.0]
    assert [fault.message for fault in calls.faults] == ['"many" is not a number']
    assert (empty.place, empty.raw) == ("/lines[*]", "a list")
