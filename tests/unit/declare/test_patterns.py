"""Regular expressions of RE2, and texts that each match contains."""

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from exporter.declare.patterns import Pattern, compile_pattern, required_literals


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("b", "abc", "b"),
        ("(b)c", "abc", "b"),
        ("(x)?b(c)", "abc", ""),
        ("x", "abc", None),
        ("", "abc", ""),
        ("^a(.)", "aé", "é"),
        ("(日.)", "x日本", "日本"),
        (r"(?i)B(.)", "abc", "c"),
        ("(.)$", "a\ud800", "?"),
    ],
)
def test_the_first_group_of_the_first_match_is_found(
    pattern: str, text: str, found: str | None
) -> None:
    assert Pattern(pattern).find(text) == found


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [
        (r"(?P<a>\d+) of (?P<b>\d+)", "1 of 2", {"a": "1", "b": "2"}),
        (r"(?P<a>\d+) of (?P<b>\d+)", "1 of 2 ", None),
        (r"(?P<a>\d+)(?: of (?P<b>\d+))?", "1", {"a": "1"}),
        (r"(?P<a>\d*)x(?P<b>.)", "xé", {"b": "é"}),
        ("(.)(?P<a>.)", "ab", {"a": "b"}),
        ("a", "a", {}),
        ("a|(?P<b>b)", "b", {"b": "b"}),
    ],
)
def test_a_whole_match_returns_its_named_groups(
    pattern: str, text: str, groups: dict[str, str] | None
) -> None:
    assert Pattern(pattern).match_whole(text) == groups


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("", ""),
        ("abc", "abc"),
        ("a", "a"),
        (" session ", " session "),
        (r"\d+ session\(s\) max", " session(s) max"),
        (r"a\.b\\c", r"a.b\c"),
        # What is repeated or optional may be missing.
        ("abc?", "ab"),
        ("abc*", "ab"),
        ("abc+d", "ab"),
        ("abc{0,2}def", "def"),
        ("ab{,2}", "ab{,2}"),
        (r"ab\.?", "ab"),
        ("日本?", "日"),
        # Of alternatives none is sure; in a group they are no matter.
        ("abc|def", ""),
        (r"abc\|def", "abc|def"),
        ("[|]abc", "abc"),
        ("x(abc|def)yz", "yz"),
        ("(?:abc)?de", "de"),
        ("(?P<name>abc)d", "d"),
        ("(?P<insert>a)d", "d"),
        ("((a)b)cd", "cd"),
        # Flags and quoting change what a character means.
        ("(?i)abc", ""),
        ("x(?i:abc)", ""),
        ("(?si)abc", ""),
        ("(?s)abc", "abc"),
        (r"\Qa.b\E", ""),
        # Classes, escapes and anchors are no text.
        ("[abc]def", "def"),
        ("[^]abc]de", "de"),
        ("[]abc]de", "de"),
        (r"[\]abc]de", "de"),
        ("[[:alpha:](]de", "de"),
        ("[a[:^alpha:]b]de", "de"),
        (r"\x41bc", "bc"),
        (r"\x{41}bc", "bc"),
        (r"\pNbc", "bc"),
        (r"\p{Greek}bc", "bc"),
        (r"\PNbc", "bc"),
        (r"\101bc", "bc"),
        (r"\bab\b", "ab"),
        (r"\Aab\z", "ab"),
        ("^ab$", "ab"),
        ("a.bc", "bc"),
        (r"\n\tab", "ab"),
        (r"\(ab\)", "(ab)"),
        (r"(\(ab)cd", "cd"),
        ("([(]ab)cd", "cd"),
    ],
)
def test_a_literal_is_part_of_every_match(pattern: str, literal: str) -> None:
    re2.compile(pattern)

    assert next(iter(required_literals(pattern)), "") == literal


PIECES = st.sampled_from(
    [
        r"a",
        r"b",
        r"c",
        r"(",
        r")",
        r"(?:",
        r"(?P<i>",
        r"(?i)",
        r"(?s)",
        r"(?i:",
        r"|",
        r"?",
        r"*",
        r"+",
        r"{2}",
        r"{0,1}",
        r"{,1}",
        r"[",
        r"]",
        r"[^",
        r"^",
        r"$",
        r".",
        r"-",
        r"\.",
        r"\\",
        r"\(",
        r"\)",
        r"\[",
        r"\|",
        r"\x4",
        r"\x41",
        r"\x{62}",
        r"\101",
        r"\d",
        r"\W",
        r"\pL",
        r"\p{L}",
        r"\Q",
        r"\E",
        r"\b",
        r"[:alpha:]",
        r"1",
    ]
)


@given(
    st.lists(PIECES, max_size=10).map("".join), st.lists(st.sampled_from("abcAB1.([|")).map("".join)
)
def test_a_text_that_matches_has_the_literal(source: str, text: str) -> None:
    try:
        pattern = Pattern(source)
    except ValueError:
        return
    anchored = re2.compile(source)
    if anchored.fullmatch(text):
        assert all(literal in text for literal in pattern.literals)
        assert pattern.match_whole(text) is not None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(", "missing \\)"),
        ("a**", "bad repetition operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("(?=a)", "invalid perl operator"),
        ("(?<=a)", "invalid perl operator"),
        ("[b-a]", "invalid character class range"),
        ("a{1001}", "invalid repetition size"),
        ("((a{100}){100}){100}", "."),
    ],
)
def test_syntax_that_re2_does_not_know_is_refused(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile_pattern(source)


HOSTILE = ["(a+)+$", "(a|a)+$", "(a|aa)+$", "(.*a){12}b", "(?:a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$"]


@pytest.mark.parametrize("source", HOSTILE)
def test_no_pattern_backtracks(source: str) -> None:
    """Python's own engine would take longer than the universe for 64 KiB."""
    pattern = Pattern(source)
    text = "a" * (64 * 1024) + "!"

    assert pattern.find(text) is None
    assert pattern.match_whole(text) is None
