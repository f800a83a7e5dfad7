"""Text from answers in labels and messages."""

from typing import Any

import pytest

from exporter.text import CUT, excerpt, printable


@pytest.mark.parametrize(
    "character",
    [
        *("\x00", "\n", "\x1b", "\x7f", "\x9f", "\u2028", "\u2029", "\ud800", "\udfff"),
        *("\xad", "\u180e", "\u2060", "\u206a", "\u3164", "\ufffb", "\U000e0041"),
        *("\u061c", "\u200b", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069", "\ufeff"),
    ],
)
def test_invisible_and_control_characters_are_replaced(character: str) -> None:
    assert printable(f"a{character}b") == "a\ufffdb"


def test_letters_of_any_script_are_kept() -> None:
    assert printable("K\u00f6ln \u041a\u0438\u0457\u0432 \u6771\u4eac \u00b5s") == (
        "K\u00f6ln \u041a\u0438\u0457\u0432 \u6771\u4eac \u00b5s"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (3.5, "3.5"),
        ({"a": 1}, "an object"),
        ([1], "a list"),
        ("a\nb", '"a\ufffdb"'),
        ("x" * 34, '"' + "x" * 34 + '"'),
        ("x" * 35, '"' + "x" * 35 + CUT),
        ("x" * 10**6, '"' + "x" * 35 + CUT),
        (10**100, "a number of 333 bits"),
    ],
)
def test_an_excerpt_of_a_value_is_short(value: Any, expected: str) -> None:
    assert excerpt(value) == expected
