"""Colours of single words on a terminal; NO_COLOR and a dumb terminal have none."""

import os
from typing import TextIO

GREEN, RED = "32", "31"


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """Return the text as it is to be written to the stream."""
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if is_plain or not stream.isatty() else f"\x1b[{colour}m{text}\x1b[0m"
