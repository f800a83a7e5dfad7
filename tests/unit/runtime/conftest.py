"""A discovery by files."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import load_text
from exporter.runtime.file_lists import FileLists
from exporter.runtime.target_builder import Owns
from exporter.settings import FileSd
from exporter.systems import SYSTEMS
from support.file_sd import UCS


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., FileLists]:
    def make(
        entry: str = UCS,
        patterns: str = '"*.json", "*.yaml"',
        owns: Owns = lambda _: True,
        refresh: float = 300.0,
    ) -> FileLists:
        text = f"discovery: [{{{entry}, file_sd: {{files: [{patterns}]}}}}]"
        (one,) = load_text(text, "config.yaml", tmp_path, SYSTEMS).discoveries
        assert isinstance(one.source, FileSd)
        return FileLists(replace(one.source, refresh_interval=refresh), one.template, owns)

    return make
