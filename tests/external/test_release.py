"""What is released: one version everywhere, and a workflow that runs what there is."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from exporter import __version__
from support.manifests import documents
from support.paths import ROOT
from support.tools import tool

WORKFLOW = ROOT / ".github" / "workflows" / "release.yaml"


def jobs() -> dict[str, dict[str, Any]]:
    (workflow,) = documents(WORKFLOW)
    return dict(workflow["jobs"])


def steps() -> list[dict[str, Any]]:
    return [step for job in jobs().values() for step in job["steps"]]


def scripts() -> list[str]:
    return [step["run"] for step in steps() if "run" in step]


def test_every_action_is_pinned_by_its_commit_and_named_by_its_release() -> None:
    lines = re.findall(r"uses: (.*)", WORKFLOW.read_text(encoding="utf-8"))

    assert lines
    for line in lines:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", line)


def test_a_job_may_only_read_unless_it_says_so() -> None:
    (workflow,) = documents(WORKFLOW)

    assert workflow["permissions"] == {"contents": "read"}
    for job in jobs().values():
        assert job.get("permissions", {"contents": "read"})["contents"] == "read"


def test_nothing_of_the_event_is_written_into_a_script() -> None:
    assert [script for script in scripts() if "${{" in script] == []


def test_the_workflow_runs_what_there_is() -> None:
    text = "\n".join(scripts())
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [
        word
        for line in re.findall(r"\bmake ([^\n]*)", text)
        for word in line.split()
        if "=" not in word
    ]

    assert {"check", "test", "release-check"} == set(targets)
    for target in targets:
        assert f"\n{target}:" in makefile
    for path in re.findall(r"\bdeploy/[\w/-]+", text):
        assert (ROOT / path).exists()
    container = (ROOT / "deploy" / "image" / "Containerfile").read_text(encoding="utf-8")
    for name in re.findall(r"--build-arg (\w+)=", text):
        assert re.search(rf"^ARG {name}\b", container, re.MULTILINE)
    for base in re.findall(r"pinned (python:\S+?)\)", text):
        assert f"={base}\n" in container


@pytest.mark.parametrize("script", scripts(), ids=range(len(scripts())))
def test_scripts_of_the_workflow_are_bash(script: str) -> None:
    done = subprocess.run(
        [tool("bash"), "-n", "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_pythons_that_are_tested_are_those_that_are_promised() -> None:
    promised = re.findall(
        r"Programming Language :: Python :: (3\.\d+)",
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
    )

    assert jobs()["test"]["strategy"]["matrix"]["python"] == promised


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        ("v9.9.9", f"the tag is v9.9.9, the version {__version__}"),
        ("nonsense", "the tag is nonsense"),
    ],
)
def test_a_tag_of_another_version_is_not_released(tag: str, told: str) -> None:
    script = ROOT / ".ci" / "release-check"

    done = subprocess.run(
        [script, Path("/bin/false"), tag], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert told in done.stderr
