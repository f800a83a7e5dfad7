"""`set --list` shows the actions of custom systems, too."""

from pathlib import Path

import pytest

from exporter.cli import main

CONFIG = """
systems:
  hub:
    title: A hub
    endpoints:
      - path: /status
        fields: [{states: hub_mode, path: /mode, known: [normal, drain]}]
    actions:
      mode:
        help: Mode of the hub.
        request: {method: PUT, path: /mode, json: {mode: "{value}"}}
        values: [normal, drain]
        confirmed_by: hub_mode
targets: [{name: first, system: hub, url: "http://127.0.0.1:1"}]
"""


def test_actions_of_custom_systems_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")

    assert main(["set", "--config.file", str(config), "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "hub: A hub",
        "  set mode normal|drain: PUT <url>/mode. Mode of the hub.",
        "  targets: first",
    ]
