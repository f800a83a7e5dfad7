"""Gauges and counters: from a value of an answer to a sample."""

from typing import Any

import pytest

from exporter.declare.extraction import Sample
from support.declarations import faults_of, given, read
from support.polling import NOW

MISSING = object()


def number(more: dict[str, Any], value: Any) -> list[str]:
    tree = {} if value is MISSING else {"v": value}
    lines = given({"gauge": "s_v", "path": "/v"} | more, tree)
    return [line.removeprefix("s_v ") for line in lines]


READ: list[tuple[dict[str, Any], Any, list[str]]] = [
    ({}, 5, ["5"]),
    ({}, "5.5", ["5.5"]),
    ({}, True, ["1"]),
    ({}, -1, ["-1"]),
    ({}, None, []),
    ({}, "", []),
    ({}, "  ", []),
    ({}, MISSING, []),
    ({}, [], ["s_v! a list is not a number"]),
    ({"read": "count"}, -1, ["s_v! -1 is negative"]),
    # A missing value, a null and an empty text have the default; what cannot be read has not.
    ({"default": 3}, MISSING, ["3"]),
    ({"default": 3}, None, ["3"]),
    ({"default": 3}, "", ["3"]),
    ({"default": 3}, 0, ["0"]),
    ({"default": 3}, "x", ['s_v! "x" is not a number']),
    # The default is a value in the metric's unit: neither reading nor factor applies.
    ({"default": 3, "read": "kibibytes", "scale": 10}, None, ["3"]),
    ({"default": 3, "read": "kibibytes", "scale": 10}, 1, ["10240"]),
    # Empty text means 0 to `filled` alone.
    ({"read": "filled"}, "", ["0"]),
    ({"read": "filled"}, "x", ["1"]),
    ({"read": "filled"}, MISSING, []),
    ({"null_values": [-1, "N/A", 0.5]}, -1, []),
    ({"null_values": [-1, "N/A", 0.5]}, "-1", []),
    ({"null_values": [-1, "N/A", 0.5]}, -1.0, []),
    ({"null_values": [-1, "N/A", 0.5]}, " N/A ", []),
    ({"null_values": [-1, "N/A", 0.5]}, 0.5, []),
    ({"null_values": [-1, "N/A", 0.5]}, "n/a", ['s_v! "n/a" is not a number']),
    ({"null_values": [-1], "default": 7}, -1, ["7"]),
    ({"null_values": [-1], "scale": -1}, 1, ["-1"]),
    ({"null_values": ["x"]}, ["x"], ["s_v! a list is not a number"]),
    ({"map": {"OK": 1, "Warn": 0.5, 3: 9}}, "ok", ["1"]),
    ({"map": {"OK": 1, "Warn": 0.5, 3: 9}}, "WARN", ["0.5"]),
    ({"map": {"OK": 1, "Warn": 0.5, 3: 9}}, 3, ["9"]),
    ({"map": {"OK": 1, "Warn": 0.5, 3: 9}}, "3", ["9"]),
    ({"map": {"OK": 1, "Warn": 0.5, 3: 9}}, "lost", ['s_v! "lost" is not one of OK, Warn, 3']),
    ({"map": {"true": 5, "false": 6}}, False, ["6"]),
    ({"map": {"a": 2}, "scale": 3, "offset": 1}, "A", ["7"]),
    ({"scale": 0.1}, 2305, ["230.5"]),
    ({"scale": 0.1}, 3, ["0.3"]),
    ({"offset": -273.15}, 300, ["26.85"]),
    ({"scale": 1.8, "offset": 32}, 100, ["212"]),
    ({"scale": 0}, 5, ["0"]),
    ({"scale": 10**300}, 1e300, ["s_v! the number is too large"]),
    ({"pattern": r"(\d+) of \d+"}, "used 7 of 9", ["7"]),
    ({"pattern": r"\d+"}, "load 12", ["12"]),
    ({"pattern": r"(\d+)", "read": "kibibytes"}, "2 KB", ["2048"]),
    ({"pattern": r"^(\d)"}, 75, ["7"]),
    ({"pattern": r"(\d+)"}, "none", ['s_v! "none" does not match the pattern']),
    ({"pattern": r"is ([a-z/]+)", "null_values": ["n/a"]}, "is n/a", []),
    ({"pattern": "([A-Z]+)", "map": {"up": 1}}, "is UP now", ["1"]),
    ({"pattern": "(x)"}, {"x": 1}, ["s_v! an object is not a text"]),
]


@pytest.mark.parametrize(("more", "value", "expected"), READ)
def test_a_value_becomes_a_number(more: dict[str, Any], value: Any, expected: list[str]) -> None:
    assert number(more, value) == expected


PATHS: list[tuple[Any, Any, list[str]]] = [
    (["/a", "/b"], {"a": 1, "b": 2}, ["s_v 1"]),
    (["/a", "/b"], {"a": None, "b": 2}, ["s_v 2"]),
    (["/a", "/b"], {"b": 2}, ["s_v 2"]),
    (["/a", "/b"], {"a": "", "b": 2}, ["s_v 2"]),
    (["/a", "/b"], {"a": " ", "b": None}, []),
    (["/a", "/b"], {"a": 0, "b": 2}, ["s_v 0"]),
    (["/a", "/b"], {"a": "x", "b": 2}, ['s_v! "x" is not a number']),
    (["/a", "/b"], {"a": {}, "b": 2}, ["s_v! an object is not a number"]),
    (["/a/x", "/a"], {"a": {"y": 1}}, []),
    (["/a/x", "/a"], {"a": 4}, ["s_v 4"]),
    ({"of": "/a", "less": "/b"}, {"a": 5, "b": 2}, ["s_v 3"]),
    ({"of": "/a", "less": "/b"}, {"a": 5}, []),
    ({"of": "/a", "less": "/b"}, {"b": 5}, []),
    ({"of": "/a", "less": "/b"}, {"a": 5, "b": ""}, []),
    ({"of": "/a", "less": "/b"}, {"a": 5, "b": 6}, ["s_v -1"]),
    ({"of": "/a", "less": "/b"}, {"a": 5, "b": "x"}, ['s_v! "x" is not a number']),
    (["/c", {"of": "/a", "less": "/b"}], {"a": 5, "b": 2, "c": 9}, ["s_v 9"]),
    (["/c", {"of": "/a", "less": "/b"}], {"a": 5, "b": 2, "c": ""}, ["s_v 3"]),
    (["/c", {"of": "/a", "less": "/b"}], {"a": 5}, []),
    ("/l/-1", {"l": [1, 2, 3]}, ["s_v 3"]),
    ("/l/-4", {"l": [1, 2, 3]}, []),
]


@pytest.mark.parametrize(("path", "tree", "expected"), PATHS)
def test_the_first_existing_path_wins(path: Any, tree: Any, expected: list[str]) -> None:
    assert given({"gauge": "s_v", "path": path}, tree) == expected


@pytest.mark.parametrize("reading", ["count", "kibibytes", "mebibytes", "size", {"size": "binary"}])
def test_a_difference_of_amounts_is_not_negative(reading: Any) -> None:
    field = {"gauge": "s_v", "path": {"of": "/a", "less": "/b"}, "read": reading}

    assert given(field, {"a": 5, "b": 6}) == ["s_v! /a is less than /b"]


def test_a_difference_is_scaled_as_a_whole() -> None:
    field = {"gauge": "s_v", "path": {"of": "/a", "less": "/b"}, "read": "milliseconds"}

    assert given(field, {"a": 5000, "b": 2000}) == ["s_v 3"]
    assert given(field | {"scale": 2, "offset": 1}, {"a": 5000, "b": 2000}) == ["s_v 7"]


def test_the_time_of_the_poll_is_a_value() -> None:
    age = {"gauge": "s_age_seconds", "path": {"of": "@poll_time", "less": "/t"}}

    assert read([{"gauge": "s_now", "path": "@poll_time"}], {}).samples == (
        Sample("s_now", (), NOW),
    )
    assert given(age | {"read": {"time": "seconds"}}, {"t": NOW - 2.5}) == ["s_age_seconds 2.5"]
    # A clock that is ahead is no fault.
    assert given(age | {"read": {"time": "seconds"}}, {"t": NOW + 2.5}) == ["s_age_seconds -2.5"]


def test_a_counter_counts() -> None:
    assert given({"counter": "s_v_total", "path": "/v"}, {"v": "7"}) == ["s_v_total 7"]
    assert given({"counter": "s_v_total", "path": "/v"}, {"v": -7}) == ["s_v_total! -7 is negative"]
    assert given({"counter": "s_v_total", "path": "/v", "read": "size"}, {"v": "7 kB"}) == [
        "s_v_total 7000"
    ]


QUERIES: list[tuple[str, Any, list[str]]] = [
    ("a.b", {"a": {"b": 1}}, ["s_v 1"]),
    ("a.b", {"a": 1}, []),
    ("l[?s == 'up'] | length(@)", {"l": [{"s": "up"}, {"s": "down"}, {"s": "up"}]}, ["s_v 2"]),
    ("l[-1]", {"l": [1, 2]}, ["s_v 2"]),
    ("sum(l[*].n)", {"l": [{"n": 1}, {"n": 2.5}]}, ["s_v 3.5"]),
    ("max(l)", {"l": []}, []),
    ("a == 'x'", {"a": "x"}, ["s_v 1"]),
    ("a", {"a": ""}, []),
    ("a", {"a": [1]}, ["s_v! a list is not a number"]),
    # What a function does not take is not there.
    ("sum(l)", {"l": ["x"]}, []),
    ("length(a)", {"a": 5}, []),
    ("ceil(to_number(a))", {"a": "1e999"}, []),
    ("l[::0]", {"l": [1]}, []),
]


@pytest.mark.parametrize(("query", "tree", "expected"), QUERIES)
def test_a_query_selects_a_number(query: str, tree: Any, expected: list[str]) -> None:
    assert given({"gauge": "s_v", "query": query}, tree) == expected


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no place": ({}, ": needs path or query"),
    "two places": ({"path": "/a", "query": "a"}, ": give either path or query, not both"),
    "two readings": (
        {"path": "/a", "read": "count", "map": {"a": 1}},
        ": give either read or map, not both",
    ),
    "no paths": ({"path": []}, ".path: must not be empty"),
    "no path": ({"path": "a"}, '.path: a path begins with /, such as "/queue/length"'),
    "a number": ({"path": 1}, '.path: a path begins with /, such as "/queue/length"'),
    "half a difference": ({"path": {"of": "/a"}}, ".path: a difference is {of: PATH, less: PATH}"),
    "an unknown reading": ({"path": "/a", "read": "kb"}, '.read: unknown reading "kb"'),
    "a reading that is none": ({"path": "/a", "read": 1}, ".read: a reading is a name"),
    "an unknown option": (
        {"path": "/a", "read": {"size": "bin"}},
        '.read: unknown option "bin" of size',
    ),
    "a query that is none": ({"query": 1}, ".query: a JMESPath expression is a text; quote it"),
    "a query that does not end": (
        {"query": "a["},
        ".query: not a JMESPath expression: Incomplete expression",
    ),
    "a long query": ({"query": "a" * 1001}, ": longer than 1000 characters"),
    "a deep query": ({"query": "!" * 999 + "a"}, ".query: not a JMESPath expression: "),
    "a pattern that is none": ({"path": "/a", "pattern": 1}, ".pattern: a regular expression is"),
    "a back-reference": ({"path": "/a", "pattern": r"(a)\1"}, ".pattern: not a regular expression"),
    "a large pattern": ({"path": "/a", "pattern": "((a{100}){100}){100}"}, ".pattern: not a"),
    "a text as a factor": ({"path": "/a", "scale": "2"}, ".scale: must be a number"),
    "a factor beyond a float": (
        {"path": "/a", "scale": 10**400},
        ".scale: the number is too large",
    ),
    "a long null value": (
        {"path": "/a", "null_values": ["x" * 257]},
        ".null_values: a text of 257 characters is too long for a label",
    ),
}


@pytest.mark.parametrize(("more", "message"), FAULTS.values(), ids=FAULTS)
def test_a_number_that_cannot_be_read_is_refused(more: dict[str, Any], message: str) -> None:
    (fault,) = faults_of([{"gauge": "s_v"} | more])

    assert fault.startswith("endpoints[0].fields[0]")
    assert message in fault
