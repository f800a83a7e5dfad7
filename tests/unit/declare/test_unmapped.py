"""Values of an answer that no field reads."""

from typing import Any

import pytest

from exporter.declare.unmapped import find_unmapped
from support.declarations import Field, declared

V: Field = {"gauge": "s_v", "path": "/v"}

CASES: dict[str, tuple[list[Field], Any, list[str]]] = {
    "all read": ([V], {"v": 1}, []),
    "a new key": ([V], {"v": 1, "w": 2, "x": {"y": 3, "z": None}}, ["/w", "/x/y", "/x/z"]),
    "keys with slashes": ([V], {"v": 1, "a/b": {"c~d": 2}}, ["/a~1b/c~0d"]),
    "an index": ([{"gauge": "s_v", "path": "/l/0"}], {"l": [1, 2, 3]}, ["/l/*"]),
    "a negative index": ([{"gauge": "s_v", "path": "/l/-1"}], {"l": [1]}, []),
    "items": (
        [{"each": "/l", "labels": {"id": "/id"}, "fields": [V]}],
        {"l": [{"id": 1, "v": 1, "new": 2}, {"id": 2, "v": 1, "new": 2, "newer": 3}]},
        ["/l/*/new", "/l/*/newer"],
    ),
    "items of an object": (
        [{"each": "/m", "labels": {"k": "@key"}, "fields": [V]}],
        {"m": {"a": {"v": 1, "n": 2}, "b": {"v": 2}}},
        ["/m/*/n"],
    ),
    "labels, conditions and differences": (
        [
            {
                "gauge": "s_v",
                "path": {"of": "/a", "less": "/b"},
                "labels": {"l": "{/c}", "m": ["/d", "/e"]},
                "where": {"path": "/f", "is": 1},
            }
        ],
        {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1},
        ["/g"],
    ),
    "a query": (
        [{"gauge": "s_v", "query": "a[0].b"}],
        {"a": [{"b": 1, "c": 2}], "d": 3},
        ["/a/*/c", "/d"],
    ),
    "an each by query": (
        [{"each": {"query": "a[?b]"}, "fields": [V]}],
        {"a": [{"b": 1, "v": 2}], "d": 3},
        ["/d"],
    ),
    "a group": (
        [
            {
                "within": "/o",
                "refusal": {"error": "/error"},
                "unless": {"path": "/off", "is": 1},
                "labels": {"id": "/id"},
                "fields": [V],
            }
        ],
        {"o": {"v": 1, "error": 0, "id": 2, "new": 3}, "off": 0},
        ["/o/new"],
    ),
    "a group with a condition that refuses": (
        [
            {
                "within": "/o",
                "refusal": {"where": {"path": "/code", "above": 1}},
                "fields": [V],
            }
        ],
        {"o": {"v": 1, "code": 0}},
        [],
    ),
    "JSON within a text": (
        [{"within": "/o", "parse": "json", "fields": [V]}],
        {"o": '{"v": 1, "new": 2}', "new": 1},
        ["/new"],
    ),
    "a line": (
        [
            {
                "within": "/o",
                "fields": [{"lines": "/t", "patterns": [r"(?P<v>\d+) sessions"], "fields": [V]}],
            }
        ],
        {"o": {"t": "5 sessions\n6 sessions more\nelse"}},
        ['/o/t: "6 sessions more"'],
    ),
}


@pytest.mark.parametrize(("fields", "tree", "expected"), CASES.values(), ids=CASES)
def test_a_value_that_no_field_reads_is_unmapped(
    fields: list[Field], tree: Any, expected: list[str]
) -> None:
    assert find_unmapped(tree, declared(fields).endpoints[0]) == expected


def test_values_that_a_refusal_reads_are_mapped() -> None:
    refusal = {
        "error": "/error",
        "success": "/ok",
        "message": ["/text", "/info"],
        "where": {"path": "/code", "above": 399},
    }
    endpoint = declared([V], refusal=refusal).endpoints[0]
    tree = {"v": 1, "error": 0, "ok": 1, "text": "", "info": "", "code": 200, "new": 1}

    assert find_unmapped(tree, endpoint) == ["/new"]


def test_the_number_of_unmapped_paths_is_limited() -> None:
    endpoint = declared([V]).endpoints[0]

    assert len(find_unmapped({f"k{at}": at for at in range(1000)}, endpoint)) == 200
