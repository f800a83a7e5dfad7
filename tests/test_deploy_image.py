"""The image: what it is built of, and, where buildah is, that it runs as it should be run."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployed import DEPLOY, ROOT, parsed, port_of
from program import ONE_TARGET
from servers import unused_port

CONTAINERFILE = DEPLOY / "image" / "Containerfile"
LOCK = ROOT / "requirements.lock"


def instructions() -> list[tuple[str, str]]:
    text = CONTAINERFILE.read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in text.splitlines())
    ]


def last(word: str) -> str:
    return [rest for one, rest in instructions() if one == word][-1]


def test_the_image_starts_the_program_with_flags_that_it_has() -> None:
    program = ["python3", "-m", "exporter"]
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])

    assert json.loads(last("ENTRYPOINT")) == program
    assert parsed(json.loads(last("CMD"))).config_file == Path("/etc/status-exporter/config.yaml")
    assert int(last("EXPOSE")) == port_of(json.loads(last("CMD")))
    assert check[:3] == program
    assert parsed(check[3:]).exporter_url.endswith(f":{last('EXPOSE')}")


def test_the_image_runs_as_a_user_that_has_a_number_and_is_not_root() -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", last("USER"))


def test_what_the_image_is_built_of_is_let_through_to_the_build() -> None:
    let = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [rest.split()[0] for word, rest in instructions() if word == "COPY"]

    assert "*" in let
    assert {one for one in copied if not one.startswith("--from")} == {
        one.removeprefix("!") for one in let if one.startswith("!")
    }


def tool(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    if done.returncode:
        pytest.fail(f"{command}: {done.stderr[-2000:]}")
    return done.stdout.strip()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the image on a Debian made here, and mount it as a container would be: read only."""
    missing = [one for one in ("buildah", "mmdebstrap", "unshare") if not shutil.which(one)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"an image is built by root with {' and '.join(missing) or 'buildah'}")
    work = tmp_path_factory.mktemp("image")
    storage = ("--root", work / "store", "--runroot", work / "run", "--storage-driver", "vfs")
    download = ["pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    download += ["--only-binary=:all:", "--python-version=3.11", "--dest", str(work / "wheels")]
    download += ["--requirement", str(LOCK)]
    if subprocess.run([sys.executable, "-m", *download], check=False, timeout=300).returncode:
        pytest.skip("the wheels cannot be had: no network")
    include = "--include=python3-pip,binutils,ca-certificates"
    debian = ["mmdebstrap", "--quiet", "--variant=essential", include, "bookworm"]
    made = subprocess.run(
        [*debian, str(work / "base.tar")], check=False, timeout=400, stderr=subprocess.DEVNULL
    )
    if made.returncode:
        pytest.skip("Debian cannot be had: no network")
    scratch = tool("buildah", *storage, "from", "scratch")
    tool("buildah", *storage, "add", "--quiet", scratch, work / "base.tar", "/")
    tool("buildah", *storage, "commit", "--quiet", scratch, "localhost/base")
    tool(
        *("buildah", *storage, "bud", "--isolation=chroot", "--ulimit=nofile=1024:1024"),
        *("--format=docker", "--pull-never", f"--volume={work / 'wheels'}:/wheels:ro"),
        *("--build-arg=BUILDER=localhost/base", "--build-arg=BASE=localhost/base"),
        *("--build-arg=PIP_NO_INDEX=1", "--build-arg=PIP_FIND_LINKS=/wheels"),
        *(f"--file={CONTAINERFILE}", "--tag=localhost/status-exporter", ROOT),
    )
    container = tool("buildah", *storage, "from", "localhost/status-exporter")
    yield Path(tool("buildah", *storage, "mount", container))
    tool("buildah", *storage, "rm", "--all")
    tool("buildah", *storage, "rmi", "--all", "--force")


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
