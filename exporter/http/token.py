"""Reads the answer to a login: a JSON object, whose values are sent in headers."""

import json
import re
from typing import Any

from exporter.errors import PollError, Reason

# A line end in a value would add another header.
_SENDABLE = re.compile(r"[\x21-\x7e]{1,16384}", re.ASCII)


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises:
        PollError: It is not a JSON object.
    """
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        raise PollError(Reason.BAD_JSON, "the answer is not valid JSON") from None
    if not isinstance(tree, dict):
        raise PollError(Reason.BAD_SHAPE, "the answer is not an object")
    return tree


def header_value(value: object, name: str) -> str:
    """Return a value of the answer, checked for use in a header.

    Raises:
        PollError: It is missing, or contains characters that headers cannot have.
    """
    if not isinstance(value, str) or not value:
        raise PollError(Reason.BAD_SHAPE, f"the answer has no {name}")
    if not _SENDABLE.fullmatch(value):
        raise PollError(Reason.BAD_SHAPE, f"the {name} of the answer cannot be sent in a header")
    return value
