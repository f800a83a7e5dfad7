"""Reading what has changed has the same result as reading the whole answer."""

import json
from typing import Any

import pytest

from support.last_answers import as_json, learned, whole
from support.polling import NOW

NUMBERS: list[dict[str, Any]] = [
    {"gauge": "s_a", "path": "/a"},
    {"counter": "s_b_total", "path": ["/old/b", "/deep/b"], "labels": {"kind": "x"}},
    {"counter": "s_b_total", "path": "/deep/c", "labels": {"kind": "y"}},
    {"gauge": "s_half", "path": "/half", "scale": 0.5},
    {"info": "s_info", "labels": {"version": "/version"}},
]
ANSWER = {"a": 1, "deep": {"b": 2, "c": 3}, "half": 9, "version": "1", "more": [], "none": None}


CHANGED = {
    "nothing": {},
    "a number": {"a": 5},
    "a whole number and a fraction": {"a": 2.5},
    "a nested number": {"deep": {"b": 7, "c": 3}},
    "another order": {"version": "1", "a": 4},
    "several": {"a": 9, "deep": {"b": 0, "c": 8}, "half": 7},
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_changed_values_are_read(changed: dict[str, Any]) -> None:
    system, last = learned(NUMBERS, ANSWER)
    assert last is not None
    answer = {**ANSWER, **changed}

    assert last.read(as_json(answer), NOW) == whole(system, answer)
    assert last.read(as_json(ANSWER), NOW) == whole(system, ANSWER)


def test_series_are_those_of_the_last_answer() -> None:
    _, last = learned(NUMBERS, ANSWER)
    assert last is not None
    before = last.extraction.series
    found = last.read(as_json({**ANSWER, "a": 2}), NOW)

    assert found is not None
    assert found.series is before


DOUBTS = {
    "no JSON": b'{"a": 1',
    "no object": b"[1]",
    "another kind": as_json({**ANSWER, "a": "1"}),
    "a boolean for a number": as_json({**ANSWER, "a": True}),
    "a key more": as_json({**ANSWER, "b": 1}),
    "a key less": as_json({"a": 1}),
    "a list with an item": as_json({**ANSWER, "more": [1]}),
    "no null": as_json({**ANSWER, "none": 1}),
    "a text of a label": as_json({**ANSWER, "version": "2"}),
    "an unreadable number": as_json({**ANSWER, "deep": {"b": -1, "c": 3}}),
    "an infinite number": as_json(ANSWER).replace(b'"a": 1', b'"a": 1e999'),
    "no UTF-8": as_json(ANSWER).replace(b'"1"', b'"\xff"'),
}


@pytest.mark.parametrize("body", DOUBTS.values(), ids=DOUBTS)
def test_in_doubt_there_is_no_result(body: bytes) -> None:
    system, last = learned(NUMBERS, ANSWER)
    assert last is not None

    assert last.read(body, NOW) is None
    # The last answer is still known.
    assert last.read(as_json(ANSWER), NOW) == whole(system, ANSWER)


def test_a_key_twice_has_its_last_value() -> None:
    system, last = learned(NUMBERS, ANSWER)
    assert last is not None
    body = as_json(ANSWER)[:-1] + b', "a": 6}'

    assert last.read(body, NOW) == whole(system, json.loads(body))


TEXT = "sessions 3 of 10\nload 0.5\n"
LINES: list[dict[str, Any]] = [
    {
        "lines": "/text",
        "present": "s_present",
        "patterns": [
            r"sessions (?P<now>\d+) of (?P<max>\d+)",
            r"load (?P<load>[\d.]+) ?(?P<name>\w+)?",
        ],
        "fields": [
            {"gauge": "s_sessions", "path": "/now"},
            {"gauge": "s_sessions_max", "path": "/max"},
            {"gauge": "s_load", "path": "/load"},
            {"info": "s_info", "labels": {"name": "/name"}},
        ],
    },
    {"gauge": "s_v", "path": "/v"},
]


@pytest.mark.parametrize("text", ["sessions 4 of 10\nload 0.5\n", "sessions 0 of 0\nload 1.5 \n"])
def test_the_groups_of_a_text_that_changed_are_read(text: str) -> None:
    system, last = learned(LINES, {"text": TEXT, "v": 1})
    assert last is not None
    answer = {"text": text, "v": 2}

    assert last.read(as_json(answer), NOW) == whole(system, answer)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "an error",
        "load 0.5",
        "sessions 3 of 10\nload 0.5 high\n",
        "load 0.5\nsessions 3 of 10\n",
        TEXT + "x" * 70_000,
        "sessions 3 of 10\nload 0.5 " + " " * 70_000 + "\n",
    ],
    ids=["empty", "no status", "a line less", "another group", "swapped", "longer", "too long"],
)
def test_a_text_with_other_groups_is_read_whole(text: str) -> None:
    _, last = learned(LINES, {"text": TEXT, "v": 1})
    assert last is not None

    assert last.read(as_json({"text": text, "v": 1}), NOW) is None


def test_a_text_with_a_group_in_two_lines_is_read_whole() -> None:
    _, last = learned(LINES, {"text": TEXT * 2, "v": 1})
    assert last is not None

    assert last.read(as_json({"text": TEXT * 2, "v": 2}), NOW) is not None
    assert last.read(as_json({"text": TEXT.replace("3", "4") * 2, "v": 2}), NOW) is None


def test_numbers_that_depend_on_the_time_are_read_at_each_poll() -> None:
    fields: list[dict[str, Any]] = [
        {"gauge": "s_now", "path": "@poll_time"},
        {"gauge": "s_age_seconds", "path": {"of": "@poll_time", "less": "/t"}},
        {"gauge": "s_t", "path": "/t"},
    ]
    system, last = learned(fields, {"t": 100})
    assert last is not None

    for answer, now in (({"t": 100}, NOW + 5), ({"t": 90}, NOW + 10)):
        assert last.read(as_json(answer), now) == whole(system, answer, now)


@pytest.mark.parametrize(
    "fields",
    [
        [{"gauge": "s_v", "path": "/v", "where": {"path": "/w", "above": 5}}],
        [{"gauge": "s_v", "path": "/v", "labels": {"w": "/w"}}],
        [{"gauge": "s_v", "query": "v"}],
        [{"gauge": "s_v", "path": "/v"}, {"match": "s_high", "path": "/v", "above": 5}],
        [{"gauge": "s_v", "path": "/v"}, {"states": "s_state", "path": "/v", "codes": {7: "on"}}],
    ],
)
def test_a_value_on_which_more_than_a_number_depends_is_read_whole(
    fields: list[dict[str, Any]],
) -> None:
    system, last = learned(fields, {"v": 7, "w": 8})
    assert last is not None
    answer = {"v": 3, "w": 4}
    found = last.read(as_json(answer), NOW)

    assert found is None or found == whole(system, answer)
    assert last.read(as_json({"v": 7, "w": 8}), NOW) == whole(system, {"v": 7, "w": 8})


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ([{"each": "/list", "fields": [{"count": "s_items"}]}], {"list": [1]}),
        ([{"gauge": "s_v", "path": "/0"}], [1]),
        ([{"gauge": "s_v", "path": "/v"}, {"gauge": "s_w", "path": "/w"}], {"v": 1, "w": "?"}),
        (
            [
                {
                    "gauge": "s_age",
                    "path": {"of": "@poll_time", "less": "/t"},
                    "where": {"path": "/w", "is": 1},
                }
            ],
            {"t": 1, "w": 1},
        ),
    ],
    ids=["a list", "no object", "a fault", "a condition on what depends on the time"],
)
def test_not_every_answer_is_learned(fields: list[dict[str, Any]], answer: Any) -> None:
    assert learned(fields, answer)[1] is None


@pytest.mark.parametrize(
    ("count", "length", "is_learned"), [(100, 3, True), (300, 3, False), (2, 99_000, False)]
)
def test_an_answer_with_very_many_or_very_long_keys_is_read_whole(
    count: int, length: int, is_learned: bool
) -> None:
    more = {f"{number:0{length}}": number for number in range(count)}
    _, last = learned(NUMBERS, {**ANSWER, **more})

    assert (last is not None) is is_learned
