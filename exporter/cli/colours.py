"""Coloured text for terminals, unless NO_COLOR is set or the terminal is dumb."""

import os
from typing import TextIO

GREEN, RED, YELLOW = "32", "31", "33"


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """Return the text with the colour, if the stream is a terminal that shows it."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if is_plain or not stream.isatty() else f"\x1b[{colour}m{text}\x1b[0m"
