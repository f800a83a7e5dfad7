"""Parses JSON, within limits of depth and size."""

import json
import math
from typing import Any

from exporter.errors import PollError, Reason
from exporter.http.answer import MAX_DEPTH, MAX_PARTS, MAX_VALUES

# Characters at an error that are examined.
_AT_ERROR = 100
# The time to convert a whole number grows with the square of its digits: a mebibyte of numbers that
# Python still converts takes a third of a second. No float has more than 309 digits.
_LEAST_DIGITS = 400
_LONG = b"9" * _LEAST_DIGITS
_NINES = bytes.maketrans(b"012345678", b"9" * 9)
_LARGE = 64 * 1024
_STRUCTURE = b',"[]{}'
_ALL_ELSE = bytes(sorted(set(range(256)) - set(_STRUCTURE)))


def read_json(text: str) -> Any:
    """Parse the text.

    NaN and infinities become floats, and so do whole numbers with more digits than Python
    converts: each is one unreadable value. The last value of a repeated key wins.

    Raises:
        PollError: `bad_json`: it is not JSON, or goes beyond the limits.
    """
    check_limits(text)
    try:
        if len(text) > _LARGE and _LONG in text.encode().translate(_NINES):
            return _LENIENT_DECODER.decode(text)
        try:
            return _DECODER.decode(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # A whole number of more digits than Python converts.
            return _LENIENT_DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise PollError(Reason.BAD_JSON, _explain(text, error)) from None


def _explain(text: str, error: json.JSONDecodeError) -> str:
    # The text is not shown: it may be the middle of a secret, which redaction cannot find.
    where = f"line {error.lineno} column {error.colno}"
    rest = text[error.pos : error.pos + _AT_ERROR].strip()
    if error.msg == "Extra data" and rest.startswith(("{", "[")):
        return f"looks like JSON lines: a second value begins at {where}"
    what = error.msg.removesuffix(" at")
    return f"not valid JSON: {what}, {where}{'' if rest else ', where the answer ends'}"


def _integer(digits: str) -> int | float:
    if len(digits) < _LEAST_DIGITS:
        return int(digits)
    return -math.inf if digits.startswith("-") else math.inf


# `json.loads` with an option would make a decoder for each answer.
_DECODER = json.JSONDecoder()
_LENIENT_DECODER = json.JSONDecoder(parse_int=_integer)


def check_limits(text: str) -> None:
    """Reject text that is too deep or has too many values, before it is parsed.

    A recursive parser needs stack for each level. Not every version of Python stops before the stack
    of a thread is used up.
    """
    # Answers of normal size are only counted.
    if text.count("{") + text.count("[") <= MAX_DEPTH and text.count(",") < MAX_VALUES:
        return
    structure = _strip_strings(text)
    if structure.count(b"{") + structure.count(b"[") > MAX_PARTS:
        raise PollError(Reason.BAD_JSON, f"more than {MAX_PARTS} parts")
    if structure.count(b",") >= MAX_VALUES:
        raise PollError(Reason.BAD_JSON, f"more than {MAX_VALUES} values")
    depth = 0
    for byte in structure.replace(b",", b""):
        depth += 1 if byte in b"[{" else -1
        if depth > MAX_DEPTH:
            raise PollError(Reason.BAD_JSON, f"more than {MAX_DEPTH} levels deep")


def _strip_strings(text: str) -> bytes:
    """Return the brackets and commas outside of strings."""
    raw = text.encode()
    if b"\\" in raw:
        raw = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Most strings are now two quotes; the rest are odd pieces between quotes.
    return b"".join(raw.translate(None, _ALL_ELSE).replace(b'""', b"").split(b'"')[::2])
