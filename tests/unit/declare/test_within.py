"""`within`: missing objects, objects that report a failure, and the fields of an object."""

import json
from typing import Any

import pytest

from exporter.errors import PollError, Reason
from support.declarations import Field, declared, faults_of, given, system_of

V = {"gauge": "s_v", "path": "/v"}
PLAIN: Field = {"within": "/o", "fields": [V]}
PRESENT = PLAIN | {"present": "s_up"}
MISSING = object()


def lines(field: Field, value: Any, **more: Any) -> list[str]:
    return given(field, more if value is MISSING else {"o": value} | more)


@pytest.mark.parametrize(
    ("value", "plain", "present"),
    [
        ({"v": 1}, ["s_v 1"], ["s_up 1", "s_v 1"]),
        ({"w": 1}, [], ["s_up 1"]),
        ([5], [], ["s_up 1"]),
        # What a server without the object writes: nothing, null, or an empty list or object.
        (MISSING, [], ["s_up 0"]),
        (None, [], ["s_up 0"]),
        ({}, [], ["s_up 0"]),
        ([], [], ["s_up 0"]),
        # What is no object has no fields, so it is not there.
        (7, [], ["s_up 0"]),
        ("down", [], ["s_up 0"]),
    ],
)
def test_an_object_is_there_or_not(value: Any, plain: list[str], present: list[str]) -> None:
    assert lines(PLAIN, value) == plain
    assert lines(PRESENT, value) == present


@pytest.mark.parametrize(
    ("error", "good"),
    [
        (MISSING, True),
        (None, True),
        (False, True),
        ("false", True),
        ("no", True),
        (0, True),
        ("", True),
        ([], True),
        (True, False),
        ("true", False),
        (1, False),
        (404, False),
        ("image locked", False),
        (["x"], False),
    ],
)
def test_a_failure_has_no_fields(error: Any, good: bool) -> None:
    value = {"v": 1} | ({} if error is MISSING else {"error": error})
    refusal = {"refusal": {"error": "/error"}}

    assert lines(PLAIN | refusal, value) == (["s_v 1"] if good else [])
    assert lines(PRESENT | refusal, value) == (["s_up 1", "s_v 1"] if good else ["s_up 0"])


def test_a_failure_may_be_a_condition() -> None:
    where = [{"path": "/code", "above": 399}, {"path": "/kind", "not": "test"}]
    field = PRESENT | {"refusal": {"where": where}}

    assert lines(field, {"v": 1, "code": 200, "kind": "x"}) == ["s_up 1", "s_v 1"]
    assert lines(field, {"v": 1, "code": 500, "kind": "test"}) == ["s_up 1", "s_v 1"]
    assert lines(field, {"v": 1, "code": 500, "kind": "x"}) == ["s_up 0"]


def test_unless_is_a_condition_outside_of_the_object() -> None:
    field = PRESENT | {"unless": {"path": "/active", "is": 0}}

    assert lines(field, {"v": 1, "active": 0}, active=1) == ["s_up 1", "s_v 1"]
    assert lines(field, {"v": 1, "active": 1}, active=False) == ["s_up 1"]
    assert lines(field, {"v": 1}) == ["s_up 1", "s_v 1"]


def test_where_is_a_condition_for_all_of_it() -> None:
    field = PRESENT | {"where": {"path": "/on", "is": True}}

    assert lines(field, {"v": 1}, on=True) == ["s_up 1", "s_v 1"]
    assert lines(field, MISSING, on=True) == ["s_up 0"]
    assert lines(field, {"v": 1}, on=False) == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"v": 1, "id": "a"}, ['s_up{id="a"} 1', 's_v{id="a"} 1']),
        ({"v": 1, "id": "a", "error": 1}, ['s_up{id="a"} 0']),
        ({"v": 1}, ["s_up! label id: there is no value for it"]),
        ({"v": 1, "id": []}, ["s_up! label id: a list is not a text"]),
        # Without the object there is no label, and none is missed.
        (None, []),
        (MISSING, []),
    ],
)
def test_labels_are_those_of_the_object(value: Any, expected: list[str]) -> None:
    field = PRESENT | {"labels": {"id": "/id"}, "refusal": {"error": "/error"}}

    assert lines(field, value) == expected


def test_a_fixed_label_needs_no_object() -> None:
    assert lines(PRESENT | {"labels": {"part": "o"}}, None) == ['s_up{part="o"} 0']


def test_labels_end_with_the_object() -> None:
    fields = [PLAIN | {"labels": {"id": "/id"}}, {"gauge": "s_w", "path": "/w"}]

    for value in ({"v": 1, "id": "a"}, {"v": 1}):
        assert given(fields, {"o": value, "w": 2})[-2 if "id" not in value else -1 :][0] == (
            "s_w 2"
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"v": 1}', ["s_up 1", "s_v 1"]),
        (' {"v": "2"}\n', ["s_up 1", "s_v 2"]),
        ('{"v": NaN}', ["s_up 1", "s_v! the number is not finite"]),
        ("{}", ["s_up 0"]),
        ("[]", ["s_up 0"]),
        ("null", ["s_up 0"]),
        ("7", ["s_up 0"]),
        (None, ["s_up 0"]),
        ('{"v": ', ['s_up! "{"v": " is not JSON']),
        ("", ['s_up! "" is not JSON']),
        ({"v": 1}, ["s_up! an object is not a text with JSON"]),
        (5, ["s_up! 5 is not a text with JSON"]),
        ("[" * 30_000, [f's_up! "{"[" * 35}... is not JSON']),
        (
            json.dumps({"v": "x" * 70_000}),
            ["s_up! a text of 70009 characters is too long for JSON"],
        ),
    ],
)
def test_json_within_a_text_is_read(text: Any, expected: list[str]) -> None:
    assert lines(PRESENT | {"parse": "json"}, text) == expected


def test_objects_are_within_objects() -> None:
    inner = {"within": "/p", "present": "s_p_up", "labels": {"p": "/id"}, "fields": [V]}
    field = PRESENT | {"labels": {"o": "/id"}, "fields": [inner, {"gauge": "s_w", "path": "/w"}]}

    assert lines(field, {"id": 1, "w": 5, "p": {"id": 2, "v": 3}}) == [
        's_up{o="1"} 1',
        's_p_up{o="1",p="2"} 1',
        's_v{o="1",p="2"} 3',
        's_w{o="1"} 5',
    ]


def test_an_answer_with_only_an_empty_object_has_the_wrong_shape() -> None:
    endpoint = declared([PRESENT]).endpoints[0]

    trees: list[Any] = [{}, {"o": {}}, {"o": None}]
    for tree in trees:
        with pytest.raises(PollError) as caught:
            endpoint.extract(tree, {}, 0.0)
        assert caught.value.reason is Reason.BAD_SHAPE


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ({"refusal": {}}, "refusal: needs error or where"),
        (
            {"refusal": {"error": "/e", "where": {"path": "/e", "is": 1}}},
            "refusal: give either error or where, not both",
        ),
        ({"refusal": {"errorx": "/e"}}, 'refusal.errorx: unknown key; did you mean "error"?'),
        ({"within": "o"}, 'within: a path begins with /, such as "/queue/length"; "" is the item'),
        ({"parse": "xml"}, "parse: must be 'json'"),
        ({"fields": []}, "fields: must not be empty"),
        ({"unless": {"path": "/x"}}, "unless[0]: needs a condition"),
    ],
)
def test_a_group_that_cannot_work_is_refused(more: Any, fault: str) -> None:
    found = faults_of([PRESENT | more])

    assert found[-1].startswith(f"endpoints[0].fields[0].{fault}")


def test_the_reference_shows_where_the_fields_are() -> None:
    query = {"gauge": "s_q", "query": "x[0]"}
    fields = [PRESENT | {"help": "whether it is up", "fields": [V, query]}]
    up, v, q = system_of({"endpoints": [{"path": "/x", "fields": fields}]}).families

    assert (up.source, up.reading, up.help) == (
        "/o",
        "is there, without error",
        "Whether it is up.",
    )
    assert (v.source, q.source) == ("/o/v", "/o > x[0]")
