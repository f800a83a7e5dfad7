"""The blocks of YAML and the commands in pages of the documentation."""

import re
import shlex
from pathlib import Path

from support.repository import ROOT

README = ROOT / "README.md"
PAGES = [
    README,
    *(ROOT / name for name in ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]


def yaml_blocks(page: Path = README) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


INSTALL_PAGE = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^ {4}(\S.*)$", INSTALL_PAGE, re.MULTILINE)
CODE = re.findall(r"`([^`]+)`", re.sub(r"\s+", " ", INSTALL_PAGE))


def commands(program: str) -> list[list[str]]:
    """Return the commands of the page that begin with the program, as words."""
    found = [shlex.split(line.partition(" | ")[0].partition(" > ")[0]) for line in SHOWN]
    found += [one.split() for one in CODE if one.startswith(f"{program} ")]
    return [words for words in found if words[0] == program]


def install_yaml() -> tuple[str, str, str, str]:
    """Return the configuration for systemd, and values of the chart: all, a password, and TLS."""
    systemd, chart, password, tls = re.findall(r"```yaml\n(.*?)```", INSTALL_PAGE, re.DOTALL)
    return systemd, chart, password, tls
