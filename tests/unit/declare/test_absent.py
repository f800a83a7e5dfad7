"""Declared paths that an answer does not have, each with a suggestion."""

from typing import Any

import pytest

from exporter.declare.absent import find_absent
from support.declarations import Field, declared, system_of

V: Field = {"gauge": "s_v", "path": "/v"}
TREE = {
    "maxConn": 5,
    "null": None,
    "empty": "",
    "o": {"current": 1, "p": {"deep": 1}},
    "l": [{"id": "a", "calls": 1}, {"id": "b", "more": 2}],
    "none": [],
    "m": {"x": {"load": 1}},
    "text": "UP",
    "json": '{"volume": 1}',
    "broken": "{",
}


def gauge(path: Any, **more: Any) -> Field:
    return {"gauge": "s_v", "path": path, **more}


CASES: dict[str, tuple[Field, list[str]]] = {
    "a path that is there": (gauge("/maxConn"), []),
    "null": (gauge("/null"), []),
    "an empty text": (gauge("/empty"), []),
    "the answer itself": (gauge(""), []),
    "the time of the poll": (gauge("@poll_time"), []),
    "a key in another case": (
        gauge("/Maxconn"),
        ["/Maxconn: no such key; did you mean /maxConn?"],
    ),
    "a key that is nothing like it": (gauge("/zzz"), ["/zzz: no such key"]),
    "a key within": (
        gauge("/o/currents"),
        ["/o/currents: no such key; did you mean /o/current?"],
    ),
    "a key on the way": (gauge("/q/p/deep"), ["/q/p/deep: no such key"]),
    "a key of a scalar": (gauge("/maxConn/a"), ["/maxConn/a: no such key"]),
    "one of several is there": (gauge(["/gone", "/maxConn"]), []),
    "none of several": (
        gauge(["/maxCon", "/gone"]),
        ["/maxCon: no such key; did you mean /maxConn?"],
    ),
    "a difference": (
        gauge({"of": "/nul", "less": "/gone"}),
        ["/nul: no such key; did you mean /null?"],
    ),
    "a query": ({"gauge": "s_v", "query": "o.currents"}, ["o.currents: selects nothing"]),
    "a query that finds": ({"gauge": "s_v", "query": "o.current"}, []),
    "a label": (
        gauge("/maxConn", labels={"a": "/o/p/dep", "b": "fixed", "c": ["/gone", "/text"]}),
        ["/o/p/dep: no such key; did you mean /o/p/deep?"],
    ),
    "a template": (gauge("/maxConn", labels={"a": "{/qqq}-{/text}"}), ["/qqq: no such key"]),
    "a label's query": (
        gauge("/maxConn", labels={"a": {"query": "gone"}}),
        ["gone: selects nothing"],
    ),
    "an info": (
        {"info": "s_info", "labels": {"a": "/txt"}},
        ["/txt: no such key; did you mean /text?"],
    ),
    "states": (
        {"states": "s_v", "path": "/txt", "known": ["a"]},
        ["/txt: no such key; did you mean /text?"],
    ),
    "a list": ({"each": "/qqq", "fields": [V]}, ["/qqq: no such key"]),
    "a list that is empty": ({"each": "/none", "fields": [V]}, []),
    "a list by query": ({"each": {"query": "gone"}, "fields": [V]}, ["gone: selects nothing"]),
    "a list by query that finds": ({"each": {"query": "l"}, "fields": [gauge("/calls")]}, []),
    "a key of some item": ({"each": "/l", "fields": [gauge("/more")]}, []),
    "a key of no item": (
        {"each": "/l", "fields": [gauge("/call")]},
        ["/l/*/call: no such key; did you mean /l/*/calls?"],
    ),
    "a label of no item": (
        {"each": "/l", "labels": {"a": "/ID", "k": "@key"}, "fields": [gauge("/calls")]},
        ["/l/*/ID: no such key; did you mean /l/*/id?"],
    ),
    "what is no list": ({"each": "/maxConn", "fields": [V]}, []),
    "an object's items": (
        {"each": "/m", "fields": [gauge("/loads")]},
        ["/m/*/loads: no such key; did you mean /m/*/load?"],
    ),
    "an object": (
        {"within": "/op", "fields": [V]},
        ["/op: no such key; did you mean /o?"],
    ),
    "a key of an object": (
        {"within": "/o", "labels": {"a": "/p/deep"}, "fields": [gauge("/currents")]},
        ["/o/currents: no such key; did you mean /o/current?"],
    ),
    "a key of JSON within a text": (
        {"within": "/json", "parse": "json", "fields": [gauge("/volum")]},
        ["/json/volum: no such key; did you mean /json/volume?"],
    ),
    "a text that is no JSON": ({"within": "/broken", "parse": "json", "fields": [V]}, []),
    "a text": (
        {"lines": "/txt", "patterns": ["(?P<a>.)"], "fields": [gauge("/a")]},
        ["/txt: no such key; did you mean /text?"],
    ),
    "a text that is there": (
        {"lines": "/text", "patterns": ["(?P<a>.)"], "fields": [gauge("/a")]},
        [],
    ),
}


@pytest.mark.parametrize(("field", "expected"), CASES.values(), ids=CASES)
def test_a_path_that_finds_nothing_is_named(field: Field, expected: list[str]) -> None:
    endpoint = declared([field]).endpoints[0]

    assert [str(one) for one in find_absent(TREE, endpoint, {})] == expected


def test_a_path_is_named_once_and_only_where_its_field_is_read() -> None:
    fields = [gauge("/gone", labels={"n": "1"}), gauge("/gone", labels={"n": "2"})]
    guarded = {"gauge": "s_w", "path": "/lost", "when": {"detail": "yes"}}
    system = system_of(
        {
            "params": {"detail": {"default": "no"}},
            "endpoints": [{"path": "/x", "fields": [*fields, guarded]}],
        }
    )
    endpoint = system.endpoints[0]

    assert [one.place for one in find_absent({"a": 1}, endpoint, {"detail": "no"})] == ["/gone"]
    assert [one.place for one in find_absent({"a": 1}, endpoint, {"detail": "yes"})] == [
        "/gone",
        "/lost",
    ]
