"""Lists of targets in files."""

from collections.abc import Callable
from pathlib import Path

from exporter.runtime.file_lists import FileLists
from exporter.runtime.target_builder import ListResult
from exporter.settings import Target

CLANFORGE = 'system: clanforge, url: "http://api"'
UCS = "system: genesys_ucs"
Make = Callable[..., FileLists]


def replace_file(path: Path, text: str) -> None:
    """Replace the file in one step, as configuration management does."""
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def targets(look: ListResult) -> dict[str, Target]:
    assert look.built is not None
    return dict(look.built.targets)
