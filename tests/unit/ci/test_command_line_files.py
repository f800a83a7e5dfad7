"""The manual page and the completions in `share/` are those of the parser."""

import subprocess
import sys
from pathlib import Path

from support.repository import ROOT

SHARE = ROOT / "share"


def write(folder: Path) -> dict[str, str]:
    script = ROOT / ".ci" / "command_line_files.py"
    subprocess.run([sys.executable, script, folder], check=True, timeout=60)
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_files_are_copies(renew: bool, tmp_path: Path) -> None:
    written = write(SHARE if renew else tmp_path)

    assert {
        str(path.relative_to(SHARE)): path.read_text(encoding="utf-8")
        for path in sorted(SHARE.rglob("*"))
        if path.is_file()
    } == written
