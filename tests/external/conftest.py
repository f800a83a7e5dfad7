"""The programs of which tests try each major version that is in use."""

import pytest

from support.tools import tool

MAJORS = ("2", "3")


@pytest.fixture(params=MAJORS)
def promtool(request: pytest.FixtureRequest) -> str:
    return tool("promtool", request.param)


@pytest.fixture(params=MAJORS)
def server(request: pytest.FixtureRequest) -> str:
    """Find a Prometheus."""
    return tool("prometheus", request.param)
