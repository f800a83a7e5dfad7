"""What the workflows run: scripts that are valid, and a release only for its own tag."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import __version__
from support.manifests import documents
from support.repository import ROOT
from support.tools import missing, tool

SCRIPTS = [
    pytest.param(step["run"], id=f"{file.stem}-{job}-{number}")
    for file in sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
    for (workflow,) in [documents(file)]
    for job, steps in workflow["jobs"].items()
    for number, step in enumerate(steps.get("steps", []))
    if "run" in step
]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_valid_bash(script: str) -> None:
    done = subprocess.run(
        [tool("bash"), "-n", "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("tag", "fault"),
    [
        ("v9.9.9", f"the tag is v9.9.9, the version {__version__}"),
        ("nonsense", "the tag is nonsense"),
    ],
)
def test_a_tag_of_another_version_is_not_released(tag: str, fault: str) -> None:
    done = subprocess.run(
        [ROOT / ".ci" / "release-check", Path("/bin/false"), tag],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert fault in done.stderr


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_locked_version_has_a_wheel(machine: str, tmp_path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pythons = re.search(r"^PYTHONS := (.*)$", makefile, re.MULTILINE)
    assert pythons
    for python in pythons[1].split():
        done = subprocess.run(
            [
                *(Path(sys.executable).with_name("uv"), "pip", "install", "--dry-run"),
                *("--target", tmp_path, "--python-version", python),
                *("--python-platform", f"{machine}-unknown-linux-gnu"),
                *("--only-binary", ":all:", "--require-hashes", "--no-deps"),
                *("--requirement", ROOT / "requirements.lock"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if done.returncode and "no usable wheels" not in done.stderr:
            missing("the network, in which wheels are looked up")
        assert done.returncode == 0, done.stderr
