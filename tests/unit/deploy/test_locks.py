"""The locks agree with pyproject.toml, with each other and with what is installed from them.

What a locked version requires is read from its metadata in this environment, so that nothing here
depends on what a package index serves.
"""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from support.repository import ROOT

LOCKS = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
PYTHONS = re.findall(r":: (3\.\d+)\n", "\n".join((*PROJECT["classifiers"], "")))
MACHINES = ("x86_64", "aarch64")

Environment = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A version of a distribution, and where it is installed."""

    version: str
    hashes: frozenset[str]
    marker: Marker | None

    def applies(self, environment: Environment) -> bool:
        return self.marker is None or self.marker.evaluate(environment)


def locked(lock: str) -> dict[str, Locked]:
    """Return the entries of a lock by the name of their distribution."""
    found = dict[str, Locked]()
    text = LOCKS[lock].read_text(encoding="utf-8")
    for block in re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]:
        requirement = Requirement(block.partition("\n")[0].removesuffix("\\").strip())
        (exact,) = requirement.specifier
        assert exact.operator == "=="
        found[canonicalize_name(requirement.name)] = Locked(
            version=exact.version,
            hashes=frozenset(re.findall(r"--hash=(sha256:\w+)", block)),
            marker=requirement.marker,
        )
    return found


def here() -> Environment:
    return {name: str(value) for name, value in default_environment().items()}


def linux(python: str, machine: str) -> Environment:
    return {
        **here(),
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": machine,
        "sys_platform": "linux",
        "platform_system": "Linux",
    }


def requirements(lock: str) -> list[Requirement]:
    """Return what the project itself requires."""
    own = list(PROJECT["dependencies"])
    if lock == "dev":
        own += PROJECT["optional-dependencies"]["dev"]
    return [Requirement(one) for one in own]


def requirements_of(name: str, extra: str, environment: Environment) -> Iterator[Requirement]:
    """Return what the locked version of a distribution, or one of its extras, requires."""
    for one in map(Requirement, importlib.metadata.requires(name) or []):
        if one.marker is None or one.marker.evaluate({**environment, "extra": extra}):
            yield one


def is_installed(name: str) -> bool:
    return any(importlib.metadata.distributions(name=name))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_every_requirement_and_nothing_else(
    lock: str, python: str, machine: str
) -> None:
    environment = linux(python, machine)
    entries = {name: one for name, one in locked(lock).items() if one.applies(environment)}
    left, seen = requirements(lock), set[tuple[str, str]]()
    while left:
        requirement = left.pop()
        name = canonicalize_name(requirement.name)
        assert name in entries, f"{requirement} has no entry: run make lock"
        assert requirement.specifier.contains(entries[name].version, prereleases=True), requirement
        # A distribution for other versions of Python has no metadata here.
        if not is_installed(name):
            assert not entries[name].applies(here()), f"{name} is not installed: run make test"
            seen.add((name, ""))
            continue
        for extra in {"", *requirement.extras} - {known for one, known in seen if one == name}:
            seen.add((name, extra))
            left += requirements_of(name, extra, environment)

    assert set(entries) - {name for name, _ in seen} == set()


def test_the_locked_versions_are_installed() -> None:
    entries = {name: one for name, one in locked("dev").items() if one.applies(here())}
    installed = {
        name: Version(importlib.metadata.version(name)) for name in entries if is_installed(name)
    }

    wanted = {name: Version(one.version) for name, one in entries.items()}
    assert installed == wanted, "this environment is not made of the lock: run make test"


def test_development_and_tests_use_the_versions_of_the_program_unchanged() -> None:
    runtime, dev = locked("runtime"), locked("dev")

    assert {name: dev[name].version for name in runtime} == {
        name: one.version for name, one in runtime.items()
    }
    assert {name for name, one in runtime.items() if one.hashes != dev[name].hashes} == set()


def test_the_build_backend_is_locked() -> None:
    entries = locked("dev")

    for one in map(Requirement, PYPROJECT["build-system"]["requires"]):
        assert one.specifier.contains(entries[canonicalize_name(one.name)].version)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_of_a_lock_has_hashes(lock: str) -> None:
    assert [name for name, one in locked(lock).items() if not one.hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_package_index(lock: str) -> None:
    assert "://" not in LOCKS[lock].read_text(encoding="utf-8")
