"""The image, built with buildah: it runs as it should be run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployment_files import CONTAINERFILE, LOCK, last
from support.process import ONE_TARGET, unused_port
from support.repository import ROOT
from support.tools import missing, tool


def checked(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    if done.returncode:
        pytest.fail(f"{command}: {done.stderr[-2000:]}")
    return done.stdout.strip()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the image on a Debian made here, and mount it as a container would be: read only."""
    for program in ("buildah", "mmdebstrap", "unshare"):
        tool(program)
    if os.geteuid() != 0:
        missing("root, who builds the image")
    work = tmp_path_factory.mktemp("image")
    storage = ("--root", work / "store", "--runroot", work / "run", "--storage-driver", "vfs")
    download = ["pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    download += ["--only-binary=:all:", "--python-version=3.11", "--dest", str(work / "wheels")]
    download += ["--requirement", str(LOCK)]
    if subprocess.run([sys.executable, "-m", *download], check=False, timeout=300).returncode:
        missing("the network, from which wheels come")
    include = "--include=python3-pip,binutils,ca-certificates"
    debian = ["mmdebstrap", "--quiet", "--variant=essential", include, "bookworm"]
    made = subprocess.run(
        [*debian, str(work / "base.tar")], check=False, timeout=400, stderr=subprocess.DEVNULL
    )
    if made.returncode:
        missing("the network, from which Debian comes")
    scratch = checked("buildah", *storage, "from", "scratch")
    checked("buildah", *storage, "add", "--quiet", scratch, work / "base.tar", "/")
    checked("buildah", *storage, "commit", "--quiet", scratch, "localhost/base")
    checked(
        *("buildah", *storage, "bud", "--isolation=chroot", "--ulimit=nofile=1024:1024"),
        *("--format=docker", "--pull-never", f"--volume={work / 'wheels'}:/wheels:ro"),
        *("--build-arg=BUILDER=localhost/base", "--build-arg=BASE=localhost/base"),
        *("--build-arg=PIP_NO_INDEX=1", "--build-arg=PIP_FIND_LINKS=/wheels"),
        *(f"--file={CONTAINERFILE}", "--tag=localhost/status-exporter", ROOT),
    )
    container = checked("buildah", *storage, "from", "localhost/status-exporter")
    yield Path(checked("buildah", *storage, "mount", container))
    checked("buildah", *storage, "rm", "--all")
    checked("buildah", *storage, "rmi", "--all", "--force")


# Binds the image on itself and takes writing away from it; what is mounted goes with the process.
CONFINED = """
set -e
mount --bind "$1" "$1"
mount --bind "$2" "$1/etc/status-exporter"
mount -t proc proc "$1/proc"
mount -o remount,ro,bind "$1"
root=$1 user=$3
shift 3
exec chroot --userspec="$user" --groups= "$root" /usr/bin/env -i PATH=/usr/bin PYTHONPATH=/app \
  PYTHONSAFEPATH=1 "$@"
"""


def inside(root: Path, folder: Path, *command: str) -> "subprocess.Popen[str]":
    confined = ["unshare", "--mount", "sh", "-c", CONFINED, "sh", str(root), str(folder)]
    return subprocess.Popen(
        [*confined, last("USER"), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_image_runs_as_its_user_on_a_root_that_is_read_only(root: Path, tmp_path: Path) -> None:
    # A folder of the configuration may hold anything; none of it is imported.
    (tmp_path / "exporter.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    (tmp_path / "config.yaml").write_text(ONE_TARGET, encoding="utf-8")
    for one in (tmp_path, *tmp_path.parents[:2]):
        one.chmod(0o755)
    (tmp_path / "config.yaml").chmod(0o644)
    address = f"127.0.0.1:{unused_port()}"
    program = json.loads(last("ENTRYPOINT"))
    listen = ("--web.listen-address", address)
    serving = inside(root, tmp_path, *program, *json.loads(last("CMD")), *listen)
    try:
        asked = [*program, "healthcheck", "--url", f"http://{address}"]
        for _ in range(100):
            check = inside(root, tmp_path, *asked)
            said, _ = check.communicate(timeout=60)
            if check.returncode == 0 or serving.poll() is not None:
                break
            time.sleep(0.2)
        writing = inside(root, tmp_path, "python3", "-c", "open('/app/x', 'w')")
        refused, _ = writing.communicate(timeout=60)
    finally:
        serving.terminate()
        log, _ = serving.communicate(timeout=60)

    assert said == "Healthy.\n", log
    assert "Read-only file system" in refused
    # The program is the first process of its container, and ends when it is told to.
    assert serving.returncode == 0


def test_the_image_has_its_bytecode_and_nothing_that_installs(root: Path) -> None:
    modules = list((root / "app" / "exporter").rglob("*.py"))

    assert modules
    for module in modules:
        assert list((module.parent / "__pycache__").glob(f"{module.stem}.*.pyc"))
    assert not (root / "app" / "pip").exists()
