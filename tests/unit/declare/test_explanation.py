"""Explanations of fields for people."""

from typing import Any

import pytest

from exporter.declare.explanation import Explanation, explain
from support.declarations import Field, declared

V: Field = {"gauge": "s_v", "path": "/v"}


def explanation(field: Field, tree: Any) -> list[str]:
    """Write explanations as `metric at place: raw -> samples ! faults`."""
    return [written(one) for one in explain(tree, declared([field]).endpoints[0], {}, 5.0)]


def written(one: Explanation) -> str:
    values = ", ".join(
        f"{' '.join(text for _, text in sample.labels)}{' ' if sample.labels else ''}{sample.value:g}"
        for sample in one.samples
    )
    faults = "".join(f" ! {fault.message}" for fault in one.faults)
    return f"{one.metric} at {one.place}: {one.raw} -> {values}{faults}"


CASES: dict[str, tuple[Field, Any, list[str]]] = {
    "a number": (V, {"v": 1}, ["s_v at /v: 1 -> 1"]),
    "a text": (V, {"v": "12"}, ['s_v at /v: "12" -> 12']),
    "nothing": (V, {}, ["s_v at /v: not in the answer -> "]),
    "a fault": (V, {"v": []}, ["s_v at /v: a list ->  ! a list is not a number"]),
    "several paths": (
        {"gauge": "s_v", "path": ["/a", "/v"]},
        {"v": 1},
        ["s_v at /a or /v: 1 -> 1"],
    ),
    "a difference": (
        {"gauge": "s_v", "path": {"of": "/a", "less": "/b"}},
        {"a": 5, "b": 3},
        ["s_v at /a - /b: 5, 3 -> 2"],
    ),
    "a query": ({"gauge": "s_v", "query": "a.b"}, {"a": {"b": 3}}, ["s_v at a.b: 3 -> 3"]),
    "a query that selects nothing": (
        {"gauge": "s_v", "query": "a.b"},
        {},
        ["s_v at a.b: not in the answer -> "],
    ),
    "an info": (
        {"info": "s_info", "labels": {"a": "/a", "b": "/b"}},
        {"a": "x", "b": 2},
        ['s_info at a: /a; b: /b: "x", 2 -> x 2 1'],
    ),
    "an info by query": (
        {"info": "s_info", "labels": {"a": {"query": "l[0]"}}},
        {"l": ["x"]},
        ['s_info at a: l[0]: "x" -> x 1'],
    ),
    "a condition that does not hold": (
        V | {"where": {"path": "/on", "is": True}},
        {"v": 1, "on": False},
        ["s_v at /v: 1 -> "],
    ),
    "a list": (
        {"each": "/l", "labels": {"id": "/id"}, "fields": [V]},
        {"l": [{"id": "a", "v": 1}, {"id": "b", "v": "x"}]},
        ['s_v at /l/* > /v: 1 (first of 2) -> 1 ! "x" is not a number'],
    ),
    "a list with a condition": (
        {"each": "/l", "where": {"path": "/on", "is": 1}, "fields": [V]},
        {"l": [{"on": 0, "v": 1}, {"on": 1, "v": 2}]},
        ["s_v at /l/* where /on is 1 > /v: 2 (first of 1) -> 2"],
    ),
    "an object's key": (
        {"each": "/m", "fields": [{"gauge": "s_v", "path": "@key"}]},
        {"m": {"7": {}}},
        ["s_v at /m/* > @key: not in the answer (first of 1) -> 7"],
    ),
    "an empty list": ({"each": "/l", "fields": [V]}, {"l": []}, ["s_v at /l/*: no items -> "]),
    "no list": (
        {"each": "/l", "fields": [V]},
        {"l": 5},
        ["s_v at /l/*: no items ->  ! 5 is neither a list nor an object"],
    ),
    "a group": (
        {"within": "/o", "present": "s_up", "fields": [V]},
        {"o": {"v": 1}},
        ["s_up at /o: an object -> 1", "s_v at /o > /v: 1 -> 1"],
    ),
    "a group that is missing": (
        {"within": "/o", "present": "s_up", "fields": [V]},
        {},
        ["s_up at /o: not in the answer -> 0"],
    ),
    "JSON within a text": (
        {"within": "/o", "parse": "json", "present": "s_up", "fields": [V]},
        {"o": '{"v": 1}'},
        ['s_up at /o: "{"v": 1}" -> 1', "s_v at /o > /v: 1 -> 1"],
    ),
    "a text that is no JSON": (
        {"within": "/o", "parse": "json", "present": "s_up", "fields": [V]},
        {"o": "{"},
        ['s_up at /o: "{" ->  ! "{" is not JSON'],
    ),
    "lines of a text": (
        {"lines": "/t", "patterns": [r"a (?P<v>\d+)"], "present": "s_up", "fields": [V]},
        {"t": "x\na 5"},
        ['s_up at /t: "x\ufffda 5" -> 1', 's_v at /t > /v: "5" -> 5'],
    ),
    "a text that is missing": (
        {"lines": "/t", "patterns": [r"a (?P<v>\d+)"], "present": "s_up", "fields": [V]},
        {},
        ["s_up at /t: not in the answer -> 0 ! there is no text at /t"],
    ),
}


@pytest.mark.parametrize(("field", "tree", "expected"), CASES.values(), ids=CASES)
def test_a_field_is_explained(field: Field, tree: Any, expected: list[str]) -> None:
    assert explanation(field, tree) == expected


def test_a_long_list_is_bounded() -> None:
    field = {"each": "/l", "labels": {"id": "/id"}, "fields": [V]}
    states = {"states": "s_v", "path": "/v", "known": [f"s{at}" for at in range(20)]}
    tree = {"l": [{"id": "a", "v": "x"}] * 50}

    (one,) = explain(tree, declared([field]).endpoints[0], {}, 0.0)
    (other,) = explain({"v": "s1"}, declared([states]).endpoints[0], {}, 0.0)

    assert len(one.faults) == 8
    assert len(other.samples) == 8
