"""The values that a JMESPath expression reads; all others are unmapped."""

import pytest

from exporter.declare.paths import BELOW, Query


@pytest.mark.parametrize(
    ("source", "places"),
    [
        ("`1`", []),
        ("'text'", []),
        ("depth <= `10`", ["depth"]),
        ("a.b[0].c", ["a/b/0/c"]),
        ("[-1].a", ["-1/a"]),
        ("a[1:2].b", ["a"]),
        ("a[*][0].b", ["a"]),
        ("*.a", [""]),
        ("a || b.c", ["a", "b/c"]),
        ("(a || b).c", ["a", "b"]),
        ("{x: a.b, y: a.c}.x", ["a/b", "a/c"]),
        ("a.length(b)", ["a/b"]),
        ("sort_by(a, &b)[0].c", ["a", "b"]),
        ("a.b | c.d", ["a/b/c/d"]),
        ("a[?x == 'y'].z | [0]", ["a"]),
        ("join(' ', a[*].b)", ["a"]),
        ("@", [""]),
    ],
)
def test_a_literal_reads_nothing(source: str, places: list[str]) -> None:
    expected = [(*(one.split("/") if one else ()), BELOW) for one in places]

    assert [*Query(source).mapped_paths] == expected
