"""`where`, `when` and `match`: every condition, for values of all types and missing values."""

from typing import Any

import pytest

from support.declarations import faults_of, given, read, system_of, written

MISSING = object()

# The result of a condition for each of these values, in this order.
VALUES: list[Any] = [1, 0, -2.5, "1", " 1.0 ", "UP", "up ", "", True, False, None, [], {}, MISSING]

CONDITIONS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "a number": ({"is": 1}, [1, "1", " 1.0 ", True]),
    "a number as text": ({"is": "1"}, [1, "1"]),
    "zero": ({"is": 0}, [0, False]),
    "a text in any case": ({"is": "Up"}, ["UP", "up "]),
    "the empty text": ({"is": ""}, [""]),
    "a truth value": ({"is": True}, [True]),
    "one of a list": ({"is": ["down", "up", 0]}, [0, "UP", "up ", False]),
    "not a number": ({"not": 1}, [0, -2.5, "UP", "up ", "", False]),
    "not a text": ({"not": "up"}, [1, 0, -2.5, "1", " 1.0 ", "", True, False]),
    "none of a list": ({"not": ["up", 1, 0, ""]}, [-2.5]),
    "a pattern": ({"matches": "^U|5$"}, [-2.5, "UP"]),
    "a pattern that finds nothing but is there": (
        {"matches": ""},
        [1, 0, -2.5, "1", " 1.0 ", "UP", "up ", "", True, False],
    ),
    "above": ({"above": 0}, [1, "1", " 1.0 ", True]),
    "below": ({"below": 0}, [-2.5]),
    "between": ({"above": -3, "below": 0.5}, [0, -2.5, False]),
    "there": ({"exists": True}, [one for one in VALUES if one not in (None, MISSING)]),
    "not there": ({"exists": False}, [None, MISSING]),
    "there and a number": ({"exists": True, "is": 1}, [1, "1", " 1.0 ", True]),
    "every word": ({"is": ["up", "UP"], "not": "down", "matches": "U"}, ["UP"]),
}


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


@pytest.mark.parametrize(("condition", "holding"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_condition_holds_for_these_values_and_no_others(
    condition: dict[str, Any], holding: list[Any]
) -> None:
    field = {"gauge": "s_v", "path": "/v", "where": {"path": "/a"} | condition}
    trees = [{"v": 1} | ({} if one is MISSING else {"a": one}) for one in VALUES]

    held = [one for one, tree in zip(VALUES, trees, strict=True) if given(field, tree)]

    assert len(held) == len(holding)
    assert all(map(same, held, holding))
    # Each condition that can hold for some value can fail for another.
    assert len(held) < len(VALUES)


@pytest.mark.parametrize(("condition", "holding"), CONDITIONS.values(), ids=CONDITIONS)
def test_a_match_is_1_for_the_same_values(condition: dict[str, Any], holding: list[Any]) -> None:
    field = {"match": "s_v", "path": "/a"} | condition
    shown = {}
    for number, one in enumerate(VALUES):
        shown[number] = given(field, {} if one is MISSING else {"a": one})

    ones = [VALUES[at] for at, lines in shown.items() if lines == ["s_v 1"]]
    assert len(ones) == len(holding)
    assert all(map(same, ones, holding))
    missing = [[], []] if "exists" not in condition else [shown[10], shown[13]]
    assert [shown[10], shown[13]] == missing
    for lines in shown.values():
        assert lines in ([], ["s_v 0"], ["s_v 1"]) or lines[0].startswith("s_v! ")


@pytest.mark.parametrize(
    ("field", "tree", "expected"),
    [
        ({"is": "up"}, {"a": "down"}, ["s_v 0"]),
        ({"is": "up"}, {"a": None}, []),
        ({"is": "up"}, {"a": []}, ["s_v! a list is not a text"]),
        ({"above": 3}, {"a": "many"}, ['s_v! "many" is not a number']),
        ({"above": 3}, {"a": "4"}, ["s_v 1"]),
        ({"exists": True}, {}, ["s_v 0"]),
        ({"exists": False}, {}, ["s_v 1"]),
        ({"exists": False}, {"a": {}}, ["s_v 0"]),
        ({"path": ["/b", "/a"], "is": "up"}, {"a": "UP"}, ["s_v 1"]),
        ({"path": None, "query": "length(a)", "above": 1}, {"a": [1, 2]}, ["s_v 1"]),
        ({"is": "up", "labels": {"x": "/x"}}, {"a": "up", "x": 7}, ['s_v{x="7"} 1']),
    ],
)
def test_a_match_is_a_gauge(field: Any, tree: Any, expected: list[str]) -> None:
    whole = {"match": "s_v", "path": "/a"} | field
    if whole["path"] is None:
        del whole["path"]

    assert given(whole, tree) == expected


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"a": "x", "n": 5}, ["s_v 1"]),
        ({"a": "x", "n": 4}, []),
        ({"a": "y", "n": 5}, []),
        ({"n": 5}, []),
    ],
)
def test_all_conditions_of_a_list_must_hold(tree: Any, expected: list[str]) -> None:
    where = [{"path": "/a", "is": "x"}, {"query": "n > `4`", "is": True}]

    assert given({"gauge": "s_v", "query": "`1`", "where": where}, tree) == expected


def test_the_first_existing_path_is_compared() -> None:
    where = {"path": ["/new/state", "/state"], "is": "up"}
    field = {"gauge": "s_v", "path": "/v", "where": where}

    assert given(field, {"v": 1, "state": "up"}) == ["s_v 1"]
    assert given(field, {"v": 1, "state": "up", "new": {"state": "down"}}) == []


def test_a_field_is_read_for_the_parameters_that_it_names() -> None:
    fields = [
        {"gauge": "s_one", "path": "/v", "when": {"detail": "yes"}},
        {"gauge": "s_any", "path": "/v", "when": {"detail": ["yes", "no"]}},
        {"gauge": "s_both", "path": "/v", "when": {"detail": "yes", "more": "1"}},
        {"each": "/l", "when": {"more": "1"}, "fields": [{"count": "s_items"}]},
    ]
    tree = {"v": 1, "l": [1, 2]}

    def names(**params: str) -> list[str]:
        return [
            one.family for one in read(fields, tree, {"detail": "", "more": ""} | params).samples
        ]

    assert names() == []
    assert names(detail="no") == ["s_any"]
    assert names(detail="yes") == ["s_one", "s_any"]
    assert names(detail="yes", more="1") == ["s_one", "s_any", "s_both", "s_items"]


FAULTS = {
    "no word": ({"path": "/a"}, "needs a condition: is, not, matches, above, below or exists"),
    "no place": ({"is": 1}, "needs path or query"),
    "two places": ({"path": "/a", "query": "a", "is": 1}, "give either path or query, not both"),
    "an empty list": ({"path": "/a", "is": []}, "must not be empty"),
    "a text for a number": ({"path": "/a", "above": "5"}, "must be a number"),
    "an unknown word": ({"path": "/a", "equals": 5}, "unknown key"),
    "no pattern": ({"path": "/a", "matches": "("}, "not a regular expression in RE2 syntax"),
    "a long text": (
        {"path": "/a", "is": "x" * 257},
        "a text of 257 characters is too long for a label",
    ),
    "a number of many digits": (
        {"path": "/a", "not": 10**100},
        "a number of 333 bits is too long for a label",
    ),
}


@pytest.mark.parametrize(("where", "message"), FAULTS.values(), ids=FAULTS)
def test_a_condition_that_cannot_work_is_refused(where: Any, message: str) -> None:
    (fault,) = faults_of([{"gauge": "s_v", "path": "/v", "where": where}])

    assert message in fault


@pytest.mark.parametrize("when", [{}, {"a": []}, {"a": 1}, {"a": ["x", 1]}, ["a"], "a"])
def test_when_has_parameters_and_texts(when: Any) -> None:
    (fault,) = faults_of([{"gauge": "s_v", "path": "/v", "when": when}])

    assert fault == (
        "endpoints[0].fields[0].when: must be parameters with their values"
        + ("" if when == {} else " as text" if isinstance(when, dict) else "")
        + ', such as {detail: "true"}'
    )


def test_the_reference_shows_conditions_as_they_are_declared() -> None:
    condition = {"is": ["a", 1], "not": True, "matches": "x+", "above": 1.5, "exists": True}
    fields = [
        {"match": "s_v", "path": "/a"} | condition,
        {
            "each": "/l",
            "where": [{"path": "/b", "below": 2}, {"query": "c.d", "is": "x"}],
            "fields": [{"gauge": "s_w", "path": "/w"}],
        },
    ]
    one, other = system_of({"endpoints": [{"path": "/x", "fields": fields}]}).families

    assert one.reading == 'is "a" or 1 and not true and above 1.5 and exists true and matches x+'
    assert other.source == '/l/* where /b below 2.0 and c.d is "x" > /w'
    assert written(read(fields, {"l": [{"b": 1, "c": {"d": "X"}, "w": 3}]})) == [
        "s_v 0",
        "s_w 3",
    ]
