"""Documents and code use plain English and the usual terms, so that nothing must be decoded."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.repository import ROOT

FILES = (
    "*.md",
    "*.yaml",
    ".ci/**/*.py",
    "Makefile",
    ".github/**/*",
    "bench/*.md",
    "bench/*.py",
    "deploy/**/*",
    "docs/**/*.md",
    "exporter/**/*.md",
    "exporter/**/*.py",
    "exporter/systems/*.yaml",
    "fuzz/*.py",
    "grafana/source/*.py",
    "soak/*.py",
    "tests/**/*.py",
)
NOT_YET = ("tests/unit/http/",)
BETTER = {
    "a bug": r"mistakes? of ours",
    "a caller, any client, no one": r"nobody|somebody|whoever|whomever",
    "any number of": r"however (?:many|often)",
    "are added and removed": r"comes? and goe?s?",
    "because too little": r"for want of",
    "calculated": r"reckon(?:s|ed)?",
    "continues": r"goes on|go on|went on",
    "custom, your own": r"of (?:our|one's|the user's|your) own|by a name of",
    "first": r"in the first place",
    "fixed": r"mend(?:s|ed|ing)?",
    "has, carries, handles": r"bears|bore",
    "instead of": r"in (?:the|its|their) place of",
    "is in, is at": r"stands? (?:in|at|there|beside|against|behind|before)",
    "loads, applies": r"tak(?:e|es|en|ing) over (?:its|the|a|an|whole)",
    "more likely": r"likelier",
    "paged": r"woken",
    "reports, returns, shows": r"tells|told",
    "requests, sends": r"asks? (?:it|the server|the vendor) (?:for|anything)",
    "rarely": r"seldom",
    "restarts": r"(?:begin|begins|began|start|starts|started) anew",
    "the slowest, the most expensive": r"dearest",
    "the rest": r"what is left of",
    "unmapped": r"untaken",
}
PATTERN = re.compile("|".join(rf"\b(?:{words})\b" for words in BETTER.values()), re.IGNORECASE)


def files() -> list[str]:
    found = {path for pattern in FILES for path in ROOT.glob(pattern) if path.is_file()}
    names = sorted(str(path.relative_to(ROOT)) for path in found - {Path(__file__)})
    return [name for name in names if not name.startswith(NOT_YET)]


def awkward(text: str) -> Iterator[str]:
    """Yield the words of the list, even if a line ends within them."""
    for match in PATTERN.finditer(re.sub(r"\n\s*(?:(?://|#)\s*)?", " ", text)):
        yield match.group().lower()


@pytest.mark.parametrize("name", files())
def test_no_file_has_a_word_for_which_there_is_a_better_one(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    assert set(awkward(text)) == set(), f"write instead: {BETTER}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Nobody is told.", ["nobody", "told"]),
        ("# It stands\n# in the file.", ["stands in"]),
        ("A clock\n  that is mended", ["mended"]),
        ("status_exporter_untaken_fields of StatusFieldsUntaken", []),
        ("`~1` stands for a slash", []),
    ],
)
def test_words_are_found_across_lines_and_not_within_names(text: str, found: list[str]) -> None:
    assert list(awkward(text)) == found
