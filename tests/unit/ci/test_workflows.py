"""The workflows: least permissions, pinned actions, and only commands that exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.repository import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def workflow(name: str) -> dict[str, Any]:
    file = ROOT / ".github" / "workflows" / f"{name}.yaml"
    return dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def scripts(file: Path) -> list[str]:
    jobs = workflow(file.stem)["jobs"].values()
    return [step["run"] for job in jobs for step in job.get("steps", []) if "run" in step]


ALL_SCRIPTS = [
    pytest.param(script, id=f"{file.stem}-{number}")
    for file in WORKFLOWS
    for number, script in enumerate(scripts(file))
]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_its_commit_and_named_by_its_release(file: Path) -> None:
    uses = re.findall(r"uses: (.*)", file.read_text(encoding="utf-8"))

    assert uses
    for one in uses:
        assert re.fullmatch(
            r"actions/[a-z-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+|\./\.github/workflows/ci\.yaml", one
        )


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_job_may_only_read_unless_it_says_so(file: Path) -> None:
    found = workflow(file.stem)
    writing = {
        name
        for name, job in found["jobs"].items()
        if job.get("permissions", {"contents": "read"})["contents"] != "read"
    }

    assert found["permissions"] == {"contents": "read"}
    # A job that pushes a commit runs nothing of the repository or its dependencies.
    for name in writing:
        for step in found["jobs"][name]["steps"]:
            assert not re.search(r"^\s*(make|pip|python|\.ci/)", step.get("run", ""), re.MULTILINE)


@pytest.mark.parametrize("script", ALL_SCRIPTS)
def test_no_script_contains_text_of_the_event(script: str) -> None:
    assert "${{" not in script


@pytest.mark.parametrize("script", ALL_SCRIPTS)
def test_a_script_runs_what_exists(script: str) -> None:
    container = (ROOT / "deploy" / "image" / "Containerfile").read_text(encoding="utf-8")

    for line in re.findall(r"^make ([^\n]*)", script, re.MULTILINE):
        for target in (word for word in line.split() if "=" not in word):
            assert f"\n{target}:" in MAKEFILE
    for path in re.findall(r"(?:\bdeploy|\.ci)/[\w/-]+", script):
        assert (ROOT / path).exists()
    for name in re.findall(r"--build-arg (\w+)=", script):
        assert re.search(rf"^ARG {name}\b", container, re.MULTILINE)
    for base in re.findall(r"pinned (python:\S+?)\)", script):
        assert f"={base}\n" in container


def test_a_change_is_checked_and_tested_completely() -> None:
    commands = {
        word
        for script in scripts(ROOT / ".github" / "workflows" / "ci.yaml")
        for word in script.split()
    }

    assert {"check", "test", "test-all", "REQUIRE_TOOLS=1", "release-check"} <= commands
    # The vulnerabilities of today are no fault of a change.
    assert "audit" not in commands
    assert not re.search(r"^check:.*\n(\t.*\n)*\t.*audit", MAKEFILE, re.MULTILINE)


def test_the_versions_of_python_are_the_same_everywhere() -> None:
    promised = re.findall(
        r"Programming Language :: Python :: (3\.\d+)",
        (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
    )
    pythons = re.search(r"^PYTHONS := (.*)$", MAKEFILE, re.MULTILINE)

    assert workflow("ci")["jobs"]["test"]["strategy"]["matrix"]["python"] == promised
    assert pythons
    assert pythons[1].split() == promised
