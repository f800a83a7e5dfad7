"""A missing program is a skip, and a failure where programs are required."""

import pytest

from support.tools import ToolPolicy, tool


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
