"""Named readings of one value of an answer: the value goes in, a number in base units comes out.

A reader returns None where the vendor's value says that there is none (an unlimited limit), and
raises FieldError where the value cannot be read. Strings are read strictly: `float` alone would
take "1_000", "nan" and digits of other scripts.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from exporter.errors import FieldError

CUT = "..."
"""What stands for the rest of a value that was too long to show."""

Reader = Callable[[Any], float | None]
TextReader = Callable[[Any], str]

_NUMBERS = (int, float)
# Longer than any number a vendor sends; keeps a hostile megabyte of digits out of `float`.
_LONGEST_NUMBER = 64
# A message is one line, of which the value is a part.
_LONGEST_SHOWN = 36
# A label is an identifier for people. What is longer is a mistake, or an attack on the database.
_LONGEST_TEXT = 256

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:B|Bytes?|([kKMGTPE])(?:i?B)?)", re.ASCII)
_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)", re.ASCII)
_WORDS = re.compile(r"(\d+) (year|day|hour|minute|second|millisecond|microsecond)s?", re.ASCII)
_ISO_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d(?::?\d\d)?)", re.ASCII
)
# switch_core_measure_time in FreeSWITCH counts a year as 365 days.
_WORD_SECONDS = {
    "year": 365 * 86400.0,
    "day": 86400.0,
    "hour": 3600.0,
    "minute": 60.0,
    "second": 1.0,
    "millisecond": 1e-3,
    "microsecond": 1e-6,
}
# Lone surrogates are legal in JSON and cannot be encoded; control characters have no place in a
# label and would let a vendor write to a terminal.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def number(value: Any) -> float:
    """Read a finite number: a JSON number, a flag, or a numeric string."""
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
            raise FieldError(f"{shown(value)} is not a number")
    elif not isinstance(value, _NUMBERS):
        raise FieldError(f"{shown(value)} is not a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if math.isfinite(result):
        return result
    raise FieldError("the number is not finite")


def count(value: Any) -> float:
    """Read a number that cannot be negative."""
    result = number(value)
    if result < 0:
        raise FieldError(f"{shown(value)} is negative")
    return result


def milliseconds(value: Any) -> float:
    """Read a duration in milliseconds as seconds, 36 as exactly 0.036."""
    return float(Decimal(str(count(value))).scaleb(-3))


def kibibytes(value: Any) -> float:
    """Read a count of KiB as bytes."""
    return count(value) * 1024


def kibibytes_or_unlimited(value: Any) -> float | None:
    """Read a count of KiB as bytes; the kernel's "unlimited" is no value."""
    size = count(value)
    # The limit is 2^63 or 2^64, less one, in KiB.
    return None if size >= 2**53 - 1 else size * 1024


def size_text(value: Any) -> float:
    """Read a size such as "58.4 MB" as bytes, every unit a power of 1024; a number is bytes.

    The npm package prettysize, which writes these, says kB and MB and divides by 1024.
    """
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        match = _SIZE.fullmatch(value.strip())
        if not match or len(value) > _LONGEST_NUMBER:
            raise FieldError(f"{shown(value)} is not a size such as 58.4 MB")
        power = " KMGTPE".index((match[2] or " ").upper())
        return float(Decimal(match[1]) * 1024**power)
    return count(value)


def percent(value: Any) -> float:
    """Read a percentage as a ratio, 95.93 as exactly 0.9593."""
    checked = count(value)
    return float(Decimal(str(checked)).scaleb(-2))


def clock_text(value: Any) -> float:
    """Read a duration such as "144:34:32" (hours without bound) as seconds; a number is seconds."""
    if isinstance(value, str) and ":" in value:
        match = _CLOCK.fullmatch(value.strip())
        if not match or len(value) > _LONGEST_NUMBER:
            raise FieldError(f"{shown(value)} is not a duration such as 144:34:32")
        return int(match[1]) * 3600.0 + int(match[2]) * 60 + int(match[3])
    return count(value)


def duration_words(value: Any) -> float:
    """Read "0 years, 12 days, 1 hour, ..." as seconds, the way FreeSWITCH writes its uptime."""
    parts = [part.strip() for part in text(value).split(",")]
    matches = [_WORDS.fullmatch(part) for part in parts]
    total = math.fsum(count(match[1]) * _WORD_SECONDS[match[2]] for match in matches if match)
    if not all(matches) or not parts:
        raise FieldError(f"{shown(value)} is not a duration such as 2 days, 1 hour")
    return round(total, 6)


def iso_time(value: Any) -> float:
    """Read "2024-03-18T09:12:44.108Z" (also +0100, +01:00) as Unix seconds.

    A time without a zone is refused: a guess would be wrong by hours.
    """
    moment = value.strip() if isinstance(value, str) else ""
    if not _ISO_TIME.fullmatch(moment):
        raise FieldError(f"{shown(value)} is not a time such as 2024-03-18T09:12:44.108Z")
    return _moment(moment)


# A server's start is the same at each poll, and one answer may be read for two metrics.
@lru_cache(maxsize=4096)
def _moment(value: str) -> float:
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError) as error:
        raise FieldError(f"{shown(value)} is not a time: {error}") from None


_FLAGS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0, "yes": 1.0, "no": 0.0}


def flag(value: Any) -> float:
    """Read true, "true", "yes" or 1 as 1, and their opposites as 0."""
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    if isinstance(value, bool | int | float) and value in (0, 1):
        return float(value)
    raise FieldError(f"{shown(value)} is not true or false")


def filled(value: Any) -> float:
    """Read whether a text is there: 0 for "", "0" and false, else 1."""
    return 0.0 if text(value) in {"", "0", "false"} else 1.0


def text(value: Any) -> str:
    """Read a text or number as a label value: trimmed, printable, valid UTF-8."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        # A whole number of more than 4,300 digits cannot be written out; no id is that long.
        if isinstance(value, int) and value.bit_length() > _LONGEST_TEXT:
            raise FieldError(f"a number of {value.bit_length()} bits is too long for a label")
        return str(value)
    if not isinstance(value, str):
        raise FieldError(f"{shown(value)} is not a text")
    if len(value) > _LONGEST_TEXT:
        raise FieldError(f"a text of {len(value)} characters is too long for a label")
    return printable(value.strip())


def first_word(value: Any) -> str:
    """Read the text up to its first blank: "1.6.8 git 99de0ad 64bit" is 1.6.8."""
    return text(value).partition(" ")[0]


def upper_case(value: Any) -> str:
    """Read a text in capitals: a country code."""
    return text(value).upper()


def printable(value: str) -> str:
    """Replace what cannot stand in UTF-8 or would reach a terminal as a command."""
    return _UNPRINTABLE.sub("\ufffd", value)


def shown(value: Any) -> str:
    """Show a vendor's value in a message: short, printable, containers by their kind only."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, int) and value.bit_length() > _LONGEST_TEXT:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    written = printable(f'"{value}"' if isinstance(value, str) else str(value))
    return written if len(written) <= _LONGEST_SHOWN else f"{written[:_LONGEST_SHOWN]}{CUT}"


READERS = frozenset(
    {
        number,
        count,
        milliseconds,
        kibibytes,
        kibibytes_or_unlimited,
        size_text,
        percent,
        clock_text,
        duration_words,
        iso_time,
        flag,
        filled,
    }
)
"""The readers a declaration may name; each is known to people by its function's name."""

TEXT_READERS = frozenset({text, first_word, upper_case})
"""The readers of labels."""
