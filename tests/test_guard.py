"""The port protected by a web configuration file, over real sockets and both event loops."""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from aiohttp import web
from asking import AUTHORITY, STRANGERS, Answer, ask, basic, trusting, write_certificates

from exporter.clock import Clock
from exporter.config import WebFile
from exporter.serve import listening
from exporter.server_tls import _names_of
from exporter.settings import Settings
from exporter.targets import Targets
from exporter.telemetry import Telemetry
from exporter.web.guard import Guard
from exporter.web.routes import make_app
from exporter.web_settings import WebSettings

# Of "fakepassword".
HASH = "$2y$04$lM2HnJirWCCr/dupYr026OvcbeE9cl/PqMnjxQTPESQ9l46hq8qwO"
RIGHT = basic("alice", "fakepassword")
USERS = f"basic_auth_users: {{alice: {HASH}}}\n"
HEADERS = "http_server_config: {headers: {Content-Security-Policy: ours, X-XSS-Protection: 0}}\n"
TLS = "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n"


class Site:
    """A running site behind a guard, with a client to ask it."""

    def __init__(self, address: str, telemetry: Telemetry) -> None:
        self.address = address
        self._telemetry = telemetry

    async def ask(self, path: str = "/metrics", **how: Any) -> Answer:
        return await asyncio.to_thread(ask, self.address, path, **how)

    @property
    def refused(self) -> float:
        found = self._telemetry.registry.get_sample_value("status_exporter_web_config_errors_total")
        assert found is not None
        return found


async def broken(_request: web.Request) -> web.Response:
    raise RuntimeError("a mistake of ours")


@asynccontextmanager
async def guarded(read: Callable[[], WebSettings]) -> AsyncIterator[Site]:
    telemetry, clock = Telemetry(), Clock()
    guard = Guard(read, telemetry, clock)
    targets = Targets(Settings(targets=()), telemetry, clock)
    app = make_app(targets, telemetry, "/metrics", guard)
    app.router.add_get("/broken", broken)
    async with listening(app, ["127.0.0.1:0"], guard.ssl_context) as (address,):
        yield Site(address, telemetry)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_certificates(tmp_path)
    return tmp_path / "web.yaml"


def write(file: Path, text: str | None) -> None:
    if text is None:
        file.unlink()
    else:
        file.write_text(text, encoding="utf-8")


def written(file: Path, text: str) -> Callable[[], WebSettings]:
    write(file, text)
    return WebFile(file).read


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
async def test_health_needs_neither_password_nor_a_place_in_the_rate(file: Path, path: str) -> None:
    limit = "rate_limit: {interval: 1h, burst: 1}\n"
    async with guarded(written(file, USERS + HEADERS + limit)) as site:
        first = await site.ask(path)
        metrics = [(await site.ask()).status for _ in range(2)]
        last = await site.ask(path)

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
async def test_what_only_looks_like_health_shows_nothing(file: Path, path: str) -> None:
    async with guarded(written(file, USERS)) as site:
        answer = await site.ask(path)

    assert answer.status in {401, 404}
    assert b"status_exporter" not in answer.body


async def test_a_limited_answer_has_not_the_configured_headers(file: Path) -> None:
    async with guarded(written(file, HEADERS + "rate_limit: {interval: 1h}")) as site:
        answer = await site.ask()

    assert (answer.status, answer.body) == (429, b"Too Many Requests\n")
    assert answer.headers["X-XSS-Protection"] is None


async def test_a_file_that_breaks_closes_everything_until_it_is_mended(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="exporter.web")
    async with guarded(written(file, USERS)) as site:
        write(file, "basic_auth_users: {alice: canary-8271}")
        closed = [await site.ask(path, auth=RIGHT) for path in ("/metrics", "/", "/-/healthy")]
        write(file, None)
        closed.append(await site.ask(auth=RIGHT))
        refused = site.refused
        write(file, USERS)
        mended = [(await site.ask(auth=auth)).status for auth in (RIGHT, None)]

    assert [(one.status, one.body) for one in closed] == [(500, b"Internal Server Error\n")] * 4
    assert mended == [200, 401]
    assert refused == 4
    assert "canary-8271" not in caplog.text
    assert [one.getMessage() for one in caplog.records] == [
        "web configuration cannot be used",
        "web configuration cannot be used",
        "web configuration is usable again",
        "web configuration read again",
    ]
    whys = [one.facts["why"] for one in caplog.records[:2]]  # type: ignore[attr-defined]
    assert whys[0].startswith(f"{file}:1:20: basic_auth_users.alice: not a bcrypt hash such as")
    assert whys[1] == f"{file}: No such file or directory"


async def test_a_mistake_of_ours_lets_nobody_in() -> None:
    settings = iter([WebSettings()])
    async with guarded(lambda: next(settings)) as site:
        answer = await site.ask()

    assert answer.status == 500
    assert b"status_exporter" not in answer.body


async def test_users_and_headers_act_at_once_and_the_rest_after_a_restart(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="exporter.web")
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


LOOPS = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
Loop = Callable[[], asyncio.AbstractEventLoop]


def run(loop: Loop, main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main)


@LOOPS
def test_certificates_are_followed_and_a_broken_one_opens_nothing(
    loop: Loop, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    read = written(file, TLS)
    key = file.parent / "key.pem"

    async def main() -> None:
        found = []
        async with guarded(read) as site:

            async def step() -> None:
                contexts = [trusting(authority=one) for one in (AUTHORITY, STRANGERS)]
                found.extend([(await site.ask(context=one)).status for one in contexts])

            await step()
            write_certificates(file.parent, STRANGERS.issue_cert("127.0.0.1"))
            await step()
            good = key.read_bytes()
            key.write_text("not PEM", encoding="utf-8")
            await step()
            found.append((await site.ask()).status)
            refused = site.refused
            key.write_bytes(good)
            await step()

        assert found == [200, 0, 0, 200, 0, 0, 0, 0, 200]
        assert refused == 3

    run(loop, main())

    told = [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO]
    assert told == ["TLS handshakes fail", "web configuration is usable again"]


@LOOPS
def test_a_tls_port_serves_nothing_without_tls(
    loop: Loop, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with guarded(written(file, TLS)) as site:
            plain = [(await site.ask()).status]
            for text in ("", "tls_server_config: {}", "nonsense"):
                write(file, text)
                plain.append((await site.ask()).status)
                plain.append((await site.ask(context=trusting())).status)
            write(file, TLS)

            assert plain == [0] * 7
            assert (await site.ask(context=trusting())).status == 200

    run(loop, main())

    assert [one.name for one in caplog.records] == ["exporter.web.guard"] * len(caplog.records)


@LOOPS
def test_a_client_that_is_not_allowed_reaches_no_handler(
    loop: Loop, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    more = "client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"
    verify = TLS.replace("}", f", {more}, client_allowed_sans: [a.example]}}")
    known, other, stranger = (
        authority.issue_cert(name)
        for authority, name in (
            (AUTHORITY, "a.example"),
            (AUTHORITY, "b.example"),
            (STRANGERS, "a.example"),
        )
    )

    async def main() -> None:
        reached = []
        async with guarded(written(file, verify)) as site:
            for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                for shown in (known, other, stranger, None):
                    context = trusting(shown, newest=newest)
                    reached.append((await site.ask(context=context)).status)

        assert reached == [200, 0, 0, 0] * 2

    run(loop, main())

    assert caplog.records == []


@LOOPS
def test_a_client_that_leaves_in_the_handshake_is_no_news(
    loop: Loop, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with guarded(written(file, TLS)) as site:
            host, _, port = site.address.rpartition(":")
            for sent in (b"", b"\x16\x03\x01", b"GET / HTTP/1.0\r\n\r\n", bytes(2000)):
                with socket.create_connection((host, int(port))) as one:
                    one.sendall(sent)
            assert (await site.ask(context=trusting())).status == 200

    run(loop, main())

    assert caplog.records == []


async def test_a_certificate_can_stand_in_the_file_itself(file: Path) -> None:
    def indented(name: str) -> str:
        lines = (file.parent / name).read_text(encoding="utf-8").splitlines()
        return "\n".join(f"    {line}" for line in lines)

    text = f"tls_server_config:\n  cert: |\n{indented('cert.pem')}\n  key: |\n{indented('key.pem')}"
    read = written(file, text)
    WebFile(file).check()
    async with guarded(read) as site:
        answer = await site.ask(context=trusting())

    assert answer.status == 200
    assert "PRIVATE" not in repr(read())


def test_names_of_a_certificate_are_written_as_in_go() -> None:
    names = (
        ("DNS", "a.example"),
        ("URI", "spiffe://example/scraper"),
        ("email", "ops@example.com"),
        ("IP Address", "0:0:0:0:0:0:0:1\n"),
        ("IP Address", "10.0.0.1"),
        ("IP Address", "<invalid>"),
        ("DirName", ((("commonName", "x"),),)),
    )

    assert _names_of({"subjectAltName": names}) == {
        "a.example",
        "spiffe://example/scraper",
        "ops@example.com",
        "::1",
        "10.0.0.1",
    }
    assert _names_of({}) == set()
