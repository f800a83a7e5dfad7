"""A Python file is short enough to be read as a whole."""

from support.repository import ROOT

MAX_LINES = 350
FOLDERS = [ROOT / ".ci", *(path for path in ROOT.glob("[!.]*") if path.is_dir())]


def test_no_python_file_is_too_long() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for folder in FOLDERS
        for path in folder.rglob("*.py")
    }

    assert {name: count for name, count in lines.items() if count > MAX_LINES} == {}
    assert len(lines) > 100
