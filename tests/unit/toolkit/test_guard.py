"""The web configuration file admits and rejects requests, over real sockets."""

import logging
from pathlib import Path

import pytest

from exporter.toolkit import users
from exporter.toolkit.web_config import WebSettings
from support.guarded_site import HEADERS, RIGHT, TLS, USERS, guarded, write, written
from support.http_client import write_certificates


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_certificates(tmp_path)
    return tmp_path / "web.yaml"


PATHS = [
    ("GET", "/metrics", 200),
    ("HEAD", "/metrics", 200),
    ("GET", "/", 200),
    ("GET", "/nowhere", 404),
    ("GET", "/%2e%2e/nowhere", 404),
    ("POST", "/metrics", 405),
    ("OPTIONS", "/metrics", 405),
    ("GET", "/broken", 500),
]


@pytest.mark.parametrize(("method", "path", "status"), PATHS)
async def test_nothing_is_answered_before_the_password(
    file: Path, method: str, path: str, status: int
) -> None:
    async with guarded(written(file, USERS + HEADERS)) as site:
        without = await site.ask(path, method=method)
        inside = await site.ask(path, method=method, auth=RIGHT)

    assert (without.status, without.headers["WWW-Authenticate"]) == (401, "Basic")
    assert without.body == (b"" if method == "HEAD" else b"Unauthorized\n")
    assert (inside.status, inside.headers["WWW-Authenticate"]) == (status, None)
    for answer in (without, inside):
        assert answer.headers.get_all("Content-Security-Policy") == ["ours"]
        assert answer.headers.get_all("X-XSS-Protection") == ["0"]
        assert answer.headers.get_all("X-Content-Type-Options") == ["nosniff"]


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
async def test_health_checks_need_no_password_and_have_no_rate_limit(file: Path, path: str) -> None:
    limit = "rate_limit: {interval: 1h, burst: 1}\n"
    async with guarded(written(file, USERS + HEADERS + limit)) as site:
        first = await site.ask(path)
        metrics = [(await site.ask()).status for _ in range(2)]
        last = await site.ask(path)
        rejected = [site.rejected(reason) for reason in ("unauthorized", "rate_limit")]

    assert rejected == [1.0, 1.0]
    assert [first.status, *metrics, last.status] == [200, 401, 429, 200]
    assert last.headers["Content-Security-Policy"] == "ours"


@pytest.mark.parametrize(
    "path",
    [
        "/-/healthy/",
        "/-/healthy/../../metrics",
        "/-/healthy;/metrics",
        "//-/healthy",
        "/metrics/-/healthy",
        "/metrics?/-/healthy",
        "/metrics#/-/healthy",
        "/metrics/..//-/healthy",
    ],
)
async def test_paths_similar_to_health_paths_need_a_password(file: Path, path: str) -> None:
    async with guarded(written(file, USERS)) as site:
        answer = await site.ask(path)

    assert answer.status in {401, 404}
    assert b"status_exporter" not in answer.body


async def test_a_rate_limited_response_has_no_configured_headers(file: Path) -> None:
    async with guarded(written(file, HEADERS + "rate_limit: {interval: 1h}")) as site:
        answer = await site.ask()

    assert (answer.status, answer.body) == (429, b"Too Many Requests\n")
    assert answer.headers["X-XSS-Protection"] is None


async def test_a_broken_file_refuses_everything_until_it_is_fixed(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="exporter.toolkit")
    async with guarded(written(file, USERS)) as site:
        write(file, "basic_auth_users: {alice: canary-8271}")
        closed = [await site.ask(path, auth=RIGHT) for path in ("/metrics", "/", "/-/healthy")]
        write(file, None)
        closed.append(await site.ask(auth=RIGHT))
        refused = site.refused
        write(file, USERS)
        fixed = [(await site.ask(auth=auth)).status for auth in (RIGHT, None)]

    assert [(one.status, one.body) for one in closed] == [(500, b"Internal Server Error\n")] * 4
    assert fixed == [200, 401]
    assert refused == 4
    assert "canary-8271" not in caplog.text
    assert [one.getMessage() for one in caplog.records] == [
        "web configuration cannot be used",
        "web configuration cannot be used",
        "web configuration is usable again",
        "web configuration read again",
    ]
    whys = [one.facts["why"] for one in caplog.records[:2]]  # type: ignore[attr-defined]
    assert whys[0].startswith(f"{file}:1:20: basic_auth_users.alice: not a bcrypt hash, such as")
    assert whys[1] == f"{file}: No such file or directory"


async def test_an_unexpected_exception_lets_no_request_pass() -> None:
    settings = iter([WebSettings()])
    async with guarded(lambda: next(settings)) as site:
        answer = await site.ask()

    assert answer.status == 500
    assert b"status_exporter" not in answer.body


async def test_users_and_headers_apply_at_once_and_the_rest_after_a_restart(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="exporter.toolkit")
    async with guarded(written(file, "")) as site:
        open_ = await site.ask()
        write(file, USERS + HEADERS)
        closed = await site.ask()
        write(file, TLS + "rate_limit: {interval: 1h}")
        later = await site.ask()

    assert (open_.status, open_.headers["X-XSS-Protection"]) == (200, None)
    assert (closed.status, closed.headers["X-XSS-Protection"]) == (401, "0")
    assert later.status == 200
    changes = [getattr(one, "facts", {}) for one in caplog.records if "again" in one.getMessage()]
    assert changes == [{}, {"acts_after_restart": "TLS on or off, rate_limit"}]


async def test_a_password_beyond_the_queue_is_answered_503(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "_MAX_WAITING_PER_CLIENT", 0)
    async with guarded(written(file, USERS)) as site:
        answer = await site.ask(auth=RIGHT)
        rejected = site.rejected("busy")

    assert rejected == 1.0
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert answer.body == b"Service Unavailable\n"
