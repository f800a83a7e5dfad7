"""`check --sample` and `explain`, as users run them on custom systems."""

import asyncio
import json
import os
import re
from pathlib import Path

from aiohttp import web
from pytest_aiohttp import AiohttpServer

from exporter.http.answer import MAX_BODY
from exporter.simulator.app import SimulatedServers, make_app
from exporter.simulator.demo import config_text
from support.configurations import HUB, LINES, LISTED
from support.process import run

TARGET = 'targets: [{name: one, system: webitel, url: "http://127.0.0.1:1"}]\n'


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
        f"{bad}: /version: no such key",
        f"{bad}: /max_memory: no such key",
        f"{bad}: /allocated_memory: no such key",
        f"{bad}: /used_memory: no such key",
        f"{bad}: /free_memory: no such key",
        f"{bad}: /client_errors_today: no such key",
        f"{bad}: /server_errors_today: no such key; did you mean /request_today?",
        f"{bad}: /started: no such key",
        f"{bad}: /last_request: no such key",
        f"{bad}: /system_time: no such key",
        f"{bad}: unmapped in /: extra",
        (
            f"{bad}: genesys_ucs /server/status: 3 series, 1 fault, 10 paths that find nothing,"
            " 1 unmapped value"
        ),
    ]
    assert (none.returncode, none.stdout) == (1, "")
    assert "bad_shape" in none.stderr
    assert unknown.returncode == 2
    assert 'did you mean "genesys_ucs"?' in unknown.stderr


async def test_explain_shows_each_field_of_a_live_target(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    server = await aiohttp_server(make_app(SimulatedServers()))
    (tmp_path / "config.yaml").write_text(config_text(str(server.make_url("/"))))
    done = await asyncio.to_thread(run, "explain", "pbx-new", cwd=tmp_path)
    queue = await asyncio.to_thread(run, "explain", "mdw", cwd=tmp_path)
    (tmp_path / "none.yaml").write_text(TARGET)
    down = await asyncio.to_thread(run, "explain", "--config.file", "none.yaml", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert re.search(r"webitel_freeswitch_active_sessions .*> /active", done.stdout)
    assert "unmapped: " in done.stdout
    assert re.search(r"mdworkbench_service_launches .*/\*", queue.stdout)
    # The URL that was requested, with what the system adds to the target's.
    assert f"GET {server.make_url('/mdworkbench/server/state')}\n" in queue.stdout
    assert (down.returncode, down.stdout) == (1, "")
    assert down.stderr.startswith("one: connect: ")


# Control, bidirectional and invisible characters.
COMMANDS = "\x1b\x07\x9b\r\u202e\u2066\u200b\u061c\ufeff"


async def test_no_character_of_an_answer_controls_the_terminal(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    hostile = f"a{COMMANDS}\nb"
    answer = {
        "calls": hostile,
        hostile: 1,
        "lines": [{"id": hostile, hostile: hostile}, {"id": {hostile: 1}}, {hostile: 1}],
    }

    async def status(_: web.Request) -> web.Response:
        return web.json_response(answer)

    app = web.Application()
    app.add_routes([web.get("/status", status)])
    url = str((await aiohttp_server(app)).make_url("")).rstrip("/")
    (tmp_path / "c.yaml").write_text(
        f"systems:{LISTED}"
        "          - {info: hub_name_info, labels: {name: /calls}}\n"
        f"targets: [{{name: one, system: hub, url: '{url}'}}]\n"
    )
    (tmp_path / "a.json").write_text(json.dumps(answer))
    explained = await asyncio.to_thread(run, "explain", "--config.file=c.yaml", cwd=tmp_path)
    polled = await asyncio.to_thread(run, "poll", "--config.file=c.yaml", cwd=tmp_path)
    sampled = await asyncio.to_thread(
        run, "check", "c.yaml", "--sample", "one=a.json", cwd=tmp_path
    )

    for done in (explained, polled, sampled):
        assert "a\ufffd" in done.stdout + done.stderr, done
        assert not {*COMMANDS} & {*done.stdout, *done.stderr}
    assert "unmapped: /a\ufffd" in explained.stdout


async def test_explain_shows_no_token_of_a_login(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    async def token(_: web.Request) -> web.Response:
        granted = {"access_token": "canary-7", "token_type": "Bearer", "expires_in": 60}
        return web.json_response(granted)

    async def status(request: web.Request) -> web.Response:
        sent = request.headers["Authorization"].removeprefix("Bearer ")
        return web.json_response({"calls": f"as {sent}", "lines": 2, sent: 1})

    app = web.Application()
    app.add_routes([web.post("/token", token), web.get("/status", status)])
    url = str((await aiohttp_server(app)).make_url("")).rstrip("/")
    oauth2 = f"{{client_id: a, client_secret: b, token_url: '{url}/token'}}"
    (tmp_path / "config.yaml").write_text(
        f"systems:{HUB}          - {{gauge: hub_lines, path: /lines}}\n"
        f"clients: {{c: {{oauth2: {oauth2}}}}}\n"
        f"targets: [{{name: one, system: hub, client: c, url: '{url}'}}]\n"
    )
    done = await asyncio.to_thread(run, "explain", "one", cwd=tmp_path)

    assert '"as <secret>"' in done.stdout, done.stderr
    assert "unmapped: /<secret>" in done.stdout
    assert "canary" not in done.stdout + done.stderr


def test_a_sample_reports_all_that_a_poll_would_drop(tmp_path: Path) -> None:
    config = f"systems:{LISTED}global: {{max_series: 3}}\n"
    target = "targets: [{name: one, system: hub, url: http://127.0.0.1:1}]\n"
    (tmp_path / "c.yaml").write_text(config + target)
    (tmp_path / "a.json").write_text(LINES)
    done = run("check", "c.yaml", "--sample", "one=a.json", cwd=tmp_path)

    assert done.returncode == 1
    assert 'hub_calls{target="one",line="2"} 7\n' in done.stdout
    assert 'hub_lines{target="one",line="2"} 2\n' in done.stdout
    assert done.stderr.splitlines() == [
        'a.json: hub_calls: "many" is not a number',
        "a.json: items of lists beyond their limit: 1",
        'a.json: hub_calls{line="2"}: 2 items give this series; only the first counts',
        "a.json: series beyond max_series: 1",
        "a.json: hub /status: 3 series, 4 faults, 0 paths that find nothing, 0 unmapped values",
    ]


def test_a_sample_is_at_most_as_large_as_an_answer(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(TARGET)
    (tmp_path / "a.json").write_bytes(b" " * (MAX_BODY + 1))
    os.mkfifo(tmp_path / "pipe.json")
    large = run("check", "c.yaml", "--sample", "one=a.json", cwd=tmp_path)
    pipe = run("check", "c.yaml", "--sample", "one=pipe.json", cwd=tmp_path)

    assert "--sample: a.json: more than 1048576 bytes" in large.stderr
    assert "--sample: pipe.json: not a regular file" in pipe.stderr


QUEUES = """
systems:
  hub:
    params: {deep: {default: "false"}}
    endpoints:
      - path: /status
        fields:
          - {gauge: hub_calls, path: /calls}
      - path: /queues
        when: {deep: "true"}
        fields:
          - {info: hub_info, labels: {version: /Version, site: "/site/name"}}
          - within: /memory
            fields:
              - {gauge: hub_connections_max, path: /Maxconn}
              - {gauge: hub_heap_bytes, path: [/heap, /heapUsed]}
          - each: /queues
            labels: {queue: /nme}
            fields:
              - {gauge: hub_queue_length, path: /lengths}
              - {gauge: hub_queue_oldest, path: /oldest}
          - {gauge: hub_nodes, query: "length(nodes)"}
"""
QUEUES_ANSWER = """{
    "version": "1.2", "memory": {"maxConn": 5, "heap": 1},
    "queues": [{"name": "a", "length": 1}, {"name": "b", "length": 2, "oldest": null}],
    "more": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9, "j": 0},
    "new": true
}"""


def test_a_sample_suggests_keys_for_paths_that_find_nothing(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(QUEUES)
    (tmp_path / "a.json").write_text(QUEUES_ANSWER)
    done = run("check", "c.yaml", "--sample", "hub:/queues=a.json", cwd=tmp_path)

    assert done.returncode == 1
    assert [line for line in done.stdout.splitlines() if line[0] != "#"] == [
        'hub_heap_bytes{target="sample"} 1'
    ]
    label = "a.json: hub_queue_length: label queue: there is no value for it"
    assert done.stderr.splitlines() == [
        label,
        label,
        "a.json: /Version: no such key; did you mean /version?",
        "a.json: /site/name: no such key",
        "a.json: /memory/Maxconn: no such key; did you mean /memory/maxConn?",
        "a.json: /queues/*/nme: no such key; did you mean /queues/*/name?",
        "a.json: /queues/*/lengths: no such key; did you mean /queues/*/length?",
        "a.json: length(nodes): selects nothing",
        "a.json: unmapped in /: version, new",
        "a.json: unmapped in /memory: maxConn",
        "a.json: unmapped in /queues/*: name, length",
        "a.json: unmapped in /more: a, b, c, d, e, f, g, h and 2 more",
        "a.json: hub /queues: 1 series, 2 faults, 6 paths that find nothing, 15 unmapped values",
    ]


def test_an_answer_of_another_endpoint_is_explained(tmp_path: Path) -> None:
    """None of its paths finds anything, so a poll fails with bad_shape."""
    (tmp_path / "c.yaml").write_text(QUEUES)
    (tmp_path / "a.json").write_text('{"Calls": 7}')
    done = run("check", "c.yaml", "--sample", "hub=a.json", cwd=tmp_path)
    wrong = run("check", "c.yaml", "--sample", "hub:/queue=a.json", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "a.json: /status: bad_shape: none of the system's fields are in the answer",
        "a.json: /calls: no such key; did you mean /Calls?",
        "a.json: unmapped in /: Calls",
        "a.json: hub /status: 0 series, 1 fault, 1 path that finds nothing, 1 unmapped value",
    ]
    assert wrong.returncode == 2
    assert wrong.stderr == '--sample: hub has no endpoint "/queue"; did you mean "/queues"?\n'


def test_a_valid_sample_ends_with_a_summary(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(QUEUES)
    (tmp_path / "a.json").write_text('{"calls": 7}')
    done = run("check", "c.yaml", "--sample", "hub:/status=a.json", cwd=tmp_path)

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, 'hub_calls{target="sample"} 7')
    assert done.stderr.splitlines() == [
        "a.json: hub /status: 1 series, 0 faults, 0 paths that find nothing, 0 unmapped values"
    ]
