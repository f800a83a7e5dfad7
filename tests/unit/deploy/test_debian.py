"""The files of the Debian package fit the service and the program."""

import re
from pathlib import Path

import yaml

from exporter.config import load_text
from exporter.systems import SYSTEMS
from support.deployment_files import SERVICE, settings
from support.documents import SHOWN
from support.manifests import parsed
from support.repository import DEPLOY, ROOT

DEBIAN = DEPLOY / "debian"
CONFIG = (DEBIAN / "config.yaml").read_text(encoding="utf-8")


def test_the_package_installs_the_program_that_the_service_starts() -> None:
    build = (ROOT / ".ci" / "build-packages").read_text(encoding="utf-8")
    (line,) = settings(SERVICE)["ExecStart"]
    program, *flags, _ = line.split()
    config = parsed(flags).config_file

    assert f"ln -s {program} " in build
    assert f"echo {config} >" in build
    launcher = (DEBIAN / "status-exporter").read_text(encoding="utf-8")
    assert str(Path(program).parents[1] / "lib") in launcher


def test_the_shipped_configuration_is_valid_with_its_example() -> None:
    assert yaml.safe_load(CONFIG) == {"targets": []}
    example = CONFIG.replace("targets: []", "targets:").replace("#  - ", "  - ")
    settings = load_text(example, "config.yaml", DEBIAN, SYSTEMS)

    assert [target.name for target in settings.targets] == ["ucs-ams"]


def test_the_configuration_names_the_commands_of_the_page_about_installing() -> None:
    named = re.findall(r"^#   (\S.*)$", CONFIG, re.MULTILINE)

    assert len(named) == 2
    assert set(named) <= set(SHOWN)


def test_the_documentation_that_the_configuration_names_is_installed() -> None:
    build = (ROOT / ".ci" / "build-packages").read_text(encoding="utf-8")
    (named,) = re.findall(r"/usr/share/doc/status-exporter/(\S+\.yaml)", CONFIG)

    assert f'cp {named} "$doc/"' in build
