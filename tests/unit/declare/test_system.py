"""All errors of a system are reported at once, with their locations."""

import re
from typing import Any

import pytest

from exporter.declare.kinds import KINDS
from exporter.declare.system import System
from exporter.pipeline.render import TARGET_FAMILIES
from exporter.systems import SYSTEMS
from support.declarations import Field, declared, faults_of, given, system_of

CALLS: Field = {"gauge": "pbx_calls", "path": "/calls", "help": "Calls now."}


def pbx(*fields: Field, **more: Any) -> list[str]:
    endpoint = {"path": "/x", "fields": list(fields)}
    return faults_of({"endpoints": [endpoint]} | more, "pbx")


NAMES: dict[str, tuple[Field, str]] = {
    "no prefix": (
        {"gauge": "calls", "path": "/c"},
        "calls: the name of this metric must be pbx_something",
    ),
    "a capital letter": (
        {"gauge": "pbx_Calls", "path": "/c"},
        "pbx_Calls: the name of this metric must be pbx_something",
    ),
    "a colon": (
        {"gauge": "pbx_a:b", "path": "/c"},
        "pbx_a:b: the name of this metric must be pbx_something",
    ),
    "two underscores": (
        {"gauge": "pbx__a", "path": "/c"},
        "pbx__a: the name of this metric must be pbx_something",
    ),
    "the prefix alone": (
        {"gauge": "pbx_", "path": "/c"},
        "pbx_: the name of this metric must be pbx_something",
    ),
    "a gauge's _total": (
        {"gauge": "pbx_calls_total", "path": "/c"},
        "pbx_calls_total: a gauge cannot end in _total",
    ),
    "a gauge's _info": (
        {"match": "pbx_calls_info", "path": "/c", "is": 1},
        "pbx_calls_info: a gauge cannot end in _info",
    ),
    "a gauge's _created": (
        {"states": "pbx_created", "path": "/c", "known": ["a"]},
        "pbx_created: a gauge cannot end in _created",
    ),
    "a counter": (
        {"counter": "pbx_calls", "path": "/c"},
        "pbx_calls: a counter must end in _total",
    ),
    "an info": (
        {"info": "pbx_version", "labels": {"v": "/v"}},
        "pbx_version: an info must end in _info",
    ),
    "a reserved label": (CALLS | {"labels": {"le": "1"}}, "pbx_calls: 'le' cannot be a label"),
    "a target's label": (CALLS | {"labels": {"target": "/t"}}, "'target' cannot be a label"),
    "a label's name": (CALLS | {"labels": {"Line": "1"}}, "pbx_calls: 'Line' cannot be a label"),
    "a label of Prometheus": (CALLS | {"labels": {"__x": "1"}}, "'__x' cannot be a label"),
    "a count": ({"count": "pbx_lines"}, "pbx_lines: a count is for the fields of an each"),
    "a merge": (CALLS | {"merge": "sum"}, "pbx_calls: merge is for the fields of an each"),
}


@pytest.mark.parametrize(("field", "message"), NAMES.values(), ids=NAMES)
def test_an_invalid_metric_is_refused(field: Field, message: str) -> None:
    (kind,) = {*field} & {"gauge", "counter", "match", "states", "info", "count"}
    at = "merge" if "merge" in field else kind
    (fault,) = pbx(field)

    assert fault.startswith(f"endpoints[0].fields[0].{at}: ")
    assert message in fault


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (CALLS | {"path": "/d", "help": "Other."}, "its help differs"),
        (CALLS | {"labels": {"a": "b"}}, "its labels are none and a"),
        ({"info": "pbx_calls", "labels": {"v": "/v"}}, "it is a gauge and a info"),
    ],
)
def test_one_name_is_one_metric(other: Field, message: str) -> None:
    (fault,) = pbx(CALLS, other)

    assert fault.endswith(f"pbx_calls is declared in two different ways: {message}")
    assert fault.startswith("endpoints[0].fields[1].")


@pytest.mark.parametrize(
    "other",
    [
        {"counter": "pbx_calls_total", "path": "/d"},
        {"info": "pbx_calls_info", "labels": {"v": "/v"}},
    ],
)
def test_two_names_are_two_metrics_to_openmetrics_too(other: Field) -> None:
    (kind,) = {*other} & {"counter", "info"}

    assert pbx(CALLS, other) == [
        f"endpoints[0].fields[1].{kind}: {other[kind]} and pbx_calls are one metric to OpenMetrics"
    ]


@pytest.mark.parametrize(
    "field",
    [
        {"states": "pbx_calls", "path": "/c", "known": ["up"], "label": "line"},
        {"gauge": "pbx_calls", "path": "/c", "labels": {"line": "1"}},
        {"info": "pbx_calls_info", "labels": {"line": "/c"}},
        {"each": "/inner", "labels": {"line": "/id"}, "fields": [CALLS]},
        {"within": "/inner", "labels": {"line": "/id"}, "fields": [CALLS]},
    ],
)
def test_a_label_is_given_once(field: Field) -> None:
    (fault,) = pbx({"each": "/lines", "labels": {"line": "@key"}, "fields": [field]})

    assert fault.endswith(": the label 'line' is given twice")
    assert fault.startswith("endpoints[0].fields[0].fields[0]")


@pytest.mark.parametrize("group", [{"within": "/p"}, {"lines": "/p", "patterns": ["(?P<calls>x)"]}])
def test_fields_about_items_are_within_an_each(group: Field) -> None:
    merged = CALLS | {"merge": "sum"}
    counted = {"count": "pbx_lines"}

    assert pbx(group | {"fields": [merged, counted]}) == [
        "endpoints[0].fields[0].fields[0].merge: pbx_calls: merge is for the fields of an each",
        "endpoints[0].fields[0].fields[1].count: pbx_lines: a count is for the fields of an each",
    ]
    assert pbx({"each": "/l", "fields": [group | {"fields": [merged, counted]}]}) == []


@pytest.mark.parametrize("begin", ["status_exporter", "process", "python", "scrape"])
def test_no_system_has_metrics_of_reserved_names(begin: str) -> None:
    fields = [{"gauge": f"{begin}_calls", "path": "/c"}]
    (fault,) = faults_of({"prefix": begin, "endpoints": [{"path": "/x", "fields": fields}]})

    assert fault.endswith(f"{begin}_calls: names that begin with {begin}_ are reserved")


@pytest.mark.parametrize("when", [("calls", "true"), ("detail", "treu")])
def test_a_condition_that_no_target_can_meet_is_refused(when: tuple[str, str]) -> None:
    name, value = when
    detail = {"help": "D.", "default": "false", "choices": ["false", "true"]}
    guard = {"when": {name: value}}
    group = {"within": "/p", "fields": [CALLS]} | guard
    unused = [] if name == "detail" else ["params.detail: {detail} is part of no request"]
    for endpoint in (
        {"path": "/x", "fields": [CALLS]} | guard,
        {"path": "/x", "fields": [{"each": "/l", "fields": [group]}]},
    ):
        found = faults_of({"params": {"detail": detail}, "endpoints": [endpoint]}, "pbx")

        assert f"endpoints[0]: when: no target can have {name}: {value}" in found
        assert len(found) == 1 + len(unused)


def test_a_parameter_is_used_and_its_default_is_a_choice() -> None:
    endpoint = {"path": "/x", "fields": [CALLS]}
    unused = {"params": {"a": {"help": "A."}}, "endpoints": [endpoint]}
    wrong = {
        "params": {"a": {"choices": ["x"], "default": "y"}},
        "endpoints": [endpoint | {"when": {"a": "x"}}],
    }

    assert faults_of(unused, "pbx") == [
        "params.a: {a} is part of no request, and no `when` names it"
    ]
    assert faults_of(wrong, "pbx") == ["params.a: the default is not one of the choices"]


def test_all_errors_are_reported_at_once_in_the_order_of_the_file() -> None:
    system = {
        "params": {"lost": {"help": "L."}},
        "endpoints": [
            {
                "path": "/{id}",
                "fields": [
                    {"gauge": "calls", "path": "/c", "labels": {"job": "x"}},
                    {"counter": "pbx_calls", "path": "/c"},
                ],
            },
            {"path": "/y", "when": {"no": "x"}, "fields": [{"count": "pbx_lines"}]},
        ],
        "login": {
            "request": {"path": "/l", "json": {"u": "{user}"}},
            "token": "/t",
            "headers": {"X-T": "{tokn}"},
        },
        "actions": {
            "Mode": {
                "help": "M.",
                "request": {"method": "PUT", "path": "/m"},
                "values": ["a"],
                "confirmed_by": "pbx_mode",
            }
        },
    }

    assert faults_of(system, "pbx") == [
        "params.lost: {lost} is part of no request, and no `when` names it",
        "endpoints[0]: {id} is not one of the system's params",
        "endpoints[0].fields[0].gauge: calls: 'job' cannot be a label: small letters, digits and _, and no reserved name",
        "endpoints[0].fields[0].gauge: calls: the name of this metric must be pbx_something",
        "endpoints[0].fields[1].counter: pbx_calls: a counter must end in _total",
        "endpoints[1]: when: no target can have no: x",
        "endpoints[1].fields[0].count: pbx_lines: a count is for the fields of an each",
        "login.request: {user} is neither username, password nor a parameter",
        "login.headers.X-T: {tokn} is neither token nor a path of the answer",
        'actions.Mode: "Mode" cannot be an action: small letters, digits and -',
        "actions.Mode.request: {value} is not part of what is sent",
        'actions.Mode.confirmed_by: no states are named "pbx_mode"',
    ]


def test_every_fault_of_the_shape_is_reported_at_once() -> None:
    endpoint = {
        "path": "x",
        "formats": ["yaml"],
        "accept_status": [200],
        "refusal": {"message": "/m"},
        "fields": [{"gauge": 5, "path": "a"}, {"gage": "pbx_a"}, "calls", {"within": "/x"}],
    }

    kinds = f"a field has one of the keys {', '.join(KINDS)}"
    assert faults_of({"endpoints": [endpoint], "titlex": "P"}, "pbx") == [
        "endpoints[0].path: a path begins with / and has no query; see query",
        "endpoints[0].formats[0]: must be 'json', 'xml' or 'text'",
        "endpoints[0].accept_status[0]: must be 300 or more",
        "endpoints[0].refusal: needs error or where",
        "endpoints[0].fields[0].gauge: must be a text; quote it",
        'endpoints[0].fields[0].path: a path begins with /, such as "/queue/length"; "" is the item itself',
        'endpoints[0].fields[1].gage: unknown key; did you mean "gauge"?',
        "endpoints[0].fields[1].gauge: this key is required",
        f"endpoints[0].fields[2]: {kinds}",
        "endpoints[0].fields[3].fields: this key is required",
        'titlex: unknown key; did you mean "title"?',
    ]


def test_a_system_needs_an_endpoint_with_fields() -> None:
    assert faults_of({}) == ["endpoints: this key is required"]
    assert faults_of({"endpoints": []}) == ["endpoints: must not be empty"]
    assert faults_of({"endpoints": [{"path": "/", "fields": []}]}) == [
        "endpoints[0].fields: must not be empty"
    ]


def test_the_labels_of_groups_are_those_of_every_metric_within() -> None:
    group = {"within": "", "labels": {"node": "/node"}, "fields": [{"gauge": "s_v", "path": "/v"}]}

    assert [family.labels for family in declared([group]).families] == [("node",)]
    assert given(group, {"node": "a", "v": 1}) == ['s_v{node="a"} 1']


def test_parameters_of_paths_cannot_be_empty() -> None:
    system = system_of(
        {
            "params": {"a": {"help": "A."}, "b": {"help": "B."}},
            "endpoints": [
                {
                    "path": "/{a}",
                    "query": {"b": "{b}"},
                    "fields": [{"gauge": "s_v", "path": "/v"}],
                }
            ],
        }
    )

    assert system.path_params == {"a"}


def test_no_system_has_a_metric_of_the_exporter() -> None:
    own = {family.name for family in TARGET_FAMILIES}

    assert not own & {family.name for system in SYSTEMS.values() for family in system.families}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
def test_units_are_base_units(system: System) -> None:
    """Bytes, seconds and ratios; nothing in kilobytes, minutes or percent."""
    summaries = re.compile(r"_(count|sum|bucket)$")
    unit = re.compile(r"_(kb|kilobytes|kib|mb|ms|milliseconds|minutes|hours|percent)(_|$)")

    assert [family.name for family in system.families if unit.search(family.name)] == []
    assert [family.name for family in system.families if summaries.search(family.name)] == []


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=lambda system: system.name)
def test_help_names_the_vendors_field(system: System) -> None:
    assert [family.name for family in system.families if "(" not in family.help] == []
