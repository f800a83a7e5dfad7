"""The core knows no vendor: only declarations and the simulator name one."""

import re
from pathlib import Path

from support.repository import ROOT

PACKAGE = ROOT / "exporter"
FILES = sorted((PACKAGE / "systems").glob("*.yaml"))
PRODUCTS = [word for file in FILES for word in file.stem.split("_")]
# Names of vendors and of parts, which no file is named after.
OTHERS = ["freeswitch", "multiplay", "sodius"]
NAMES = re.compile(rf"(?<![a-z])({'|'.join([*PRODUCTS, *OTHERS])})(?!\d)", re.IGNORECASE)


def names_in(path: Path) -> list[str]:
    """Return the lines that name a vendor, with their position."""
    lines = path.read_text(encoding="utf-8").splitlines()
    place = path.relative_to(ROOT)
    return [f"{place}:{at}: {line}" for at, line in enumerate(lines, 1) if NAMES.search(line)]


def core() -> list[Path]:
    return [
        path
        for path in sorted(PACKAGE.rglob("*"))
        if path.is_file()
        and path.suffix != ".pyc"
        and path.parent != PACKAGE / "simulator"
        and not (path.parent == PACKAGE / "systems" and path.suffix == ".yaml")
    ]


def test_no_file_of_the_core_names_a_vendor() -> None:
    assert [line for path in core() for line in names_in(path)] == []


def test_the_search_can_find() -> None:
    assert len(core()) > 100
    assert names_in(PACKAGE / "systems" / "genesys_ucs.yaml")
    assert NAMES.search("a UCS server")
    assert not NAMES.search("a successor")
