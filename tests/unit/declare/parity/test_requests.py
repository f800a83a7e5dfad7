"""What json_exporter sends and accepts, a converted module sends and accepts."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import main
from exporter.convert.json_exporter import convert
from support.samples import ordered
from support.status_server import StatusServer, status_server

METRICS = [{"name": "quay_tide", "path": "{.tide}"}]


@pytest.fixture
def server() -> Iterator[StatusServer]:
    with status_server() as one:
        one.body = '{"tide": 3}'
        yield one


def poll(
    module: dict[str, Any],
    server: StatusServer,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    params: dict[str, str] | None = None,
) -> list[str]:
    """Convert the module, poll the server with it once, and return the samples of the vendor."""
    module = {"metrics": METRICS, **module}
    config = yaml.safe_load(convert(yaml.safe_dump({"modules": {"quay": module}}), "m.yml"))
    target = {"name": "t", "system": "quay", "url": server.url, "params": params or {}}
    if "clients" in config:
        target["client"] = "quay"
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump({**config, "targets": [target]}), encoding="utf-8")
    main(["poll", "--config.file", str(file), "t"])
    lines = capsys.readouterr().out.splitlines()
    return [ordered(line) for line in lines if line.startswith("quay_")]


Capture = pytest.CaptureFixture[str]


def test_json_is_requested_with_get(server: StatusServer, tmp_path: Path, capsys: Capture) -> None:
    assert poll({}, server, tmp_path, capsys) == ["quay_tide 3"]

    (request,) = server.requests
    assert (request.method, request.body) == ("GET", "")
    assert "application/json" in request.headers["accept"]


def test_headers_are_sent(server: StatusServer, tmp_path: Path, capsys: Capture) -> None:
    headers = {
        "X-Dummy": "test",
        "User-Agent": "unsuspicious user",
        "Accept-Language": "en-US",
        "X-Api-Key": "k3y",
        "X-Braces": "a {word}",
    }

    assert poll({"headers": headers}, server, tmp_path, capsys) == ["quay_tide 3"]

    sent = server.requests[0].headers
    assert {name: sent.get(name.lower()) for name in headers} == headers


@pytest.mark.parametrize(
    ("module", "credentials"),
    [
        (
            {"http_client_config": {"basic_auth": {"username": "me", "password": "pw"}}},
            "Basic " + b64encode(b"me:pw").decode(),
        ),
        ({"http_client_config": {"bearer_token": "tok"}}, "Bearer tok"),
        ({"http_client_config": {"authorization": {"credentials": "tok"}}}, "Bearer tok"),
        ({"headers": {"Authorization": "Token tok"}}, "Token tok"),
        ({"headers": {"Authorization": "Basic " + b64encode(b"me:pw").decode()}}, None),
    ],
)
def test_credentials_are_sent(
    module: dict[str, Any],
    credentials: str | None,
    server: StatusServer,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    assert poll(module, server, tmp_path, capsys) == ["quay_tide 3"]

    expected = credentials or "Basic " + b64encode(b"me:pw").decode()
    assert server.requests[0].headers["authorization"] == expected


@pytest.mark.parametrize(
    ("body", "params", "sent"),
    [
        ({"content": "something static like pi, 3.14"}, {}, "something static like pi, 3.14"),
        (
            {"content": "not filled in: {{ randInt 12 30 }}"},
            {},
            "not filled in: {{ randInt 12 30 }}",
        ),
        ({"content": "a template without parameters", "templatize": True}, {}, None),
        (
            {"content": "pi has {{ .piValue | first }} value", "templatize": True},
            {"piValue": "3.14"},
            "pi has 3.14 value",
        ),
        (
            {"content": '{ "pi": "{{.piValue|first}}" }', "templatize": True},
            {"piValue": '3"14'},
            '{ "pi": "3\\"14" }',
        ),
        (
            {"content": "{{ index .a 0 }} of {{- .b | first -}}", "templatize": True},
            {"a": "one", "b": "two"},
            "one of two",
        ),
        ({"content": "{query {hero{name}}}"}, {}, "{query {hero{name}}}"),
        ({"content": "line one\nline two\n"}, {}, "line one\nline two\n"),
    ],
)
def test_a_body_is_sent_with_post(
    *,
    body: dict[str, Any],
    params: dict[str, str],
    sent: str | None,
    server: StatusServer,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    assert poll({"body": body}, server, tmp_path, capsys, params=params) == ["quay_tide 3"]

    (request,) = server.requests
    assert (request.method, request.body) == ("POST", sent or body["content"])


@pytest.mark.parametrize(
    ("codes", "status", "accepted"),
    [([], 200, True), ([], 503, False), ([200, 503], 503, True), ([200, 503], 500, False)],
)
def test_statuses_are_accepted(
    *,
    codes: list[int],
    status: int,
    accepted: bool,
    server: StatusServer,
    tmp_path: Path,
    capsys: Capture,
) -> None:
    server.status = status
    module = {"valid_status_codes": codes} if codes else {}

    samples = poll(module, server, tmp_path, capsys)

    assert samples == (["quay_tide 3"] if accepted else [])
