"""Regular expressions in the syntax of RE2, which match in linear time.

Python's engine backtracks: `(a+)+$` on a text of 30 characters would block the event loop for
minutes. Relabelling rules of Prometheus use RE2 as well.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

import re2
from pydantic import PlainValidator

from exporter.declare.model import fault, value_schema

# Memory for one compiled pattern, in bytes. RE2 refuses a pattern that needs more.
_MAX_MEMORY = 1 << 20
# The Python wrapper of RE2 takes six times as long as the match.
_UNANCHORED, _WHOLE = re2._re2.RE2.Anchor.UNANCHORED, re2._re2.RE2.Anchor.ANCHOR_BOTH  # noqa: SLF001


class Pattern:
    """A compiled pattern; texts are matched as UTF-8."""

    def __init__(self, source: str) -> None:
        """Compile the pattern.

        Raises:
            ValueError: It is not RE2 syntax, or needs too much memory.
        """
        options = re2.Options()
        options.log_errors = False
        options.max_mem = _MAX_MEMORY
        try:
            compiled = re2.compile(source.encode(), options)
        except re2.error as error:
            why = error.args[0] if error.args else "it is too large"
            raise ValueError(why.decode() if isinstance(why, bytes) else str(why)) from None
        self.source = source
        self.names = {name.decode(): number for name, number in compiled.groupindex.items()}
        """The named groups, with their numbers from 1."""
        self.literals = required_literals(source)
        """Texts that are part of every match, the longest first."""
        self._match = compiled._regexp.Match  # noqa: SLF001

    def find(self, text: str) -> str | None:
        """Return the first group of the first match, or the match if the pattern has no group.

        A group that took no part in the match is an empty text; None means no match.
        """
        data = text.encode("utf-8", "replace")
        spans = self._match(_UNANCHORED, data, 0, len(data))
        if spans[0][0] < 0:
            return None
        start, end = spans[1] if len(spans) > 1 else spans[0]
        return data[start:end].decode("utf-8", "replace") if start >= 0 else ""

    def match_whole(self, text: str) -> dict[str, str] | None:
        """Match all of the text; return its named groups that are not empty, None without a match."""
        # A tenth of the time of a match, and most lines of a text match one of many patterns.
        for literal in self.literals:
            if literal not in text:
                return None
        data = text.encode("utf-8", "replace")
        spans = self._match(_WHOLE, data, 0, len(data))
        if spans[0][0] < 0:
            return None
        found = {}
        for name, number in self.names.items():
            start, end = spans[number]
            if start < end:
                found[name] = data[start:end].decode("utf-8", "replace")
        return found


@lru_cache(maxsize=1024)
def compile_pattern(source: str) -> Pattern:
    """Compile a pattern once.

    Raises:
        ValueError: It is not RE2 syntax, or needs too much memory.
    """
    return Pattern(source)


def _check_pattern(value: Any) -> Pattern:
    if not isinstance(value, str):
        raise fault("a regular expression is a text; quote it")
    try:
        return compile_pattern(value)
    except ValueError as error:
        raise fault(f"not a regular expression in RE2 syntax: {error}") from None


Regex = Annotated[Pattern, PlainValidator(_check_pattern), value_schema("regular expression")]


# Tokens of RE2's syntax that are no plain character, by their first character.
_SYNTAX: Mapping[str, re.Pattern[str]] = {
    "\\": re.compile(r"\\(?:[pPx]\{[^}]*\}|[pP].|x..|[0-7]{1,3}|.)", re.DOTALL),
    "[": re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]", re.DOTALL),
    "{": re.compile(r"\{[0-9]+(?:,[0-9]*)?\}"),
}


def required_literals(pattern: str) -> tuple[str, ...]:
    """Return texts that every match of the pattern contains, the longest first.

    Text in groups does not count: a group may be optional, or one of several.
    """
    if "\\Q" in pattern or re.search(r"\(\?[a-zA-Z]*i", pattern):
        return ()  # Quoting and flags change what a character means.
    runs, run, depth, at = [""], "", 0, 0
    while at < len(pattern):
        char = pattern[at]
        syntax = _SYNTAX[char].match(pattern, at) if char in _SYNTAX else None
        token = syntax[0] if syntax else char
        if char == "|" and depth == 0:
            return ()
        depth += (char == "(") - (char == ")")
        escaped = len(token) == 2 and char == "\\" and not token[1].isalnum()  # noqa: PLR2004
        if depth == 0 and (escaped or (syntax is None and char not in "^$.|?*+()")):
            run += token[-1]
        else:
            # A repeated or optional character may be missing.
            runs.append(run[:-1] if char in "?*+{" else run)
            run = ""
        at += len(token)
    return tuple(sorted(filter(None, [*runs, run]), key=len, reverse=True))
