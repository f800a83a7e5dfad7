"""Words of the output: numbers with their nouns, and colours on a terminal."""

import os
from typing import TextIO

GREEN, RED, YELLOW = "32", "31", "33"


def colour_text(text: str, colour: str, stream: TextIO) -> str:
    """Return the text with the colour, if the stream is a terminal that shows it."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if is_plain or not stream.isatty() else f"\x1b[{colour}m{text}\x1b[0m"


def count_text(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun, in the plural if needed."""
    return f"{number} {one if number == 1 else more or f'{one}s'}"
