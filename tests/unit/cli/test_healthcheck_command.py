"""`healthcheck`: the answer of a running exporter as one line and an exit code."""

import asyncio
from pathlib import Path

import pytest

from exporter.cli import main
from exporter.clock import Clock
from exporter.runtime.targets import Targets
from exporter.settings import Settings
from exporter.telemetry import Telemetry
from exporter.toolkit.listen import listening
from exporter.web.routes import make_app
from support.guarded_site import TLS, USERS, guarded, written
from support.http_client import AUTHORITY, write_certificates
from support.process import unused_port
from support.vendor import Vendor, response

Captured = pytest.CaptureFixture[str]


async def check(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["healthcheck", *arguments])


async def test_an_exporter_that_answers_is_healthy_at_an_address_and_at_a_socket(
    tmp_path: Path, capsys: Captured
) -> None:
    telemetry, clock = Telemetry(), Clock()
    app = make_app(Targets(Settings(targets=()), telemetry, clock), telemetry, "/metrics")
    path = f"unix:{tmp_path}/s"

    async with listening(app, ["127.0.0.1:0", path]) as (address, _):
        codes = [await check("--url", url) for url in (f"http://{address}", path)]
        codes.append(await check("--ready", "--url", path))

    assert codes == [0, 0, 0]
    assert capsys.readouterr().out == "Healthy.\nHealthy.\nReady.\n"


async def test_an_exporter_that_is_not_ready_reports_what_it_waits_for(
    vendor: Vendor, capsys: Captured
) -> None:
    vendor.answer = response(b"Not ready: 2 targets.\n", status="503 Service Unavailable")

    assert await check("--ready", "--url", vendor.url) == 1
    assert vendor.requests[0].startswith("GET /-/ready HTTP/1.1\r\n")
    assert capsys.readouterr().err == f"status-exporter: {vendor.url}: 503: Not ready: 2 targets.\n"


async def test_a_self_signed_certificate_is_accepted_only_with_insecure(
    tmp_path: Path, capsys: Captured
) -> None:
    write_certificates(tmp_path)

    async with guarded(written(tmp_path / "web.yaml", TLS + USERS)) as site:
        url = f"https://{site.address}"
        codes = [await check("--url", url), await check("--insecure", "--url", url)]

    captured = capsys.readouterr()
    assert codes == [1, 0]
    assert captured.out == "Healthy.\n"
    assert captured.err.endswith("; --insecure accepts any certificate\n")


async def test_a_certificate_is_presented_if_the_exporter_requests_one(
    tmp_path: Path, capsys: Captured
) -> None:
    write_certificates(tmp_path)
    AUTHORITY.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = AUTHORITY.issue_cert("probe.example.com")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    text = f"{TLS}  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
    text = text.replace(
        "{cert_file: cert.pem, key_file: key.pem}", "\n  cert_file: cert.pem\n  key_file: key.pem"
    )

    async with guarded(written(tmp_path / "web.yaml", text)) as site:
        asked = ("--insecure", "--url", f"https://{site.address}")
        without = await check(*asked)
        shown = await check(*asked, "--cert-file", str(tmp_path / "client.pem"))
        wrong = await check(*asked, "--cert-file", str(tmp_path / "ca.pem"))

    assert (without, shown, wrong) == (1, 0, 2)
    assert capsys.readouterr().out == "Healthy.\n"


async def test_text_of_another_program_becomes_one_printable_line(
    vendor: Vendor, capsys: Captured
) -> None:
    vendor.answer = response(b"\x1b[2Jno\r\nmore", status="500 Broken")

    assert await check("--url", f"{vendor.url}/below/") == 1
    assert vendor.requests[0].startswith("GET /below/-/healthy HTTP/1.1\r\n")
    assert capsys.readouterr().err == f"status-exporter: {vendor.url}/below/: 500: [2Jno\n"


async def test_an_answer_that_is_not_http_is_reported_in_one_line(
    vendor: Vendor, capsys: Captured
) -> None:
    vendor.answer = b"SSH-2.0-x\r\n"

    assert await check("--url", vendor.url) == 1
    assert capsys.readouterr().err.endswith(": not an answer in HTTP (BadStatusLine)\n")


def test_a_port_without_listener_is_reported_in_one_line(tmp_path: Path, capsys: Captured) -> None:
    url = f"http://127.0.0.1:{unused_port()}"

    assert main(["healthcheck", "--url", url]) == 1
    assert main(["healthcheck", "--url", f"unix:{tmp_path}/none"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"status-exporter: {url}: Connection refused",
        f"status-exporter: unix:{tmp_path}/none: No such file or directory",
    ]


@pytest.mark.parametrize(
    "url",
    [
        "localhost:10125",
        "ftp://localhost",
        "http://",
        "http://localhost:99999",
        "http://u:hidden@localhost",
        "http://:hidden@localhost",
        "http://a..example.com",
        f"http://{'a' * 64}.example.com",
        "http://localhost/a b",
        "unix:relative",
    ],
)
def test_an_invalid_url_is_a_fault_of_the_command_line(url: str, capsys: Captured) -> None:
    assert main(["healthcheck", "--url", url]) == 2

    message = capsys.readouterr().err
    assert message.startswith("--url: ")
    assert "hidden" not in message
