"""Programs that tests run in each major version in use."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from support.tools import tool

MAJORS = ("2", "3")


@pytest.fixture(params=MAJORS)
def promtool(request: pytest.FixtureRequest) -> str:
    return tool("promtool", request.param)


@pytest.fixture(params=MAJORS)
def server(request: pytest.FixtureRequest) -> str:
    """Find a Prometheus."""
    return tool("prometheus", request.param)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        one = playwright.chromium.launch(executable_path=tool("chromium"), args=flags)
        yield one
        one.close()
