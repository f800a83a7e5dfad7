"""`lines`: the fields of a text, and texts that are not a status."""

from typing import Any

import pytest

from exporter.declare.lines import Lines
from support.declarations import Field, declared, extracted, faults_of, given, read, written

FIELDS: list[Field] = [
    {"gauge": "s_active", "path": "/active"},
    {"gauge": "s_peak", "path": "/peak"},
]
PATTERNS = [
    r"(?P<active>\d+) session\(s\) - peak (?P<peak>\d+)",
    r"(?P<active>\d+) session\(s\)",
    r"UP (?P<uptime>.+)",
]
TEXT: Field = {"lines": "/t", "patterns": PATTERNS, "fields": FIELDS}
PRESENT = TEXT | {
    "present": "s_up",
    "present_if": ["uptime", "active"],
    "absent_if": [r"No connection\.", "-ERR .*"],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4 session(s) - peak 9", ["s_up 1", "s_active 4", "s_peak 9"]),
        ("  4 session(s) - peak 9\t\n", ["s_up 1", "s_active 4", "s_peak 9"]),
        ("4 session(s)", ["s_up 1", "s_active 4"]),
        # If several lines have a group, the first counts; if several patterns match a line, the
        # first.
        ("4 session(s)\n5 session(s) - peak 9", ["s_up 1", "s_active 4", "s_peak 9"]),
        ("UP 1 day", ["s_up 1"]),
        ("UP 1 day\r\n4 session(s)\rmore", ["s_up 1", "s_active 4"]),
        ("UP 1 day<br>4 session(s)<br/>", ["s_up 1", "s_active 4"]),
        # A pattern is for a whole line.
        ("x 4 session(s)", ["s_up 0", "s_up! the text is neither a status nor a known error"]),
        ("4 session(s) x", ["s_up 0", "s_up! the text is neither a status nor a known error"]),
        ("", ["s_up 0", "s_up! the text is neither a status nor a known error"]),
        # Known texts without a status are no fault; they are whole texts of any number of lines.
        ("No connection.", ["s_up 0"]),
        (" No connection.\n", ["s_up 0"]),
        ("-ERR a\nb", ["s_up 0"]),
        (
            "No connection. Really",
            ["s_up 0", "s_up! the text is neither a status nor a known error"],
        ),
        (None, ["s_up 0", "s_up! there is no text at /t"]),
        ({}, ["s_up 0", "s_up! there is no text at /t"]),
        (5, ["s_up 0", "s_up! there is no text at /t"]),
        ("UP 1 day\n" * 8000, ["s_up! a text of 72000 characters is too long for a status"]),
    ],
)
def test_a_text_is_a_status_or_not(text: Any, expected: list[str]) -> None:
    assert given(PRESENT, {"t": text}) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4 session(s)", ["s_active 4"]),
        ("UP 1 day", []),
        ("else", ["s_active! the text is neither a status nor a known error"]),
        (None, []),
        (5, ["s_active! there is no text at /t"]),
    ],
)
def test_without_a_gauge_a_missing_text_is_missing(text: Any, expected: list[str]) -> None:
    assert given(TEXT, {"t": text}) == expected


def test_only_the_groups_of_present_if_make_it_a_status() -> None:
    field = PRESENT | {"present_if": ["peak"]}

    assert given(field, {"t": "4 session(s)"})[0] == "s_up 0"
    assert given(field, {"t": "4 session(s) - peak 9"})[0] == "s_up 1"


def test_labels_are_groups() -> None:
    field = PRESENT | {"labels": {"since": "/uptime", "kind": "text"}}

    assert given(field, {"t": "UP 1 day\n4 session(s)"}) == [
        's_up{since="1 day",kind="text"} 1',
        's_active{since="1 day",kind="text"} 4',
    ]
    # Without a status there is no group, and so no series.
    assert given(field, {"t": "No connection."}) == []
    assert given(field, {"t": "4 session(s)"}) == ["s_up! label since: there is no value for it"]
    assert given(PRESENT | {"labels": {"kind": "text"}}, {"t": "No connection."}) == [
        's_up{kind="text"} 0'
    ]


def test_labels_of_the_groups_around_stay() -> None:
    field = {"each": "/l", "labels": {"id": "/id"}, "fields": [PRESENT]}
    tree = {"l": [{"id": "a", "t": "4 session(s)"}, {"id": "b", "t": "No connection."}]}

    assert given(field, tree) == ['s_up{id="a"} 1', 's_active{id="a"} 4', 's_up{id="b"} 0']


@pytest.mark.parametrize(
    ("line", "is_unmapped"),
    [
        ("5 session(s) - peak: 9", True),
        ("5 session(s) and more", True),
        ("5 sessions(s)", False),
        ("hello", False),
        ("4 session(s)", False),
        ("", False),
    ],
)
def test_a_line_that_resembles_a_pattern_is_unmapped(line: str, is_unmapped: bool) -> None:
    (field,) = (one for one in declared([TEXT]).endpoints[0].fields)

    assert [*field.unmapped_lines(f"4 session(s)\n{line}\n")] == ([line] if is_unmapped else [])  # type: ignore[union-attr]


def test_a_body_is_read_line_by_line() -> None:
    field = TEXT | {"lines": "", "present": "s_up"}
    system = declared([field], formats=["text"])

    assert written(extracted(system, b"4 session(s) - peak 9\r\n", "text/plain")) == [
        "s_up 1",
        "s_active 4",
        "s_peak 9",
    ]
    assert [family.source for family in system.families] == [
        "the text",
        "the text > /active",
        "the text > /peak",
    ]
    # A group's name is the declaration's own: help does not name it.
    assert [family.fields for family in system.families] == [(), (), ()]


def test_an_unreadable_field_affects_only_itself() -> None:
    field = TEXT | {"patterns": [r"(?P<active>\S+) of (?P<peak>\S+)"]}

    assert given(field, {"t": "many of 9"}) == ["s_peak 9", 's_active! "many" is not a number']


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (
            {"fields": [{"gauge": "s_v", "path": "/activee"}]},
            ': fields: no pattern has a group "activee"; did you mean "active"?',
        ),
        ({"patterns": ["x"]}, ".patterns: none has a named group, such as (?P<active>\\d+)"),
        ({"patterns": []}, ".patterns: must not be empty"),
        (
            {"patterns": ["(?P<a>x"]},
            ".patterns[0]: not a regular expression in RE2 syntax: missing",
        ),
        ({"absent_if": ["(?!x)"]}, ".absent_if[0]: not a regular expression in RE2 syntax: "),
        (
            {"present_if": ["activee"]},
            '.present_if: no pattern has a group "activee"; did you mean "active"?',
        ),
        ({"present_if": []}, ".present_if: must not be empty"),
        ({"fields": []}, ".fields: must not be empty"),
    ],
)
def test_invalid_lines_are_refused(more: Any, fault: str) -> None:
    found = faults_of([TEXT | more])

    assert found[0].startswith(f"endpoints[0].fields[0]{fault}")


@pytest.mark.parametrize("pattern", [r"(?P<a>(a+)+)$", r"(?P<a>(a|a)*)b", r"(?P<a>(.*)*)=\d"])
def test_no_pattern_takes_more_than_linear_time(pattern: str) -> None:
    field = TEXT | {"patterns": [pattern], "fields": [{"gauge": "s_v", "path": "/a"}]}

    found = read([field], {"t": "a" * 65_000 + "!"})

    assert [one.message for one in found.faults] == [
        "the text is neither a status nor a known error"
    ]


def test_long_lines_are_matched_and_not_cached() -> None:
    (field,) = declared([PRESENT]).endpoints[0].fields
    assert isinstance(field, Lines)
    for number in range(3):
        assert field.groups_of(f"UP {number}{'x' * 5000}")["uptime"].startswith(str(number))
    info = field._match_known.cache_info()  # type: ignore[attr-defined]

    assert info.currsize == 0
    assert field.groups_of("UP 1 day") == {"uptime": "1 day"}
    assert field._match_known.cache_info().currsize == 1  # type: ignore[attr-defined]
