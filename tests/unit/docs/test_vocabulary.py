"""Documents use plain English and the usual terms, so that readers need not decode them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.repository import ROOT

# `exporter/**/*.py` would add comments, docstrings and messages.
DOCUMENTS = (
    "*.md",
    "*.yaml",
    "Makefile",
    ".github/**/*",
    "bench/*.md",
    "deploy/**/*",
    "docs/**/*.md",
    "exporter/**/*.md",
    "exporter/systems/*.yaml",
    "grafana/source/*.py",
)
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


def documents() -> list[Path]:
    found = {path for pattern in DOCUMENTS for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(found)


def awkward(text: str) -> Iterator[str]:
    """Yield the words that have a better one, also where a line ends within them."""
    for match in PATTERN.finditer(re.sub(r"\n\s*(?:(?://|#)\s*)?", " ", text)):
        yield match.group().lower()


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_has_no_word_that_has_a_better_one(path: Path) -> None:
    assert set(awkward(path.read_text(encoding="utf-8"))) == set(), f"write instead: {BETTER}"


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
