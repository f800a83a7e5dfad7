"""Systems declared in the configuration: in the words of the built-in ones, checked alike."""

import json
from pathlib import Path

import pytest

from exporter.config import load_file, load_text
from exporter.errors import ConfigError
from exporter.poll.answer import Answer
from exporter.poll.explain import explain
from exporter.poll.extract import extract
from exporter.poll.parse import parse
from exporter.poll.untaken import untaken
from exporter.spec import KEY, Count, Each, Endpoint, Part
from exporter.systems import SYSTEMS
from support.configurations import HUB, LINES, LISTED
from support.paths import DATA
from support.polling import NOW, make_target


def test_a_reload_of_the_same_declaration_gives_the_same_targets() -> None:
    text = f"systems:{HUB}targets:\n  - {{name: a, system: hub, url: http://h}}\n"
    first = load_text(text, "c", Path(), SYSTEMS)
    same = load_text(text, "c", Path(), SYSTEMS)
    other = load_text(text.replace("/calls", "/phones"), "c", Path(), SYSTEMS)

    assert first.targets == same.targets
    assert first.targets != other.targets


def test_systems_may_stand_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / "hub.yaml").write_text(f"systems:{HUB}")
    path = tmp_path / "config.yaml"
    path.write_text(
        "system_files: ['systems/*.yaml']\ntargets: [{name: a, system: hub, url: http://h}]\n"
    )
    settings = load_file(path, SYSTEMS)

    assert settings.targets[0].system.name == "hub"
    assert settings.files == (path, tmp_path / "systems" / "hub.yaml")


@pytest.mark.parametrize(
    ("written", "faults"),
    [
        (f"systems:{HUB}".replace("/calls", "calls"), ["systems/a.yaml:6:32: "]),
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
def test_a_fault_in_a_file_of_systems_is_told_with_its_place(
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

    told = [one for one in caught.value.faults if one.startswith("systems/")]
    assert [one[: len(fault)] for one, fault in zip(sorted(told), faults, strict=True)] == faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("path: /calls", "path: []", "6:32: {calls}.path: must not be empty"),
        ("path: /calls", "path: /a~b", "6:32: {calls}.path: in a path ~1 stands for a slash"),
        (
            "path: /calls",
            "path: /calls, read: [number]",
            "6:46: {calls}.read: there is no reading",
        ),
        ("hub_calls", "calls", "6:14: {calls}.gauge: calls: a metric of hub is named hub_some"),
        ("/status", "/größe", "4:9: systems.hub.endpoints[0].path: an endpoint's path is as"),
        ("/status", "/{", "4:9: systems.hub.endpoints[0].path: an endpoint's path is as"),
        (
            "    endpoints",
            "    params: {id: {in: path}}\n    endpoints",
            "2:3: systems.hub: no endpoint's path has the place {{id}} for its param in: path",
        ),
        (
            "{gauge: hub_calls, path: /calls}",
            "{each: /u, fields: [{gauge: hub_calls, path: /c, lables: {}}]}",
            "6:62: {calls}.fields[0].lables: unknown key; did you mean",
        ),
        (
            "path: /status",
            "path: /status\n        when: {deep: 'true'}",
            "2:3: systems.hub: when: no target can say deep: true",
        ),
    ],
)
def test_a_mistake_in_a_declaration_is_one_line_with_its_place(
    old: str, new: str, fault: str
) -> None:
    text = f"systems:{HUB}targets: [{{name: a, system: hub, url: http://h}}]\n"
    with pytest.raises(ConfigError) as caught:
        load_text(text.replace(old, new, 1), "c", Path(), SYSTEMS)

    expected = fault.format(calls="systems.hub.endpoints[0].fields[0]")
    assert any(one.startswith(f"c:{expected}") for one in caught.value.faults), caught.value.faults


def test_a_target_that_would_ask_nothing_is_refused() -> None:
    params = "    params: {deep: {in: switch, default: 'false'}}\n    endpoints"
    when = "path: /status\n        when: {deep: 'true'}"
    text = f"systems:{HUB}".replace("    endpoints", params).replace("path: /status", when)
    target = "targets: [{name: a, system: hub, url: http://h%s}]\n"

    with pytest.raises(ConfigError, match="none of the endpoints of hub would be asked"):
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
def test_what_no_field_takes_is_found(tree: object, expected: list[str]) -> None:
    assert untaken(tree, SYSTEMS["genesys_ucs"].endpoints[0]) == expected


@pytest.mark.parametrize("path", sorted((DATA / "answers").glob("*/*page*.json")))
def test_looking_for_what_is_not_taken_bears_every_recording(path: Path) -> None:
    endpoint = SYSTEMS[path.parent.name].endpoints[0]
    tree = parse(Answer("application/json", path.read_bytes(), NOW), endpoint)

    assert extract(tree, endpoint, make_target(path.parent.name).params, NOW).samples
    assert len(untaken(tree, endpoint)) < 200


def test_items_of_an_object_are_alike_where_nothing_takes_them() -> None:
    part = Part("hub_part", "/part", help="P.", fields=(), silent=("/off", 1))
    count = Count("hub_lines", help="Lines.")
    ports = Each("/ports", labels={"port": (KEY,)}, fields=(count,))
    inner = Each("/lines", labels={"line": (KEY,)}, fields=(part, ports))
    endpoint = Endpoint(path="/", fields=(inner,))
    line = {"off": 1, "new": 2, "part": 3, "ports": {"x": {"deep": 1}, "y": {"deep": 1}}}
    tree = {"lines": {"a": line, "b": line, "c": 7}, "other": {"a": 1}}

    assert untaken(tree, endpoint) == [
        "/lines/*/new",
        "/lines/*/ports/*/deep",
        "/lines/c",
        "/other/a",
    ]


def test_explain_shows_an_item_that_is_taken_and_the_faults_of_all() -> None:
    config = f"systems:{LISTED}targets: [{{name: a, system: hub, url: http://h}}]\n"
    (target,) = load_text(config, "c", Path(), SYSTEMS).targets
    (endpoint,) = target.system.endpoints
    calls, _ = explain(json.loads(LINES), endpoint, {}, NOW)
    (empty,) = explain({"lines": []}, endpoint, {}, NOW)

    assert calls.raw == "7 (first of 3)"
    assert [one.value for one in calls.readings] == [7.0]
    assert [fault.message for fault in calls.faults] == ['"many" is not a number']
    assert (empty.place, empty.raw) == ("/lines[*]", "a list")
