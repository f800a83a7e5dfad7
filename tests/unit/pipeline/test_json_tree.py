"""JSON: a bad value affects only itself, and limits apply before the parser runs."""

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.declare.readings import count, number, text
from exporter.errors import FieldError, PollError
from exporter.http.answer import MAX_DEPTH, MAX_PARTS, MAX_VALUES
from exporter.pipeline.json_tree import read_json


def refusal(document: str) -> str:
    with pytest.raises(PollError) as caught:
        read_json(document)
    return str(caught.value)


LARGE = ' "' + "a" * 70_000 + '"'
NOT_FINITE = {
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
    "1e999": math.inf,
    "-1e999": -math.inf,
    "9" * 5_000: math.inf,
    "-" + "9" * 5_000: -math.inf,
}


@pytest.mark.parametrize("more", ["1", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("written", NOT_FINITE, ids=lambda one: one[:9])
def test_an_invalid_number_affects_only_itself(written: str, more: str) -> None:
    tree = read_json(f'{{"a": {written}, "b": [{written}], "c": {more}, "d": -12}}')

    expected = NOT_FINITE[written]
    assert tree["a"] == expected or (math.isnan(expected) and math.isnan(tree["a"]))
    assert tree["c"] == json.loads(more)
    assert tree["d"] == -12
    for read in (number, count, text):
        with pytest.raises(FieldError):
            read(tree["a"])


@pytest.mark.parametrize("more", ["1", LARGE], ids=["small", "large"])
def test_an_integer_keeps_its_digits(more: str) -> None:
    tree = read_json(f'{{"a": 9007199254740993, "b": {"9" * 399}, "c": {more}}}')

    assert (tree["a"], tree["b"]) == (9007199254740993, int("9" * 399))


def test_the_last_of_equal_keys_wins() -> None:
    assert read_json('{"a": 1, "b": 2, "a": {"c": 1}, "a": {"c": 3}}') == {"a": {"c": 3}, "b": 2}


def test_a_lone_surrogate_is_kept() -> None:
    assert read_json('{"a": "\\ud800"}') == {"a": "\ud800"}


def nested(depth: int) -> str:
    return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)


HIDDEN = r'{"a": "\\\"}]}]}]", "b": ' + "[" * MAX_DEPTH + '"}]"' + "]" * MAX_DEPTH + "}"
TOO_DEEP = f"bad_json: more than {MAX_DEPTH} levels deep"
LIMITS = {
    nested(MAX_DEPTH + 1): TOO_DEEP,
    '{"a":' + "[" * MAX_DEPTH + "]" * MAX_DEPTH + "}": TOO_DEEP,
    "[" * (MAX_DEPTH + 1): TOO_DEEP,
    "[" * MAX_PARTS: TOO_DEEP,
    HIDDEN: TOO_DEEP,
    "[" * 100_000: f"bad_json: more than {MAX_PARTS} parts",
    '{"a":' * 100_000 + "1" + "}" * 100_000: f"bad_json: more than {MAX_PARTS} parts",
    '{"a": [' + "{}," * MAX_PARTS + "{}]}": f"bad_json: more than {MAX_PARTS} parts",
    "{" + '"a":1,' * 110_000 + '"a":1}': (f"bad_json: more than {MAX_VALUES} values"),
    "[" + "1," * MAX_VALUES + "1]": f"bad_json: more than {MAX_VALUES} values",
}


@pytest.mark.parametrize(("document", "expected"), LIMITS.items(), ids=[one[:9] for one in LIMITS])
def test_limits_hold(document: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A recursive parser must not see it: a thread's stack may be small.
    monkeypatch.delattr("exporter.pipeline.json_tree._DECODER")

    assert refusal(document) == expected


FINE = {
    "as deep as the limit": nested(MAX_DEPTH),
    "a thousand servers": json.dumps([dict.fromkeys(map(str, range(25)), 1)] * 1_000),
    "as many values as the limit": "[" + "1," * (MAX_VALUES - 1) + "1]",
    "brackets and commas in texts": json.dumps({"a": '[{"\\,' * 30_000, "[": "[[" * 9_000}),
    "as many parts as the limit": "[" + "{}," * (MAX_PARTS - 2) + "{}]",
}


@pytest.mark.parametrize("document", FINE.values(), ids=FINE)
def test_json_within_the_limits_is_read(document: str) -> None:
    assert read_json(document) == json.loads(document)


ERRORS = {
    '{"a": 1': "not valid JSON: Expecting ',' delimiter, line 1 column 8, where the answer ends",
    '{"a": 1 \n': "not valid JSON: Expecting ',' delimiter, line 2 column 1, where the answer ends",
    "{'a': 1}": (
        "not valid JSON: Expecting property name enclosed in double quotes, line 1 column 2"
    ),
    '{"a": "\x00b"}': ("not valid JSON: Invalid control character, line 1 column 8"),
    '{"a": ' + "x" * 90 + "}": ("not valid JSON: Expecting value, line 1 column 7"),
    "{} and more": "not valid JSON: Extra data, line 1 column 4",
    "{}\n{}": "looks like JSON lines: a second value begins at line 2 column 1",
    '[1]\n\n["a"]': "looks like JSON lines: a second value begins at line 3 column 1",
}


@pytest.mark.parametrize(("document", "expected"), ERRORS.items())
def test_an_error_shows_where_and_what(document: str, expected: str) -> None:
    assert refusal(document) == f"bad_json: {expected}"


TREES = st.recursive(
    st.none() | st.integers() | st.text(st.sampled_from('"\\[]{},a\u00e9')),
    lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text('"\\[]{},'), one, max_size=3),
    max_leaves=30,
)


@given(TREES, st.integers(0, MAX_DEPTH + 4), st.booleans())
@settings(deadline=None)
def test_the_depth_is_that_of_the_tree(tree: Any, wrapped: int, as_list: bool) -> None:
    for _ in range(wrapped):
        tree = [tree] if as_list else {'"}': tree}
    document = json.dumps(tree)

    if depth_of(tree) > MAX_DEPTH:
        assert refusal(document) == TOO_DEEP
    else:
        assert read_json(document) == tree


def depth_of(tree: Any) -> int:
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else None
    return 0 if children is None else 1 + max(map(depth_of, children), default=0)
