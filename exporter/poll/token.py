"""The answer to a login goes in; the object in it comes out, and each token checked to be sent."""

import json
import re
from typing import Any

from exporter.errors import PollError, Reason

# What a header may hold and nothing more: a line end would smuggle in another header.
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


def token(tree: dict[str, Any], name: str, *, required: bool = True) -> str:
    """Return a token of the answer, or "" where there need be none.

    Raises:
        PollError: There is none, or it cannot stand in a header.
    """
    value = tree.get(name)
    if not required and (value is None or value == ""):
        return ""
    if not isinstance(value, str) or not value:
        raise PollError(Reason.BAD_SHAPE, f"the answer has no {name}")
    if not _SENDABLE.fullmatch(value):
        raise PollError(Reason.BAD_SHAPE, f"the {name} of the answer cannot stand in a header")
    return value
