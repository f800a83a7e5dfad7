#!/usr/bin/env python3
"""Checks a commit message: `commit_message.py FILE`, as git's commit-msg hook is called.

A subject of at most 72 characters in the imperative mood, an empty line, and a body that says why.
"""

import re
import sys
from pathlib import Path

LONGEST_SUBJECT = 72
# Git writes these subjects itself; `fixup!` and its like disappear in a rebase.
WRITTEN_BY_GIT = re.compile(r"(Merge|fixup!|squash!|amend!|Revert \") ?")
TRAILER = re.compile(r"[A-Z][A-Za-z-]+: \S")
CUT = "# ------------------------ >8 ------------------------"

# The mood is a guess from the first word. Verbs that only look like another form are listed.
NO_VERBS = frozenset({"a", "an", "each", "every", "it", "no", "now", "that", "the", "this", "what"})
INFLECTED = re.compile(r"\w+(ed|ing|[^siu]s)")
IMPERATIVES = frozenset(
    {"bring", "embed", "exceed", "feed", "need", "ping", "seed", "shed", "speed"}
)


def faults(message: str) -> list[str]:
    """Return what is wrong with a message, one sentence each; nothing where it is fine."""
    text = message.partition(CUT)[0]
    lines = [line.rstrip() for line in text.splitlines() if not line.startswith("#")]
    while lines and not lines[0]:
        del lines[0]
    if not lines:
        return ["The message is empty."]
    subject, *rest = lines
    if WRITTEN_BY_GIT.match(subject):
        return []
    found = _subject_faults(subject)
    if rest and rest[0]:
        found.append("The second line is not empty: it separates the subject from the body.")
    if not any(line and not TRAILER.match(line) for line in rest):
        found.append("There is no body: say why, what was considered and how it was verified.")
    return found


def _subject_faults(subject: str) -> list[str]:
    found = []
    if len(subject) > LONGEST_SUBJECT:
        found.append(f"The subject has {len(subject)} characters, {LONGEST_SUBJECT} at most fit.")
    if subject.endswith("."):
        found.append("The subject ends with a period.")
    if ";" in subject:
        found.append("The subject joins changes with a semicolon: make a commit of each.")
    first = subject.split(maxsplit=1)[0]
    word = first.lower()
    if not re.fullmatch(r"[a-z-]+", word) or word in NO_VERBS:
        found.append(f"The subject begins with {first!r}: begin with a verb, such as 'Add'.")
    elif INFLECTED.fullmatch(word) and word not in IMPERATIVES:
        found.append(f"The subject begins with {first!r}: use the imperative, such as 'Add'.")
    return found


def main() -> int:
    """Print what is wrong with the message in the file; 1 where something is."""
    found = faults(Path(sys.argv[1]).read_text(encoding="utf-8"))
    for one in found:
        print(f"commit message: {one}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
