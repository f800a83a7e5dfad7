"""A missing program is a skip, and a failure where programs are required."""

import re

import pytest

from support.repository import ROOT
from support.tools import ToolPolicy, tool

# Debian's packages of programs that have other names.
PACKAGES = {
    "alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "blackbox_exporter": "prometheus-blackbox-exporter",
}


@pytest.mark.parametrize("version", ["", "9"])
def test_a_missing_program_is_named(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = f"missing: no-such-program {version}".strip()
    monkeypatch.setattr(ToolPolicy, "required", False)
    with pytest.raises(pytest.skip.Exception, match=wanted):
        tool("no-such-program", version)
    monkeypatch.setattr(ToolPolicy, "required", True)
    with pytest.raises(pytest.fail.Exception, match=wanted):
        tool("no-such-program", version)


def test_a_program_of_another_version_is_missing() -> None:
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception), match="missing: bash 99"):
        tool("bash", "99")


def test_ci_installs_every_program_that_a_test_needs() -> None:
    script = (ROOT / ".ci" / "install-tools").read_text(encoding="utf-8")
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    names = {name for text in texts for name in re.findall(r"\btool\(\"([a-z_-]+)\"", text)}
    needed = {PACKAGES.get(name, name) for name in names}

    essential = {"bash", "dpkg", "unshare"}  # On every Debian.

    assert {"helm", "promtool"} <= needed
    assert needed - essential - {"no-such-program"} - set(re.findall(r"[\w-]+", script)) == set()
