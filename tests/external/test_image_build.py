"""The image, built with buildah: it runs as it should be run."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.chroot import Chroot, checked, debian_base
from support.deployment_files import CONTAINERFILE, LOCK, last
from support.process import ONE_TARGET
from support.repository import ROOT
from support.tools import missing, tool


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the image on a small Debian, and mount it."""
    tool("buildah")
    base = debian_base()
    work = tmp_path_factory.mktemp("image")
    storage = ("--root", work / "store", "--runroot", work / "run", "--storage-driver", "vfs")
    download = ["pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    download += ["--only-binary=:all:", "--python-version=3.11", "--dest", str(work / "wheels")]
    download += ["--requirement", str(LOCK)]
    if subprocess.run([sys.executable, "-m", *download], check=False, timeout=300).returncode:
        missing("the network, from which wheels come")
    pip = importlib.util.find_spec("pip")
    assert pip
    assert pip.origin
    scratch = checked("buildah", *storage, "from", "scratch")
    checked("buildah", *storage, "add", "--quiet", scratch, base, "/")
    checked("buildah", *storage, "commit", "--quiet", scratch, "localhost/base")
    checked(
        *("buildah", *storage, "bud", "--isolation=chroot", "--ulimit=nofile=1024:1024"),
        *("--format=docker", "--pull-never", f"--volume={work / 'wheels'}:/wheels:ro"),
        f"--volume={Path(pip.origin).parent}:/usr/lib/python3/dist-packages/pip:ro",
        *("--build-arg=BUILDER=localhost/base", "--build-arg=BASE=localhost/base"),
        *("--build-arg=PIP_NO_INDEX=1", "--build-arg=PIP_FIND_LINKS=/wheels"),
        *(f"--file={CONTAINERFILE}", "--tag=localhost/status-exporter", ROOT),
    )
    container = checked("buildah", *storage, "from", "localhost/status-exporter")
    yield Path(checked("buildah", *storage, "mount", container))
    checked("buildah", *storage, "rm", "--all")
    checked("buildah", *storage, "rmi", "--all", "--force")


def test_the_image_runs_as_its_user_on_a_root_that_is_read_only(root: Path, tmp_path: Path) -> None:
    # A folder of the configuration may hold anything; none of it is imported.
    (tmp_path / "exporter.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    (tmp_path / "config.yaml").write_text(ONE_TARGET, encoding="utf-8")
    for one in (tmp_path, *tmp_path.parents[:2]):
        one.chmod(0o755)
    (tmp_path / "config.yaml").chmod(0o644)
    environment = ("PATH=/usr/bin", "PYTHONPATH=/app", "PYTHONSAFEPATH=1")
    image = Chroot(root=root, user=last("USER"), environment=environment, config=tmp_path)
    program = json.loads(last("ENTRYPOINT"))

    image.serves(*program)

    assert json.loads(last("CMD"))[:2] == ["serve", "--config.file"]
    assert "Read-only file system" in image.run("python3", "-c", "open('/app/x', 'w')")[1]


def test_the_image_has_its_bytecode_and_nothing_that_installs(root: Path) -> None:
    modules = list((root / "app" / "exporter").rglob("*.py"))

    assert modules
    for module in modules:
        assert list((module.parent / "__pycache__").glob(f"{module.stem}.*.pyc"))
    assert not (root / "app" / "pip").exists()
