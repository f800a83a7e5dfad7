"""Pages of the exporter in Chromium, checked for errors and foreign requests."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from playwright.sync_api import Browser, Page

from support.process import fetch


def until_ready(url: str) -> None:
    """Wait for every target's first poll."""
    deadline = time.monotonic() + 60
    while True:
        with suppress(urllib.error.HTTPError):
            fetch(url)
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


@contextmanager
def opened(
    browser: Browser, url: str, *, width: int = 1280, height: int = 760, dark: bool = False
) -> Iterator[Page]:
    """Open a page in Kolkata's time zone, and make sure that it has no error and loads from here alone."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        timezone_id="Asia/Kolkata",
        locale="en-GB",
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(host_of(request.url)))
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    assert asked <= {host_of(url), "data:image/svg+xml"}
    assert wrong == []


def host_of(url: str) -> str:
    """Return the scheme and host of a URL; of a data URL, its type."""
    return url.partition(",")[0] if url.startswith("data:") else "/".join(url.split("/")[:3])
