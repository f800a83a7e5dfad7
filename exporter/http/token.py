"""The answer to a login: its JSON object, and values of it that are sent in headers."""

import json
import re
from typing import Any

from exporter.errors import PollError, Reason

# A line end in a header's value would add another header.
_SENDABLE = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)


def decoded(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises:
        PollError: It is none.
    """
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        raise PollError(Reason.BAD_JSON, "the answer is not valid JSON") from None
    if not isinstance(tree, dict):
        raise PollError(Reason.BAD_SHAPE, "the answer is not an object")
    return tree


def sendable(value: object, name: str) -> str:
    """Return a value of the answer that is to be sent in a header.

    Raises:
        PollError: It is missing, or cannot be part of a header.
    """
    if not isinstance(value, str) or not value:
        raise PollError(Reason.BAD_SHAPE, f"the answer has no {name}")
    if not _SENDABLE.fullmatch(value):
        raise PollError(Reason.BAD_SHAPE, f"the {name} of the answer cannot be sent in a header")
    return value
