"""Systems declared in the configuration are checked like the built-in systems."""

import json
from pathlib import Path

import pytest

from exporter.config import load_file, load_text
from exporter.declare.explanation import explain
from exporter.declare.unmapped import find_unmapped
from exporter.errors import ConfigError
from exporter.http.answer import Answer
from exporter.pipeline.read import parse
from exporter.systems import SYSTEMS
from support.configurations import HUB, LINES, LISTED
from support.polling import NOW, make_target
from support.repository import DATA


def test_a_reload_of_the_same_declaration_gives_the_same_targets() -> None:
    text = f"systems:{HUB}targets:\n  - {{name: a, system: hub, url: http://h}}\n"
    first = load_text(text, "c", Path(), SYSTEMS)
    same = load_text(text, "c", Path(), SYSTEMS)
    other = load_text(text.replace("/calls", "/phones"), "c", Path(), SYSTEMS)

    assert first.targets == same.targets
    assert first.targets != other.targets


def test_systems_may_be_in_separate_files(tmp_path: Path) -> None:
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / "hub.yaml").write_text(f"systems:{HUB}")
    path = tmp_path / "config.yaml"
    path.write_text(
        "system_files: ['systems/*.yaml']\ntargets: [{name: a, system: hub, url: http://h}]\n"
    )
    settings = load_file(path, SYSTEMS)

    assert settings.targets[0].system.name == "hub"
    assert [*settings.files] == [path, tmp_path / "systems" / "hub.yaml"]


@pytest.mark.parametrize(
    ("written", "faults"),
    [
        (
            f"systems:{HUB}".replace("/calls", "calls"),
            ["systems/a.yaml:6:32: systems.hub.endpoints[0].fields[0].path: a path begins"],
        ),
        ("systems: [}", ["systems/a.yaml:1:11: not valid YAML: "]),
        (
            f"systems:{HUB}{HUB.replace('hub', 'webitel')}",
            ["systems/a.yaml:8:3: systems.webitel: there is"],
        ),
        (
            "other: 1",
            ["systems/a.yaml:1:1: other: unknown key", "systems/a.yaml:1:1: systems: this"],
        ),
    ],
)
def test_a_fault_in_a_file_of_systems_is_reported_with_its_position(
    written: str, faults: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("systems").mkdir()
    Path("systems/a.yaml").write_text(written)
    Path("config.yaml").write_text(
        "system_files: [systems/a.yaml]\ntargets: [{name: a, system: hub, url: http://h}]\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_file(Path("config.yaml"), SYSTEMS)

    reported = [one for one in caught.value.faults if one.startswith("systems/")]
    assert [
        one[: len(fault)] for one, fault in zip(sorted(reported), faults, strict=True)
    ] == faults


def test_a_target_without_a_request_is_refused() -> None:
    params = "    params: {deep: {default: 'false'}}\n    endpoints"
    when = "path: /status\n        when: {deep: 'true'}"
    text = f"systems:{HUB}".replace("    endpoints", params).replace("path: /status", when)
    target = "targets: [{name: a, system: hub, url: http://h%s}]\n"

    with pytest.raises(ConfigError, match="no endpoint of hub would be requested"):
        load_text(text + target % "", "c", Path(), SYSTEMS)
    assert load_text(text + target % ", params: {deep: 'true'}", "c", Path(), SYSTEMS).targets


def test_a_client_whose_name_is_no_text_is_a_fault() -> None:
    text = "clients: {true: {}}\ntargets: [{name: a, system: webitel, url: http://h, client: t}]\n"
    with pytest.raises(ConfigError, match='there is no client "t"'):
        load_text(text, "c", Path(), SYSTEMS)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"mode": "production"}, []),
        (
            {"mode": "production", "new": 1, "deep": {"er": [1, {"x": None}, {"x": 2}]}},
            ["/new", "/deep/er/*", "/deep/er/*/x"],
        ),
    ],
)
def test_values_that_no_field_reads_are_found(tree: object, expected: list[str]) -> None:
    assert find_unmapped(tree, SYSTEMS["genesys_ucs"].endpoints[0]) == expected


@pytest.mark.parametrize("path", sorted((DATA / "answers").glob("*/*page*.json")))
def test_unmapped_values_are_found_in_every_recording(path: Path) -> None:
    endpoint = SYSTEMS[path.parent.name].endpoints[0]
    tree = parse(Answer("application/json", path.read_bytes(), NOW), endpoint).tree

    assert endpoint.extract(tree, make_target(path.parent.name).params, NOW).samples
    assert len(find_unmapped(tree, endpoint)) < 200


NESTED = """
systems:
  hub:
    endpoints:
      - path: /
        fields:
          - each: /lines
            labels: {line: "@key"}
            fields:
              - within: /part
                unless: {path: /off, is: 1}
                fields: [{gauge: hub_part, path: ""}]
              - each: /ports
                labels: {port: "@key"}
                fields: [{count: hub_ports}, {gauge: hub_port_up, path: /up}]
"""


def test_items_of_an_object_are_alike_where_no_field_reads_them() -> None:
    (endpoint,) = load_text(NESTED, "c", Path(), {}, needs_targets=False).systems["hub"].endpoints
    line = {"off": 1, "new": 2, "part": 3, "ports": {"x": {"deep": 1}, "y": {"deep": 1}}}
    tree = {"lines": {"a": line, "b": line, "c": 7}, "other": {"a": 1}}

    assert find_unmapped(tree, endpoint) == [
        "/lines/*/new",
        "/lines/*/ports/*/deep",
        "/lines/*",
        "/other/a",
    ]


def test_explain_shows_an_item_that_is_read_and_the_faults_of_all() -> None:
    config = f"systems:{LISTED}targets: [{{name: a, system: hub, url: http://h}}]\n"
    (target,) = load_text(config, "c", Path(), SYSTEMS).targets
    (endpoint,) = target.system.endpoints
    calls, _ = explain(json.loads(LINES), endpoint, {}, NOW)
    (empty,) = explain({"lines": []}, endpoint, {}, NOW)

    assert calls.raw == "7 (first of 3)"
    assert [one.value for one in calls.samples] == [7.0]
    assert [fault.message for fault in calls.faults] == ['"many" is not a number']
    assert (empty.place, empty.raw) == ('/lines/* where /state is "up"', "no items")
