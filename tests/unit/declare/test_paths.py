"""JSON Pointers, and the values that paths and queries read."""

from typing import Any

import pytest

from exporter.declare.extraction import ExtractContext
from exporter.declare.paths import (
    Query,
    make_get,
    pointer_steps,
    pointer_text,
    resolve,
    source_of,
)
from exporter.errors import FieldError

TREE = {
    "a b": {"c": 1, "d": {"e": {"f": 9}}},
    "list": ["x", "y"],
    "rows": [[1, 2], [3]],
    "a/b": 2,
    "m~n": 3,
    "null": None,
    "": {"": 5},
    "0": "zero",
}


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("", TREE),
        ("/a b/c", 1),
        ("/a b/d", {"e": {"f": 9}}),
        ("/a b/d/e/f", 9),
        ("/list/1", "y"),
        ("/list/2", None),
        ("/list/-1", "y"),
        ("/list/-2", "x"),
        ("/list/-3", None),
        ("/list/\u0661", None),
        ("/list/x", None),
        ("/list/+1", None),
        ("/list/1.0", None),
        ("/list/9999999999", None),
        ("/list/1/z", None),
        ("/rows/-1/0", 3),
        ("/rows/0/-1", 2),
        ("/rows/0/-1/z", None),
        ("/0", "zero"),
        ("/a~1b", 2),
        ("/m~0n", 3),
        ("/null", None),
        ("/null/x", None),
        ("/null/x/y", None),
        ("/a b/c/d", None),
        ("/missing", None),
        ("/missing/x", None),
        ("/missing/x/y", None),
        ("/", {"": 5}),
        ("//", 5),
        ("@key", "k"),
        ("@poll_time", 7.5),
    ],
)
def test_a_path_is_a_json_pointer(pointer: str, expected: Any) -> None:
    context = ExtractContext({}, 7.5)
    context.key = "k"

    assert make_get(pointer)(TREE, context) == expected
    if not pointer.startswith("@"):
        assert resolve(TREE, pointer_steps(pointer)) == expected
        assert pointer_text(pointer_steps(pointer)) == pointer


def test_an_item_may_be_a_list_or_no_container() -> None:
    context = ExtractContext({}, 0.0)

    assert make_get("/1")(["a", "b"], context) == "b"
    for item in (None, 5, "text", True):
        for pointer in ("/a", "/0", "/a/b", "/0/1", "/a/b/c"):
            assert make_get(pointer)(item, context) is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a[", "Incomplete expression"),
        ("a b", "Parse error at column 2"),
        ("a[0:2].nope(b)", "unknown function nope; known: abs"),
        ("", "."),
        ("a" * 1001, "longer than 1000 characters"),
        ("(" * 900 + "a" + ")" * 90, "."),
    ],
)
def test_an_invalid_query_is_refused(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Query(source)


def test_a_query_that_cannot_be_evaluated_selects_nothing() -> None:
    for source in (
        "sum(@)",
        "length(`5`)",
        "ceil(to_number('1e999'))",
        "sort(@)",
        "max_by(@, &a)",
        "@[::0]",
        "join(',', @)",
        "keys(@)",
    ):
        assert Query(source).find([1, "a", {"a": "b"}, {"a": 1}]) is None


def test_a_path_or_query_is_shown_as_it_is_declared() -> None:
    assert source_of(("/a", "/b"), None) == "/a or /b"
    assert source_of(None, Query("a.b")) == "a.b"
    assert source_of(None, None) == ""


@pytest.mark.parametrize(
    "source",
    [
        "[@,@][]" + " | [@,@][]" * 60 + " | length(@)",
        "length(" + "to_string([@,@])|" * 40 + "@)",
    ],
)
def test_a_query_that_takes_too_long_is_a_fault(source: str) -> None:
    query = Query(source)

    assert query.mapped_paths
    with pytest.raises(FieldError, match="the query takes more than 500000 steps"):
        query.find({"a": [[1]] * 1500})


def test_a_query_of_a_large_list_is_answered() -> None:
    servers = [{f"key{one}": one for one in range(25)} | {"state": "up"} for _ in range(1000)]

    found = Query("length(servers[?state == 'up' && key3 < `9`])").find({"servers": servers})

    assert found == 1000
