"""The single file unpacks what the running Python needs, once for each build."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from support.repository import ROOT

OWN = f"speed{sysconfig.get_config_var('EXT_SUFFIX')}"
FOREIGN = "speed.cpython-39-riscv64-linux-gnu.so"
PROGRAM = "def main():\n    print({!r})\n    return 3\n"


def single_file(path: Path, *modules: str, says: str = "it runs") -> Path:
    """Write an archive as the release check does, with these compiled modules."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(ROOT / ".ci" / "single_file.py", "__main__.py")
        archive.writestr("exporter/__init__.py", "")
        archive.writestr("exporter/cli.py", PROGRAM.format(says))
        for name in modules:
            archive.writestr(name, "")
    return path


def run(file: Path, cache: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, file],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"XDG_CACHE_HOME": str(cache)},
    )


def test_the_program_is_unpacked_without_modules_of_other_pythons(tmp_path: Path) -> None:
    file = single_file(tmp_path / "it.pyz", OWN, FOREIGN)

    done = run(file, tmp_path / "cache")

    assert (done.returncode, done.stdout, done.stderr) == (3, "it runs\n", "")
    (folder,) = (tmp_path / "cache" / "status-exporter").iterdir()
    assert (folder / OWN).exists()
    assert not (folder / FOREIGN).exists()


def test_each_build_is_unpacked_once(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    file = single_file(tmp_path / "it.pyz", OWN)
    run(file, cache)
    (folder,) = (cache / "status-exporter").iterdir()
    (folder / "exporter" / "cli.py").write_text(PROGRAM.format("as before"), encoding="utf-8")

    assert run(file, cache).stdout == "as before\n"
    single_file(file, OWN, says="a newer build")
    assert run(file, cache).stdout == "a newer build\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_cache_of_another_user_is_not_used(tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "status-exporter"
    cache.mkdir(parents=True)
    os.chown(cache, 65534, 65534)

    done = run(single_file(tmp_path / "it.pyz", OWN), cache.parent)

    assert done.returncode == 1
    assert f"{cache} belongs to another user; set XDG_CACHE_HOME" in done.stderr
    assert list(cache.iterdir()) == []


def test_a_python_that_the_file_is_not_for_is_named(tmp_path: Path) -> None:
    done = run(single_file(tmp_path / "it.pyz", FOREIGN), tmp_path / "cache")

    assert done.returncode == 1
    assert f"this Python is {OWN.split('.')[1]}" in done.stderr
    assert "this file is for cpython-39-riscv64-linux-gnu" in done.stderr
    assert not (tmp_path / "cache").exists()
