"""The image: what it is built of, and, where buildah is, that it runs as it should be run."""

import importlib.metadata
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.deployment_files import LOCK, instructions, last
from support.manifests import parsed, port_of
from support.paths import ROOT

PYTHONS = ("3.11", "3.12", "3.13")


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A release of a package that the image is built of."""

    version: str
    hashes: int
    marker: Marker | None

    def is_for(self, python: str) -> bool:
        return self.marker is None or self.marker.evaluate(linux(python))


def linux(python: str) -> dict[str, str]:
    environment = {name: str(value) for name, value in default_environment().items()}
    more = {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    return {**environment, "sys_platform": "linux", "platform_system": "Linux", **more}


def locked() -> dict[str, Locked]:
    found = dict[str, Locked]()
    for block in re.split(r"^(?=\w)", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        line = block.partition("\n")[0].removesuffix("\\").strip()
        one = Requirement(line)
        (exact,) = one.specifier
        assert exact.operator == "=="
        found[canonicalize_name(one.name)] = Locked(
            version=exact.version, hashes=block.count("--hash=sha256:"), marker=one.marker
        )
    return found


def wanted() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return list(project["dependencies"])


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_all_that_the_program_needs_and_nothing_else(python: str) -> None:
    lock = {name: one for name, one in locked().items() if one.is_for(python)}
    left, seen = [Requirement(one) for one in wanted()], set[str]()
    while left:
        one = left.pop()
        name = canonicalize_name(one.name)
        if one.marker and not one.marker.evaluate(linux(python)):
            continue
        assert name in lock, one
        assert one.specifier.contains(lock[name].version), one
        if name not in seen:
            seen.add(name)
            left += [Requirement(more) for more in importlib.metadata.requires(one.name) or []]

    assert set(lock) == seen


def test_every_release_of_the_lock_is_known_by_its_hashes() -> None:
    assert [name for name, one in locked().items() if not one.hashes] == []


def test_the_lock_does_not_say_where_packages_come_from() -> None:
    assert "://" not in LOCK.read_text(encoding="utf-8")


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
