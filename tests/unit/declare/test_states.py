"""States by name and by code, and unknown states."""

from typing import Any

import pytest

from support.declarations import faults_of, given, system_of

NAMED = {"states": "s_mode", "path": "/mode", "known": ["Active", "Idle", 7]}
CODED = {
    "states": "s_mode",
    "path": "/mode",
    "codes": {"..-1": "broken", 0: "stopped", 1: "Started", "2..5": "restarting", "9..": "Broken"},
}


def state(field: dict[str, Any], value: Any) -> str:
    """Return the one state whose series is 1; or what there is instead."""
    lines = given(field, {"mode": value})
    on = [line.split('"')[1] for line in lines if line.endswith(" 1")]
    return on[0] if len(on) == 1 else " ".join(lines)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("active", "active"),
        (" IDLE ", "idle"),
        (7, "7"),
        ("7", "7"),
        (7.0, "7"),
        ("gone", "unknown"),
        (True, "unknown"),
        (None, ""),
        ("", ""),
        (" ", ""),
        ([], "s_mode! a list is not a text"),
        ("x" * 300, "s_mode! a text of 300 characters is too long for a label"),
    ],
)
def test_a_state_is_named_in_any_case(value: Any, expected: str) -> None:
    assert state(NAMED, value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "stopped"),
        (False, "stopped"),
        ("false", "stopped"),
        ("0", "stopped"),
        (1, "started"),
        (True, "started"),
        ("TRUE", "started"),
        (1.0, "started"),
        (2, "restarting"),
        (5, "restarting"),
        (6, "unknown"),
        (8, "unknown"),
        (9, "broken"),
        (10**30, "broken"),
        (-1, "broken"),
        (-100, "broken"),
        (2.5, "unknown"),
        ("", ""),
        (" ", ""),
        (None, ""),
        ("on", 's_mode! "on" is not a number'),
        (float("nan"), "s_mode! the number is not finite"),
        ({}, "s_mode! an object is not a number"),
    ],
)
def test_a_state_is_a_code_or_in_a_range(value: Any, expected: str) -> None:
    assert state(CODED, value) == expected


def test_every_state_has_a_series_in_the_order_of_declaration() -> None:
    assert given(NAMED | {"label": "mode", "labels": {"n": "/n"}}, {"mode": "idle", "n": 3}) == [
        's_mode{n="3",mode="active"} 0',
        's_mode{n="3",mode="idle"} 1',
        's_mode{n="3",mode="7"} 0',
        's_mode{n="3",mode="unknown"} 0',
    ]
    assert given(CODED, {"mode": 3}) == [
        's_mode{state="broken"} 0',
        's_mode{state="stopped"} 0',
        's_mode{state="started"} 0',
        's_mode{state="restarting"} 1',
        's_mode{state="unknown"} 0',
    ]


def test_a_state_may_be_selected_by_a_query() -> None:
    field = {"states": "s_mode", "query": "l[0].mode", "known": ["a"]}

    assert given(field, {"l": [{"mode": "A"}]}) == [
        's_mode{state="a"} 1',
        's_mode{state="unknown"} 0',
    ]


def test_unknown_may_be_declared_and_is_one_series() -> None:
    assert given(NAMED | {"known": ["unknown", "a", "A"]}, {"mode": "b"}) == [
        's_mode{state="unknown"} 1',
        's_mode{state="a"} 0',
    ]


def test_the_reference_shows_the_states() -> None:
    fields = [NAMED, CODED | {"states": "s_code"}]
    named, coded = system_of({"endpoints": [{"path": "/x", "fields": fields}]}).families

    assert (named.reading, named.labels) == ("name: active, idle, 7", ("state",))
    assert coded.reading == ("code: ..-1 broken, 0 stopped, 1 Started, 2..5 restarting, 9.. Broken")


FAULTS: list[tuple[Any, str]] = [
    ({}, "codes are numbers or ranges with their states, such as {0: down, 1..: up}"),
    ([0, 1], "codes are numbers or ranges with their states, such as {0: down, 1..: up}"),
    ({"up": "a"}, "up is neither a number nor a range such as 2..5, 2.. or ..5"),
    ({"": "a"}, " is neither a number nor a range such as 2..5, 2.. or ..5"),
    ({"..": "a"}, ".. is neither a number nor a range such as 2..5, 2.. or ..5"),
    ({"1.5": "a"}, "1.5 is neither a number nor a range such as 2..5, 2.. or ..5"),
    ({"1...5": "a"}, "1...5 is neither a number nor a range such as 2..5, 2.. or ..5"),
    ({"1234567890": "a"}, "1234567890 is neither a number nor a range such as 2..5, 2.. or ..5"),
    ({"5..2": "a"}, "the range 5..2 is empty"),
    ({0: "a", "..5": "b"}, "..5 overlaps another of the codes"),
    ({"1..3": "a", "3..": "b"}, "3.. overlaps another of the codes"),
    ({0: True}, "the state of 0 must be a text; quote it"),
    ({0: ""}, "the state of 0 must be a text; quote it"),
]


@pytest.mark.parametrize(("codes", "message"), FAULTS)
def test_codes_that_mean_nothing_are_refused(codes: Any, message: str) -> None:
    (fault,) = faults_of([{"states": "s_mode", "path": "/mode", "codes": codes}])

    assert fault == f"endpoints[0].fields[0].codes: {message}"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, "needs known or codes"),
        ({"known": ["a"], "codes": {0: "b"}}, "give either known or codes, not both"),
        ({"known": []}, "known: must not be empty"),
        ({"known": [""]}, "known[0]: must not be empty"),
        ({"known": ["a"], "query": "x"}, "give either path or query, not both"),
        ({"known": ["a"], "idle": ["b"]}, 'idle: "b" is not one of the states: a'),
        (
            {"known": ["a"], "label": "le"},
            "s_mode: 'le' cannot be a label: small letters, digits and _, and no reserved name",
        ),
    ],
)
def test_states_that_cannot_work_are_refused(more: Any, message: str) -> None:
    (fault,) = faults_of([{"states": "s_mode", "path": "/mode"} | more])

    assert (
        fault.removeprefix("endpoints[0].fields[0]").lstrip(".: ").removeprefix("states: ")
        == message
    )
