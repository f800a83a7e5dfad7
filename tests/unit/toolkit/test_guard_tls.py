"""The port with TLS: certificates that change, clients that are not let in, both event loops."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop

from exporter.toolkit.connection_limits import Limits
from exporter.toolkit.server_tls import _names
from exporter.toolkit.web_config import WebConfigFile, WebSettings
from support.guarded_site import TLS, guarded, write, written
from support.http_client import AUTHORITY, STRANGERS, trusting, write_certificates


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_certificates(tmp_path)
    return tmp_path / "web.yaml"


LOOPS = pytest.mark.parametrize(
    "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
Loop = Callable[[], asyncio.AbstractEventLoop]


def run(loop: Loop, main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main)


@LOOPS
def test_certificates_are_reloaded_and_a_broken_one_fails_handshakes(
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

    messages = [one.getMessage() for one in caplog.records if one.levelno >= logging.INFO]
    assert messages == ["TLS handshakes fail", "web configuration is usable again"]


@LOOPS
def test_an_unexpected_exception_fails_the_handshake_and_closes_the_connection(
    loop: Loop, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = [written(file, TLS)()]

    def read() -> WebSettings:
        if not settings:
            raise RuntimeError("a bug")
        return settings.pop()

    async def main() -> None:
        async with guarded(read) as site:
            status = (await site.ask(context=trusting())).status
            async with asyncio.timeout(60):
                while len(site.limiter):
                    await asyncio.sleep(0.01)

        assert status == 0

    run(loop, main())

    assert [one.getMessage() for one in caplog.records] == [
        "unexpected exception in a TLS handshake"
    ]


@LOOPS
def test_a_curve_that_python_cannot_name_is_logged_once_and_tls_works(
    loop: Loop, file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_ecdh_curve(_: ssl.SSLContext, name: str) -> None:
        raise ssl.SSLError(f"unknown group {name}")

    monkeypatch.setattr(ssl.SSLContext, "set_ecdh_curve", set_ecdh_curve)

    async def main() -> None:
        read = written(file, TLS.replace("}", ", curve_preferences: [X25519]}"))
        async with guarded(read) as site:
            found = [(await site.ask(context=trusting())).status for _ in range(2)]

        assert found == [200, 200]

    run(loop, main())

    (warning,) = caplog.records
    assert warning.levelname == "WARNING"
    assert "curve" in warning.getMessage()
    assert warning.facts == {"curve": "X25519"}  # type: ignore[attr-defined]


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

    assert [one.name for one in caplog.records] == ["exporter.toolkit.guard"] * len(caplog.records)


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
def test_a_client_that_leaves_in_the_handshake_is_not_logged(
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


@LOOPS
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_outlives_the_settings_it_was_made_under(
    loop: Loop, newest: ssl.TLSVersion, file: Path
) -> None:
    text = TLS.replace("}", ", client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven}")
    context = trusting(AUTHORITY.issue_cert("a.example"), newest=newest)

    def connect(address: str, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
        host, _, port = address.rpartition(":")
        try:
            with (
                socket.create_connection((host, int(port))) as plain,
                context.wrap_socket(plain, server_hostname=host, session=session) as one,
            ):
                one.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n")
                return one.session if one.recv(65536).startswith(b"HTTP/1.1 200 ") else None
        except OSError:
            return None

    async def main() -> None:
        async with guarded(written(file, text)) as site:
            session = await asyncio.to_thread(connect, site.address, None)
            STRANGERS.cert_pem.write_to_path(file.parent / "ca.pem")
            resumed = await asyncio.to_thread(connect, site.address, session)
            AUTHORITY.cert_pem.write_to_path(file.parent / "ca.pem")
            again = await asyncio.to_thread(connect, site.address, None)

        assert session is not None
        assert resumed is None
        assert again is not None

    run(loop, main())


async def test_a_certificate_can_be_in_the_file_itself(file: Path) -> None:
    def indented(name: str) -> str:
        lines = (file.parent / name).read_text(encoding="utf-8").splitlines()
        return "\n".join(f"    {line}" for line in lines)

    text = f"tls_server_config:\n  cert: |\n{indented('cert.pem')}\n  key: |\n{indented('key.pem')}"
    read = written(file, text)
    WebConfigFile(file).check()
    async with guarded(read) as site:
        answer = await site.ask(context=trusting())

    assert answer.status == 200
    assert "PRIVATE" not in repr(read())


def test_names_of_a_certificate_are_formatted_as_in_go() -> None:
    names = (
        ("DNS", "a.example"),
        ("URI", "spiffe://example/scraper"),
        ("email", "ops@example.com"),
        ("IP Address", "0:0:0:0:0:0:0:1\n"),
        ("IP Address", "10.0.0.1"),
        ("IP Address", "<invalid>"),
        ("DirName", ((("commonName", "x"),),)),
    )

    assert _names({"subjectAltName": names}) == {
        "a.example",
        "spiffe://example/scraper",
        "ops@example.com",
        "::1",
        "10.0.0.1",
    }
    assert _names({}) == set()


def connect(address: str) -> socket.socket:
    """Open a connection that never begins its handshake."""
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


@LOOPS
def test_handshakes_that_never_begin_are_limited_and_keep_no_scraper_out(
    loop: Loop, file: Path
) -> None:
    read = written(file, TLS)

    async def main() -> None:
        async with guarded(read, Limits(connections=4)) as site:
            silent = [connect(site.address) for _ in range(20)]
            status = (await site.ask(context=trusting())).status
            # The oldest have to go, and read an end.
            ended = [await asyncio.to_thread(one.recv, 1) for one in silent[:16]]
            rejected = site.rejected("connections")
            for one in silent:
                one.close()

        assert status == 200
        assert ended == [b""] * 16
        assert rejected >= 16

    run(loop, main())


@LOOPS
def test_a_handshake_takes_no_longer_than_a_head(loop: Loop, file: Path) -> None:
    read = written(file, TLS)

    async def main() -> None:
        async with guarded(read, Limits(head=0.1)) as site:
            with connect(site.address) as silent:
                ended = await asyncio.to_thread(silent.recv, 1)
            rejected = site.rejected("slow_request")

        assert (ended, rejected) == (b"", 1.0)

    run(loop, main())


@LOOPS
def test_new_connections_are_refused_while_the_last_responses_are_read(
    loop: Loop, file: Path
) -> None:
    read = written(file, TLS)

    async def main() -> None:
        async with AsyncExitStack() as stack:
            site = await stack.enter_async_context(guarded(read))
            address, _, port = site.address.rpartition(":")
            _, last = await asyncio.open_connection(address, int(port), ssl=trusting())
            # A head that has begun is waited for.
            last.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await last.drain()
            await site.reached.wait()
            ending = asyncio.create_task(stack.aclose())
            for _ in range(10):
                await asyncio.sleep(0)
            with pytest.raises(ConnectionRefusedError):
                connect(site.address)
            assert not ending.done()
            site.go_on.set()
            await ending
            last.close()

    run(loop, main())
