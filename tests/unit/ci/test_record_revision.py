"""Archives name the revision that they were built from, and the program reports it."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from hatchling import build

from exporter.build import UNKNOWN, build_facts, version_text
from support.repository import ROOT

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "status-exporter"
version = "1.0"
[tool.hatch.build.hooks.custom]
path = ".ci/record_revision.py"
[tool.hatch.build.targets.wheel]
packages = ["exporter"]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Enter a small project with the build hook of this one."""
    root = tmp_path / "project"
    (root / "exporter").mkdir(parents=True)
    (root / "exporter" / "__init__.py").touch()
    (root / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "record_revision.py", root / ".ci")
    (root / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    monkeypatch.chdir(root)
    return root


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


def git(*words: str) -> str:
    return run("git", "-c", "user.name=t", "-c", "user.email=t@example.com", *words)


def record_in(wheel: Path) -> str | None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name == "exporter/revision.txt"]
        return archive.read(names[0]).decode() if names else None


def test_a_wheel_of_a_source_archive_names_the_revision(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=first")
    revision = git("rev-parse", "HEAD")
    source = tmp_path / build.build_sdist(str(tmp_path))
    direct = record_in(tmp_path / build.build_wheel(str(tmp_path)))
    run("tar", "-xzf", str(source), "-C", str(tmp_path))
    monkeypatch.chdir(source.with_name(source.name.removesuffix(".tar.gz")))
    indirect = record_in(tmp_path / build.build_wheel(str(tmp_path)))

    assert direct == indirect
    assert direct is not None
    assert direct.split()[0] == revision
    assert record_in(tmp_path / build.build_editable(str(tmp_path))) is None
    assert not (project / "exporter" / "revision.txt").exists()


@pytest.mark.usefixtures("project")
def test_a_folder_that_is_no_checkout_is_built_all_the_same(tmp_path: Path) -> None:
    assert record_in(tmp_path / build.build_wheel(str(tmp_path))) is None


def test_the_program_reports_what_was_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STATUS_EXPORTER_REVISION", raising=False)
    record = tmp_path / "revision.txt"
    record.write_text("3adf5ba 2026-11-25\n", encoding="utf-8")
    facts = build_facts(str(record))

    assert (facts["revision"], facts["date"]) == ("3adf5ba", "2026-11-25")
    assert build_facts(str(tmp_path / "none"))["revision"] == UNKNOWN
    monkeypatch.setenv("STATUS_EXPORTER_REVISION", "of-an-image")
    assert build_facts()["revision"] == "of-an-image"
    assert "  revision  of-an-image\n" in version_text()
