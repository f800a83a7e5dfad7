"""What the workflows run: scripts that are valid, and a release only for its own tag."""

import subprocess
from pathlib import Path

import pytest

from exporter import __version__
from support.manifests import documents
from support.repository import ROOT
from support.tools import tool

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
