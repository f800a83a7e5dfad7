"""What tests that run the program share."""

from pathlib import Path

import pytest

from support.process import ONE_TARGET


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Write a configuration of one target, which is always down."""
    path = tmp_path / "config.yaml"
    path.write_text(ONE_TARGET, encoding="utf-8")
    return path
