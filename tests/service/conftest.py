"""What tests that run the program share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.probed_site import Gate
from support.process import ONE_TARGET
from support.vendor import HEALTHY, Vendor, open_vendor, serving


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write a configuration of one target, which is always down."""
    path = tmp_path / "config.yaml"
    path.write_text(ONE_TARGET, encoding="utf-8")
    return path


@pytest.fixture
async def other() -> AsyncIterator[Vendor]:
    async with open_vendor() as one:
        one.answer = HEALTHY
        yield one


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    one = Gate()
    async with serving(one.handle) as one.url:
        yield one
        one.open.set()


@pytest.fixture
def healthy(vendor: Vendor) -> None:
    vendor.answer = HEALTHY
