"""What an action must declare, and which orders are refused before anything is sent."""

import re
from pathlib import Path

import pytest

from exporter.cli.parser import make_parser
from exporter.config import load_text
from exporter.declare.system import System
from exporter.errors import ConfigError
from exporter.operate.order import make_order
from exporter.systems import SYSTEMS
from support.polling import make_target


@pytest.mark.parametrize(
    ("system", "name", "value", "options", "message"),
    [
        ("webitel", "mode", "x", {}, "t: there is nothing to set of webitel"),
        ("genesys_ucs", "mod", "x", {}, 't: genesys_ucs has no action "mod"; did you mean "mode"?'),
        (
            "genesys_ucs",
            "mode",
            "Maintenance",
            {},
            "t: mode is one of production, maintenance, not",
        ),
        ("genesys_ucs", "mode", "production", {"x": "y"}, "t: mode of genesys_ucs has no --x"),
        (
            "mdworkbench",
            "state",
            "active",
            {"resume-on-restart": "no"},
            't: --resume-on-restart is one of false, true, not "no"',
        ),
    ],
)
def test_an_invalid_order_is_reported(
    system: str, name: str, value: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        make_order(make_target(system), name, value, options)


PBX = """
systems:
  pbx:
    endpoints:
      - path: /status
        fields:
          - {states: pbx_mode, path: /mode, known: ["on", "off"]}
          - {gauge: pbx_calls, path: /calls, labels: {state: now}}
    actions:
      mode:
        help: The mode.
        request: {method: PUT, path: /mode, query: {value: "{value}", hard: "{hard}"}}
        values: ["on", "off"]
        confirmed_by: pbx_mode
        options:
          hard: {help: At once., default: "false", confirmed_by: pbx_calls}
        drain:
          after: ["off"]
          until_zero: {metric: pbx_calls, labels: {state: now}}
          help: calls
"""


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("      mode:", "      the mode:", '"the mode" cannot be an action: small letters'),
        ("path: /mode, query", "path: mode, query", ".request.path: a path begins with /"),
        ("/mode, query", "'/{mode}', query", ".request: {mode} is neither value, an option nor"),
        ('"{value}"', '"on"', ".request: {value} is not part of what is sent"),
        ('"{hard}"', '"true"', ".request: {hard} is not part of what is sent"),
        ("confirmed_by: pbx_mode", "confirmed_by: pbx_calls", 'no states are named "pbx_calls"'),
        ('values: ["on", "off"]', 'values: ["on", half]', "pbx_mode does not know each of them"),
        ('values: ["on", "off"]', "values: []", ".values: must not be empty"),
        ("metric: pbx_calls", "metric: pbx_x", '.drain.until_zero: no metric is named "pbx_x"'),
        (
            "{state: now}}\n          help",
            "{x: y}}\n          help",
            "pbx_calls has no such labels",
        ),
        ('after: ["off"]', "after: [half]", ".drain.after: these are values of the action"),
        ("          hard:", "          Hard:", '"Hard" cannot be an option: small letters'),
        ('default: "false"', "default: maybe", "hard.choices: an option is false or true"),
        ("confirmed_by: pbx_calls", "confirmed_by: pbx_x", 'no metric is named "pbx_x"'),
        ("At once.,", "At once., only_for: [half],", ".only_for: these are values of the action"),
        ("method: PUT, ", "", ".request.method: this key is required"),
    ],
)
def test_an_action_that_cannot_work_is_refused(old: str, new: str, fault: str) -> None:
    assert old in PBX
    with pytest.raises(ConfigError) as caught:
        declare(PBX.replace(old, new, 1))

    assert any(fault in one for one in caught.value.faults), caught.value.faults


def test_an_action_that_can_work_is_not() -> None:
    assert [*declare(PBX).actions] == ["mode"]


def declare(text: str) -> System:
    return load_text(text, "c", Path(), {}, needs_targets=False).systems["pbx"]


def test_every_option_is_a_flag_of_set() -> None:
    options = {
        f"--{name}"
        for system in SYSTEMS.values()
        for action in system.actions.values()
        for name in action.options
    }

    assert options <= set(re.findall(r"--[a-z-]+", set_help()))


def set_help() -> str:
    commands = make_parser()._subparsers
    assert commands is not None
    choices = commands._group_actions[0].choices
    assert isinstance(choices, dict)
    return str(choices["set"].format_help())
