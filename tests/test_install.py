"""The page about installing: its commands are run, or held against what they name."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml
from deployed import DEPLOY, ROOT, parsed
from test_deploy_helm import CHART, helm, schema
from test_deploy_kubernetes import KUBERNETES, OVERLAYS
from test_deploy_systemd import MOST_EXPOSED, SERVICE, settings

from exporter.address import parse_address
from exporter.config import load_text
from exporter.systems import SYSTEMS

PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^ {4}(\S.*)$", PAGE, re.MULTILINE)
TOLD = re.findall(r"`([^`]+)`", re.sub(r"\s+", " ", PAGE))


def commands(program: str) -> list[list[str]]:
    """Return the commands of the page that begin with the program, as words."""
    found = [shlex.split(line.partition(" | ")[0].partition(" > ")[0]) for line in SHOWN]
    found += [one.split() for one in TOLD if one.startswith(f"{program} ")]
    return [words for words in found if words[0] == program]


def yaml_blocks() -> tuple[str, str]:
    systemd, chart = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return systemd, chart


def test_every_command_of_the_program_is_one_that_it_has() -> None:
    found = commands("status-exporter")

    assert len(found) >= 8
    for words in found:
        parsed(words[1:])


def test_what_the_page_names_is_there() -> None:
    paths = re.findall(r"\b(?:deploy|docs)/[\w./-]*\w", PAGE)
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)
    anchors = re.findall(r"\]\(#([^)]+)\)", PAGE)
    titles = {title.lower() for title in re.findall(r"^## (\w+)$", PAGE, re.MULTILINE)}

    assert len(paths) > 10
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert set(anchors) == titles


def test_the_commands_for_a_virtual_environment_work(tmp_path: Path) -> None:
    home = "/opt/status-exporter"
    lines = [line for line in SHOWN if home in line and "bash_completion" not in line]
    where = str(tmp_path / "installed")
    made, locked, itself = (shlex.split(line.replace(home, where)) for line in lines)

    assert made[0] == "python3"
    subprocess.run([sys.executable, *made[1:]], check=True, timeout=120)
    if subprocess.run([*locked, "--quiet"], check=False, timeout=400, cwd=ROOT).returncode:
        pytest.skip("packages cannot be had: no network")
    # Not in the sources, where a build would leave something behind.
    assert itself[-1] == "."
    done = subprocess.run(
        [*itself[:-1], "--quiet", str(ROOT)], capture_output=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stderr
    (started,) = {one.split()[0] for one in settings(SERVICE)["ExecStart"]}
    version = subprocess.run(
        [started.replace(home, where), "--version"], check=True, timeout=60, capture_output=True
    )
    assert version.stdout.startswith(b"status-exporter ")


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
    assert f"gives it {MOST_EXPOSED / 10} of 10" in re.sub(r"\s+", " ", PAGE)


def test_the_credentials_of_the_page_are_those_that_systemd_gives(tmp_path: Path) -> None:
    (credentials,) = settings(SERVICE)["LoadCredential"]
    given = f"/run/credentials/{SERVICE.name}/{credentials.partition(':')[0]}_ucs"
    (tmp_path / "ucs").write_text("s", encoding="utf-8")
    systemd, _ = yaml_blocks()

    assert given in systemd
    assert f"`{given}`" in PAGE
    load_text(systemd.replace(given, str(tmp_path / "ucs")), "install.md", tmp_path, SYSTEMS)


def test_further_flags_and_another_port_can_be_as_shown() -> None:
    (line,) = [one for one in SHOWN if one.startswith("STATUS_EXPORTER_ARGS=")]
    name, _, value = shlex.split(line)[0].partition("=")
    streams = [one.partition("=")[2] for one in SHOWN if one.startswith("ListenStream=")]

    parsed(["serve", *value.split()])
    assert settings(SERVICE)["ExecStart"][0].endswith(f" ${name}")
    assert streams[0] == ""
    parse_address(streams[1])


def test_images_are_built_and_run_with_what_the_image_has() -> None:
    container = (DEPLOY / "image" / "Containerfile").read_text(encoding="utf-8")
    (build,) = [words for words in commands("podman") if words[1] == "build" and "-t" in words]
    (start,) = [words for words in commands("podman") if words[1] == "run"]
    built = build[build.index("-t") + 1]

    assert " ".join(build) in container
    assert built == start[-1]
    assert start[start.index("-p") + 1].endswith(":10125")
    assert "/etc/status-exporter/config.yaml" in start[start.index("-v") + 1]
    for name in re.findall(r"--build-arg (\w+)=", re.sub(r"\s+", " ", PAGE)):
        assert re.search(rf"^ARG {name}\b", container, re.MULTILINE)


def test_overlays_that_are_shown_are_built_by_a_test() -> None:
    found = [words[-1] for words in commands("kubectl") if {"kustomize", "-k"} & set(words)]

    assert len(found) >= 5
    assert {str((ROOT / one).relative_to(KUBERNETES)) for one in found} <= set(OVERLAYS)


def test_values_that_are_shown_are_taken_by_the_chart(tmp_path: Path) -> None:
    _, chart = yaml_blocks()
    values = yaml.safe_load(chart)
    (tmp_path / "ucs").write_text("s", encoding="utf-8")
    config = yaml.safe_dump(values["config"])
    config = config.replace("/run/secrets/status-exporter", str(tmp_path))

    jsonschema.validate(values, schema())
    load_text(config, "install.md", tmp_path, SYSTEMS)


def test_helm_is_called_as_it_can_be(tmp_path: Path) -> None:
    (words,) = [words for words in commands("helm") if words[1] == "install"]
    (tmp_path / "values.yaml").write_text(yaml_blocks()[1], encoding="utf-8")

    assert ROOT / words[3] == CHART
    values = str(tmp_path / "values.yaml")
    given = [values if word == "values.yaml" else word for word in words[4:]]
    done = helm("template", words[2], CHART, "--kube-version=1.33", *given)
    assert done.returncode == 0, done.stderr
