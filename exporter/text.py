"""Makes text from answers safe for labels, messages and terminals."""

import re
from typing import Any

CUT = "..."
"""Marks the end of a truncated value."""

LONGEST_TEXT = 256
"""The longest label value in characters: a longer one is an error, or an attack on the database."""

# A message is one line, and the value is only a part of it.
_LONGEST_SHOWN = 36
# Lone surrogates are legal in JSON and cannot be encoded as UTF-8. Control characters reach a
# terminal as commands. Bidirectional and invisible characters make two different labels look
# the same, or show a message in another order than it was written.
UNPRINTABLE = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
"""The characters that are never shown, for use within a regular expression's `[...]`."""
_UNPRINTABLE = re.compile(f"[{UNPRINTABLE}]")


def printable(value: str) -> str:
    """Replace each character that is invisible or cannot be encoded with U+FFFD."""
    return _UNPRINTABLE.sub("\ufffd", value)


def excerpt(value: Any) -> str:
    """Return a short, printable form of a value for a message; for a container, only its type."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and value.bit_length() > LONGEST_TEXT:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    # A text can have a megabyte: copy only the part that is shown.
    text = f'"{value[:_LONGEST_SHOWN]}"' if isinstance(value, str) else str(value)
    written = printable(text)
    return written if len(written) <= _LONGEST_SHOWN else f"{written[:_LONGEST_SHOWN]}{CUT}"
