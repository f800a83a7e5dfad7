"""A real browser, and pages of another site that try to use the exporter."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from support.process import ONE_TARGET, fetch, started
from support.tools import tool


class EvilSite(BaseHTTPRequestHandler):
    """A page whose form posts to the exporter."""

    action = ""

    def do_GET(self) -> None:
        body = f'<form method="post" action="{self.action}"><button>Win</button></form>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[int]:
    config = tmp_path / "config.yaml"
    config.write_text(ONE_TARGET, encoding="utf-8")
    flags = ("--config.file", str(config), "--web.listen-address", "127.0.0.1:0")
    with started("serve", *flags, "--web.allowed-host", "exporter.test") as (_, address):
        yield int(address.rpartition(":")[2])


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser for which every name ending in .test is this machine."""
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        rules = "--host-resolver-rules=MAP *.test 127.0.0.1"
        browser = playwright.chromium.launch(executable_path=tool("chromium"), args=[*flags, rules])
        yield browser.new_page()
        browser.close()


def test_a_form_of_another_site_does_not_reload(exporter: int, page: Page) -> None:
    EvilSite.action = f"http://exporter.test:{exporter}/-/reload"
    server = ThreadingHTTPServer(("127.0.0.1", 0), EvilSite)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        page.goto(f"http://evil.test:{server.server_address[1]}/")
        with page.expect_navigation() as navigation:
            page.get_by_role("button").click()
        status = navigation.value.status
    finally:
        server.shutdown()
        server.server_close()
    metrics = fetch(f"http://127.0.0.1:{exporter}/metrics")

    assert status == 403
    assert "\nstatus_exporter_config_reloads_total 0.0\n" in metrics
    assert '\nstatus_exporter_http_rejected_total{reason="origin"} 1.0\n' in metrics


def test_a_name_of_another_site_shows_nothing(exporter: int, page: Page) -> None:
    found = [
        page.goto(f"http://{name}:{exporter}/")
        for name in ("exporter.test", "127.0.0.1", "evil.test")
    ]

    assert [one.status if one else None for one in found] == [200, 200, 403]
