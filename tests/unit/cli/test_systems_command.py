"""`systems`: a printed declaration is one that users can change and load."""

from pathlib import Path

import pytest

from exporter.cli import main
from exporter.config import load_text
from exporter.declare.system import System
from exporter.systems import SYSTEMS


def printed(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["systems", name, "--format", "yaml"]) == 0
    return capsys.readouterr().out


def renamed(text: str) -> str:
    """Give every declared system another name; those that have no prefix keep their metrics."""
    for name, system in SYSTEMS.items():
        own = "" if system.prefix else f"    prefix: {name}\n"
        text = text.replace(f"\n  {name}:\n", f"\n  my_{name}:\n{own}")
    return text


def load(text: str) -> dict[str, System]:
    return dict(load_text(text, "c", Path(), SYSTEMS, needs_targets=False).systems)


def shape(system: System) -> list[object]:
    requests = [(one.method, one.path, one.query, one.headers) for one in system.endpoints]
    return [system.title, system.families, requests, [*system.params], [*system.actions]]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_printed_declaration_loads_under_another_name(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    systems = load(renamed(printed(name, capsys)))

    assert f"my_{name}" in systems
    for one, system in systems.items():
        assert shape(system) == shape(SYSTEMS[one.removeprefix("my_")])


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_printed_declaration_loads_with_another_prefix(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = SYSTEMS[name].prefix or name
    text = renamed(printed(name, capsys)).replace(f": {prefix}_", f": other_{prefix}_")
    system = load(text.replace(f"prefix: {prefix}\n", f"prefix: other_{prefix}\n"))[f"my_{name}"]

    assert [one.name for one in system.families] == [
        f"other_{one.name}" for one in SYSTEMS[name].families
    ]
    assert system.actions.keys() == SYSTEMS[name].actions.keys()


def test_the_declarations_of_all_systems_load_together(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["systems", "--format", "yaml"]) == 0

    systems = load(renamed(capsys.readouterr().out))
    assert systems.keys() == {f"my_{name}" for name in SYSTEMS}


def test_a_name_that_no_system_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systems", "genesis_ucs", "--format", "yaml"]) == 2
    assert 'did you mean "genesys_ucs"?' in capsys.readouterr().err
