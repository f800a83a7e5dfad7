"""The page about installing: its commands are run, or compared with what they name."""

import re
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml

from exporter import __version__
from exporter.config import load_text
from exporter.systems import SYSTEMS
from exporter.toolkit.sockets import parse_address
from support.deployment_files import MOST_EXPOSED, SERVICE, settings
from support.documents import INSTALL_PAGE, SHOWN, commands, install_yaml
from support.manifests import KUBERNETES, OVERLAYS, parsed, schema
from support.repository import DEPLOY, ROOT


def test_every_command_of_the_program_is_one_that_it_has() -> None:
    found = commands("status-exporter")

    assert len(found) >= 6
    for words in found:
        parsed(words[1:])


@pytest.mark.parametrize("page", ["install.md", "verifying.md"])
def test_the_names_of_released_files_have_this_version(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    versions = re.findall(r"\bstatus[_-]exporter[-_:](\d+\.\d+\.\d+)", text)

    assert len(versions) >= 5
    assert set(versions) == {__version__}


def test_the_files_that_the_page_names_exist() -> None:
    paths = re.findall(r"\b(?:deploy|docs)/[\w./-]*\w", INSTALL_PAGE)
    links = re.findall(r"\]\(([^)#:]+)\)", INSTALL_PAGE)
    anchors = re.findall(r"\]\(#([^)]+)\)", INSTALL_PAGE)
    titles = re.findall(r"^## (.+)$", INSTALL_PAGE, re.MULTILINE)

    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert set(anchors) == {title.lower().replace(" ", "-") for title in titles}


def test_units_are_installed_where_systemd_looks_and_the_service_finds_its_files() -> None:
    placed = [words for words in commands("install") if words[-1].startswith("/etc/systemd")]
    (line,) = settings(SERVICE)["ExecStart"]
    (credentials,) = settings(SERVICE)["LoadCredential"]
    folders = [words[-1] for words in commands("install") if "-d" in words]
    files = [words[-1] for words in commands("install") if "-d" not in words]

    for _, _, _, here, there in placed:
        assert Path(there).name == Path(here).name
        assert Path(there).parent == Path("/etc/systemd/system")
    assert len(placed) == 2
    assert str(parsed(line.split()[1:-1]).config_file) in files
    assert credentials.partition(":")[2] in folders
    assert f"rates its exposure as {MOST_EXPOSED / 10} of 10" in re.sub(r"\s+", " ", INSTALL_PAGE)


def test_the_credentials_of_the_page_are_those_that_systemd_gives(tmp_path: Path) -> None:
    (credentials,) = settings(SERVICE)["LoadCredential"]
    given = f"/run/credentials/{SERVICE.name}/{credentials.partition(':')[0]}_ucs"
    (tmp_path / "ucs").write_text("s", encoding="utf-8")
    systemd, *_ = install_yaml()

    assert given in systemd
    assert f"`{given}`" in INSTALL_PAGE
    load_text(systemd.replace(given, str(tmp_path / "ucs")), "install.md", tmp_path, SYSTEMS)


def test_the_examples_of_flags_and_ports_are_valid() -> None:
    (line,) = [one for one in SHOWN if one.startswith("STATUS_EXPORTER_ARGS=")]
    name, _, value = shlex.split(line)[0].partition("=")
    streams = [one.partition("=")[2] for one in SHOWN if one.startswith("ListenStream=")]

    parsed(["serve", *value.split()])
    assert settings(SERVICE)["ExecStart"][0].endswith(f" ${name}")
    assert streams[0] == ""
    parse_address(streams[1])


def test_commands_for_images_use_what_the_image_has() -> None:
    container = (DEPLOY / "image" / "Containerfile").read_text(encoding="utf-8")
    (build,) = [words for words in commands("podman") if words[1] == "build" and "-t" in words]
    (start,) = [words for words in commands("podman") if words[1] == "run"]
    built = build[build.index("-t") + 1]

    assert " ".join(build) in container
    assert built == start[-1]
    assert start[start.index("-p") + 1].endswith(":10125")
    assert "/etc/status-exporter/config.yaml" in start[start.index("-v") + 1]
    for name in re.findall(r"--build-arg (\w+)=", re.sub(r"\s+", " ", INSTALL_PAGE)):
        assert re.search(rf"^ARG {name}\b", container, re.MULTILINE)


def test_overlays_that_are_shown_are_built_by_a_test() -> None:
    found = [words[-1] for words in commands("kubectl") if {"kustomize", "-k"} & set(words)]

    assert len(found) >= 5
    assert {str((ROOT / one).relative_to(KUBERNETES)) for one in found} <= set(OVERLAYS)


def test_the_chart_accepts_the_values_shown(tmp_path: Path) -> None:
    _, chart, *others = install_yaml()
    values = yaml.safe_load(chart)
    (tmp_path / "ucs").write_text("s", encoding="utf-8")
    config = yaml.safe_dump(values["config"])
    config = config.replace("/run/secrets/status-exporter", str(tmp_path))

    jsonschema.validate(values, schema())
    for other in others:
        jsonschema.validate(yaml.safe_load(other), schema())
    load_text(config, "install.md", tmp_path, SYSTEMS)
