"""A json_exporter configuration as `systems`, with comments on what differs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import main
from exporter.convert.json_exporter import convert
from support.converted_modules import converted

EXAMPLE = """\
modules:
  harbour:
    headers: {X-Dummy: test}
    metrics:
      - name: port_tide
        path: '{ .tide }'
        help: |
          Height of the tide
          at the pier
        labels: {stage: beta, place: 'port-{.place}'}
      - name: port_crane
        type: object
        valuetype: counter
        path: '{.cranes[?(@.state == "BUSY")]}'
        epochTimestamp: '{.at}'
        labels: {id: '{.id}'}
        values: {lifts: '{.lifts}'}
    valid_status_codes: [200, 503]
    http_client_config:
      basic_auth: {username: me, password_file: /run/secrets/pw}
"""
CONVERTED = """\
# Converted from modules.yml. What json_exporter was given as target=URL is a target:
#
#   targets:
#     - {name: harbour, system: harbour, url: http://HOST, client: harbour}
systems:
  harbour:
    title: harbour (from json_exporter)
    prefix: port
    endpoints:
      # The path of target=URL goes here, its scheme and host into the target's url.
      - path: /
        headers: {X-Dummy: test}
        accept_status: [503]
        fields:
          - gauge: port_tide
            path: /tide
            labels: {stage: beta, place: "port-{/place}"}
            help: Height of the tide at the pier
          # port_crane: epochTimestamp {.at} has no counterpart: a sample with its own time is never marked
          # stale.
          - each: /cranes
            where: {path: /state, is: BUSY}
            labels: {id: /id}
            fields:
              # port_crane_lifts is now port_crane_lifts_total. A counter ends in _total.
              - counter: port_crane_lifts_total
                path: /lifts
clients:
  harbour:
    basic_auth: {username: me, password_file: /run/secrets/pw}
    # Followed to the same scheme, host and port only.
    follow_redirects: true
"""


def fields_of(text: str, name: str = "quay") -> list[dict[str, Any]]:
    (endpoint,) = yaml.safe_load(text)["systems"][name]["endpoints"]
    return list(endpoint["fields"])


def test_a_module_becomes_a_system_and_a_client() -> None:
    assert convert(EXAMPLE, "modules.yml") == CONVERTED


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "modules.yml"
    file.write_text(EXAMPLE, encoding="utf-8")

    assert main(["convert", "json-exporter", str(file)]) == 0
    assert capsys.readouterr().out == CONVERTED

    assert main(["convert", "json-exporter", str(tmp_path / "none.yml")]) == 2
    assert capsys.readouterr().err == f"{tmp_path / 'none.yml'}: No such file or directory\n"


@pytest.mark.parametrize(
    ("metric", "field", "comment"),
    [
        ({"name": "quay_a", "path": "{.a}"}, {"gauge": "quay_a", "path": "/a"}, ""),
        (
            {"name": "quay_a", "path": "{.a}", "valuetype": "counter"},
            {"counter": "quay_a_total", "path": "/a"},
            "# quay_a is now quay_a_total. A counter ends in _total.",
        ),
        (
            {"name": "quay_a_total", "path": "{.a}", "valuetype": "counter"},
            {"counter": "quay_a_total", "path": "/a"},
            "",
        ),
        (
            {"name": "quay_a_total", "path": "{.a}"},
            {"counter": "quay_a_total", "path": "/a"},
            "# quay_a_total was untyped; a name that ends in _total is a counter.",
        ),
        (
            {"name": "quay_a_total", "path": "{.a}", "valuetype": "gauge"},
            {"gauge": "quay_a", "path": "/a"},
            "# quay_a_total is now quay_a.",
        ),
        (
            {"name": "quay_a_info", "path": "{.a}"},
            {"gauge": "quay_a", "path": "/a"},
            "# quay_a_info is now quay_a.",
        ),
        (
            {"name": "quay_a_info", "path": "1", "labels": {"v": "{.v}"}},
            {"info": "quay_a_info", "labels": {"v": "/v"}},
            "",
        ),
        (
            {"name": "quayTide:max", "path": "{.a}"},
            {"gauge": "quay_tide_max", "path": "/a"},
            "# quayTide:max is now quay_tide_max.",
        ),
        (
            {"name": "tide", "path": "{.a}"},
            {"gauge": "quay_tide", "path": "/a"},
            "# tide is now quay_tide.",
        ),
        (
            {"name": "process_tide", "path": "{.a}"},
            {"gauge": "quay_process_tide", "path": "/a"},
            "# process_tide is now quay_process_tide.",
        ),
        (
            {
                "name": "quay_a",
                "path": "{.a}",
                "labels": {"job": "x", "shipName": "{.s}", "no": ""},
            },
            {"gauge": "quay_a", "path": "/a", "labels": {"exported_job": "x", "ship_name": "/s"}},
            "# quay_a: the label job is now exported_job.",
        ),
        (
            {"name": "quay_a", "path": "{.a}", "labels": {"exported_job": "{.s}", "job": "/x"}},
            {
                "gauge": "quay_a",
                "path": "/a",
                "labels": {"exported_job": "/s", "exported_job_2": {"query": "'/x'"}},
            },
            "# quay_a: the label job is now exported_job_2.",
        ),
        (
            {"name": "quay_a", "path": "{.a}", "valuetyp": "gauge"},
            {"gauge": "quay_a", "path": "/a"},
            "# quay_a: json_exporter ignores valuetyp.",
        ),
        (
            {"name": "quay_a", "path": "{.a}", "labels": {"all": "{@}"}},
            {"gauge": "quay_a", "path": "/a", "labels": {"all": {"path": ""}}},
            "",
        ),
    ],
)
def test_a_metric_becomes_a_field(
    metric: dict[str, Any], field: dict[str, Any], comment: str
) -> None:
    text = converted({"metrics": [metric]})

    assert fields_of(text) == [field]
    assert comment in text
    assert bool(comment) == ("  # quay" in text or "is now" in text)


@pytest.mark.parametrize(
    ("metric", "comment"),
    [
        ({"path": "{..a}"}, "{..a}: recursive descent (..) has no counterpart."),
        ({"path": ""}, "there is no path."),
        ({"path": "{.a}{.b}"}, "{.a}{.b}: text around a path, or several paths, is no path."),
        ({"path": "x"}, "x: it is not a number."),
        ({"path": "{.a}", "labels": {"x": "{.a"}}, "a brace is not closed."),
        (
            {"path": "{.l[?(@.a < 'x')]}", "type": "object", "values": {"v": "{.v}"}},
            "texts cannot be compared by their order.",
        ),
        (
            {"path": "{.l[*]}", "type": "object", "values": {"v": "{..v}"}},
            "quay_b_v: not converted: {..v}: recursive descent (..) has no counterpart.",
        ),
    ],
)
def test_what_cannot_be_expressed_is_a_comment(metric: dict[str, Any], comment: str) -> None:
    good = {"name": "quay_a", "path": "{.a}"}

    text = converted({"metrics": [good, {"name": "quay_b", **metric}]})

    assert fields_of(text) == [{"gauge": "quay_a", "path": "/a"}]
    assert f"{comment}\n" in " ".join(text.split(" # ")).replace("\n          # ", " ")


def test_a_module_without_a_field_is_a_comment() -> None:
    text = converted({"metrics": [{"name": "quay_b", "path": "{..b}"}]})

    assert yaml.safe_load(text) == {"systems": {}}
    assert "# The module quay has no metric that can be converted.\n# quay_b: not converted" in text


def test_modules_that_declare_a_metric_differently_have_different_names() -> None:
    module = {"metrics": [{"name": "port_tide", "path": "{.a}"}]}
    labelled = {"metrics": [{"name": "port_tide", "path": "{.a}", "labels": {"x": "{.x}"}}]}
    modules = {"one": module, "two": module, "three": labelled, "One": module}

    systems = yaml.safe_load(convert(yaml.safe_dump({"modules": modules}), "m.yml"))["systems"]

    names = {key: one["endpoints"][0]["fields"][0]["gauge"] for key, one in systems.items()}
    shared = dict.fromkeys(["one", "two", "one_2"], "port_tide")
    assert names == {**shared, "three": "three_port_tide"}


def test_of_two_values_that_would_be_one_metric_the_first_is_kept() -> None:
    values = {"ships": "{.a}", "ships_total": "{.b}"}
    metric = {"name": "quay", "type": "object", "path": "{.c}", "values": values}

    text = converted({"metrics": [metric]})

    (within,) = yaml.safe_load(text)["systems"]["quay"]["endpoints"][0]["fields"]
    assert within["fields"] == [{"gauge": "quay_ships", "path": "/a"}]
    assert "# quay_ships_total: not converted: it is declared before, in another way." in text
