"""The screenshots in docs/ are of the demo; `make screenshots` renews them."""

import re
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser

from exporter.simulator import mdworkbench
from exporter.simulator.access import Account
from support.browser_page import opened, until_ready
from support.process import fetch, started, unused_port
from support.repository import ROOT

DOCS = ROOT / "docs"


def test_screenshots(browser: Browser, tmp_path: Path, *, renew: bool) -> None:
    """Those in docs/ are of the demo; `make screenshots` replaces them."""
    simulator = f"127.0.0.1:{unused_port()}"
    flags = ("--simulator.listen-address", simulator, "--web.listen-address", "127.0.0.1:0")
    with started("demo", *flags) as (_, where):
        until_ready(f"http://{where}/-/ready")
        until_down(f"http://{where}/metrics")
        write("PUT", f"http://{simulator}{mdworkbench.PATH}?value=suspended", mdworkbench.ADMIN)
        if renew:
            time.sleep(4)  # Polls need this time to notice.
        for name, path, width, height, dark in (
            ("status", "/", 1280, 640, False),
            ("status-dark", "/", 1280, 640, True),
            ("status-phone", "/", 390, 760, False),
            ("target", "/target?name=mdw", 1280, 900, False),
        ):
            url = f"http://{where}{path}"
            with opened(browser, url, width=width, height=height, dark=dark) as page:
                folder = DOCS if renew else tmp_path
                page.screenshot(path=folder / f"{name}.png")

                assert (DOCS / f"{name}.png").exists()


def until_down(url: str) -> None:
    """Wait until one of the demo's targets fails, as it does from time to time."""
    deadline = time.monotonic() + 120
    while not re.search(r"^status_exporter_target_up\{.*\} 0$", fetch(url), re.MULTILINE):
        assert time.monotonic() < deadline
        time.sleep(0.5)


def write(method: str, url: str, account: Account) -> None:
    """Change something at the simulator."""
    headers = {"Authorization": account.authorization}
    request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 - http, on loopback
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert answer.status == 200
