"""Labels: fixed texts, paths, several paths, insertions, queries, readings and patterns."""

from typing import Any

import pytest

from support.declarations import faults_of, given, system_of

TREE = {
    "v": 1,
    "id": 7,
    "name": " main ",
    "none": None,
    "on": True,
    "ratio": 2.0,
    "half": 0.5,
    "deep": {"a b": ["x", "y"]},
    "list": ["a"],
    "host": "db-01.example.com",
    "bad": "a\nb\u202e",
    "empty": "",
    "blank": " \t",
    "long": "x" * 257,
    "text": "active 1",
}

LABELS: dict[str, tuple[Any, str]] = {
    "a fixed text": ("main", "main"),
    "a fixed number": (12, "12"),
    "a fixed text with braces": ("{main}", "{main}"),
    "a path": ("/id", "7"),
    "a text without its blanks": ("/name", "main"),
    "a truth value": ("/on", "true"),
    "a whole number": ("/ratio", "2"),
    "a fraction": ("/half", "0.5"),
    "a key with a blank and a negative index": ("/deep/a b/-1", "y"),
    "the first of several paths": (["/none", "/gone", "/id", "/name"], "7"),
    "a template": ("server {/id}", "server 7"),
    "a template of two": ("{/name}:{/deep/a b/0}", "main:x"),
    "a template with other braces": ("{x}-{/id}-{}", "{x}-7-{}"),
    "a mapping": ({"path": "/name"}, "main"),
    "upper case": ({"path": "/host", "read": "upper_case"}, "DB-01.EXAMPLE.COM"),
    "lower case": ({"path": ["/gone", "/host"], "read": "lower_case"}, "db-01.example.com"),
    "a pattern": ({"path": "/host", "pattern": r"^([a-z]+)-\d+"}, "db"),
    "a pattern without a group": ({"path": "/host", "pattern": r"\d+"}, "01"),
    "a pattern of a text that is read": (
        {"path": "/host", "read": "upper_case", "pattern": "EXAMPLE"},
        "EXAMPLE",
    ),
    "a query": ({"query": "deep.\"a b\" | join('+', @)"}, "x+y"),
    "a text that cannot be shown": ("/bad", "a\ufffdb\ufffd"),
}


@pytest.mark.parametrize(("label", "expected"), LABELS.values(), ids=LABELS)
def test_a_label_has_its_text(label: Any, expected: str) -> None:
    assert given({"gauge": "s_v", "path": "/v", "labels": {"l": label}}, TREE) == [
        f's_v{{l="{expected}"}} 1'
    ]


MISSING: dict[str, tuple[Any, str]] = {
    "nothing there": ("/gone", "there is no value for it"),
    "null": ("/none", "there is no value for it"),
    "no path of several": (["/gone", "/none"], "there is no value for it"),
    "a part of a template": ("{/id}{/gone}", "there is no value for it"),
    "a query": ({"query": "gone.x"}, "there is no value for it"),
    "no match": ({"path": "/host", "pattern": "z+"}, "there is no value for it"),
    "an empty text": ("/empty", "there is no value for it"),
    "a blank text": ("/blank", "there is no value for it"),
    "a text too long": ("/long", "a text of 257 characters is too long for a label"),
    "a text too long in a template": (
        "x{/long}",
        "a text of 257 characters is too long for a label",
    ),
    "a text too long for a pattern": (
        {"path": "/long", "pattern": "x"},
        "a text of 257 characters is too long for a label",
    ),
    "a list": ("/list", "a list is not a text"),
    "an object in a template": ("x{/deep}", "an object is not a text"),
}


@pytest.mark.parametrize(("label", "message"), MISSING.values(), ids=MISSING)
@pytest.mark.parametrize(
    "field",
    [
        {"gauge": "s_v", "path": "/v"},
        {"match": "s_v", "path": "/v", "is": 1},
        {"states": "s_v", "path": "/v", "codes": {1: "up"}},
    ],
    ids=["gauge", "match", "states"],
)
def test_without_its_label_a_field_has_no_series(field: Any, label: Any, message: str) -> None:
    assert given(field | {"labels": {"ok": "1", "l": label}}, TREE) == [f"s_v! label l: {message}"]


@pytest.mark.parametrize(("label", "message"), MISSING.values(), ids=MISSING)
@pytest.mark.parametrize(
    "group",
    [
        {
            "each": "/items",
            "fields": [{"gauge": "s_v", "path": "/v"}, {"gauge": "s_w", "path": "/v"}],
        },
        {"each": "/items", "fields": [{"count": "s_v"}]},
        {"each": "/items", "fields": [{"gauge": "s_v", "path": "/v", "merge": "sum"}]},
        {"within": "/items/0", "present": "s_v", "fields": [{"gauge": "s_w", "path": "/v"}]},
        {"within": "/items/0", "fields": [{"gauge": "s_v", "path": "/v"}]},
    ],
    ids=["each", "count", "merge", "present", "within"],
)
def test_an_item_without_its_label_has_no_series_and_one_fault(
    group: Any, label: Any, message: str
) -> None:
    assert given(group | {"labels": {"ok": "1", "l": label}}, {"items": [TREE]}) == [
        f"s_v! label l: {message}"
    ]


@pytest.mark.parametrize(
    "inner", [{"count": "s_v"}, {"gauge": "s_v", "path": "/v", "merge": "max"}]
)
def test_a_field_of_an_item_without_its_label_has_no_series(inner: Any) -> None:
    group = {"each": "/items", "fields": [inner | {"labels": {"l": "/long"}}]}

    assert given(group, {"items": [TREE]}) == [
        "s_v! label l: a text of 257 characters is too long for a label"
    ]


@pytest.mark.parametrize(("key", "message"), [("", "no value"), ("k" * 257, "257 characters")])
def test_an_item_whose_key_is_no_label_has_no_series(key: str, message: str) -> None:
    group = {"each": "/m", "labels": {"k": "@key"}, "fields": [{"gauge": "s_v", "path": ""}]}
    found, fault = given(group, {"m": {key: 1, "b": 2}})

    assert found == 's_v{k="b"} 2'
    assert message in fault


def test_a_text_whose_label_is_empty_has_no_series() -> None:
    lines = {
        "lines": "/text",
        "patterns": [r"state=(?P<state>\w*) n=(?P<n>\d+)"],
        "labels": {"l": "/state"},
        "present": "s_v",
        "fields": [{"gauge": "s_n", "path": "/n"}],
    }

    assert given(lines, {"text": "state= n=1"}) == ["s_v! label l: there is no value for it"]
    assert given(lines, {"text": "state=up n=1"}) == ['s_v{l="up"} 1', 's_n{l="up"} 1']


def test_a_key_is_a_label_alone_or_within_a_text() -> None:
    fields = [{"gauge": "s_v", "path": ""}]
    alone = {"each": "/m", "labels": {"k": "@key"}, "fields": fields}
    within = {"each": "/m", "labels": {"k": "no. {@key}"}, "fields": fields}

    assert given(alone, {"m": {"a": 1, "b": 2}}) == ['s_v{k="a"} 1', 's_v{k="b"} 2']
    assert given(within, {"m": [5, 6]}) == ['s_v{k="no. 0"} 5', 's_v{k="no. 1"} 6']


INFO: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "all labels": ({"a": "/id", "b": "/name"}, TREE, ['s_info{a="7",b="main"} 1']),
    "an empty label is left out": ({"a": "/id", "b": "/gone"}, TREE, ['s_info{a="7"} 1']),
    "nothing found": ({"a": "/gone", "b": "fixed"}, TREE, []),
    "fixed beside found": ({"a": "fixed", "b": "/id"}, TREE, ['s_info{a="fixed",b="7"} 1']),
    "fixed alone": ({"a": "fixed"}, TREE, ['s_info{a="fixed"} 1']),
    "one that cannot be read": (
        {"a": "/id", "b": "/list", "c": "/list"},
        TREE,
        ["s_info! label b: a list is not a text"],
    ),
}


@pytest.mark.parametrize(("labels", "tree", "expected"), INFO.values(), ids=INFO)
def test_an_info_has_its_labels(labels: Any, tree: Any, expected: list[str]) -> None:
    assert given({"info": "s_info", "labels": labels}, tree) == expected


FAULTS: dict[str, tuple[Any, str]] = {
    "the time of the poll": (
        "@poll_time",
        "@poll_time is for gauge and counter alone",
    ),
    "the time of the poll among others": (
        ["/a", "@poll_time"],
        "@poll_time is for gauge and counter alone",
    ),
    "the time of the poll in a mapping": (
        {"path": "@poll_time"},
        "@poll_time is for gauge and counter alone",
    ),
    "another pseudo path": ("@index", "a path begins with /"),
    "nothing": ("", "a label is a text, a path, a list of paths or a mapping"),
    "no paths": ([], "a label is a text, a path, a list of paths or a mapping"),
    "a truth value": (True, "a label is a text, a path, a list of paths or a mapping"),
    "a stray tilde": ("/a~b", "in a path ~1 is a slash within a key, and ~0 is ~"),
    "a stray tilde in a template": ("x{/a~b}", "in a path ~1 is a slash"),
    "no place": ({"read": "text"}, "needs path or query"),
    "an unknown reading": ({"path": "/a", "read": "upper"}, 'did you mean "upper_case"?'),
    "an unknown key": ({"path": "/a", "pat": "x"}, 'pat: unknown key; did you mean "path"?'),
    "no pattern": ({"path": "/a", "pattern": "(?=a)"}, "not a regular expression in RE2 syntax"),
}


@pytest.mark.parametrize(("label", "message"), FAULTS.values(), ids=FAULTS)
def test_a_label_that_cannot_work_is_refused(label: Any, message: str) -> None:
    (fault,) = faults_of([{"gauge": "s_v", "path": "/v", "labels": {"l": label}}])

    assert fault.startswith("endpoints[0].fields[0].labels.l: ")
    assert message in fault


def test_the_reference_shows_the_sources_of_labels() -> None:
    labels = {"a": "x", "b": ["/b", "/c"], "d": "{/d}-{/e}", "f": {"query": "f[0]"}}
    fields = [{"info": "s_info", "labels": labels}]
    (family,) = system_of({"endpoints": [{"path": "/x", "fields": fields}]}).families

    assert family.labels == ("a", "b", "d", "f")
    assert family.source == "b: /b or /c; d: /d and /e; f: f[0]"
