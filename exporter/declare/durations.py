"""Reads durations of people and programs as seconds."""

import re

from exporter.errors import FieldError
from exporter.text import excerpt

_LONGEST_DURATION = 128

_YEAR, _WEEK, _DAY, _HOUR, _MINUTE, _SECOND = (
    seconds * 10**9 for seconds in (365 * 86400, 7 * 86400, 86400, 3600, 60, 1)
)
# A month has no fixed length, so only 0 months can be read.
_MONTH = 0
# The units from long to short, in nanoseconds. A year is 365 days.
_NAMES = (
    (_YEAR, "y yr yrs year years"),
    (_MONTH, "mo mon mons month months"),
    (_WEEK, "w wk wks week weeks"),
    (_DAY, "d day days"),
    (_HOUR, "h hr hrs hour hours"),
    (_MINUTE, "m min mins minute minutes"),
    (_SECOND, "s sec secs second seconds"),
    (10**6, "ms msec msecs millisecond milliseconds"),
    # The micro sign and the Greek letter are two characters.
    (10**3, "us \u00b5s \u03bcs usec usecs microsecond microseconds"),
    (1, "ns nsec nsecs nanosecond nanoseconds"),
)
_UNITS = {name: (rank, unit) for rank, (unit, names) in enumerate(_NAMES) for name in names.split()}

_DIGITS = r"(\d{1,18}(?:[.,]\d{1,9})?)"
# 1h2m3.5s; 3 days, 4 hours and 5 minutes
_PIECE = re.compile(
    r"(\d{1,18}(?:\.\d{1,9})?) ?([a-zA-Z\u00b5\u03bc]+)(?:,?\s*(?:and\s+)?(?=\d)|$)|(.)",
    re.ASCII | re.DOTALL,
)
# P1Y2W3DT4H5M6.7S
_ISO = re.compile(
    r"P(?=\d|T\d)"
    + "".join(rf"(?:{_DIGITS}{letter})?" for letter in "YMWD")
    + r"(?:T(?=\d)"
    + "".join(rf"(?:{_DIGITS}{letter})?" for letter in "HMS")
    + ")?",
    re.ASCII | re.IGNORECASE,
)
_ISO_UNITS = (_YEAR, _MONTH, _WEEK, _DAY, _HOUR, _MINUTE, _SECOND)
# 144:34:32.5; 3 days, 4:05:06; 3.04:05:06 (.NET); 3-04:05:06 (ps)
_CLOCK = re.compile(
    r"(?:(\d{1,9})(?:\s?days?,?\s+|d,?\s*|[.-]))?"
    r"(\d{1,18}):([0-5]\d)(?::([0-5]\d(?:\.\d{1,9})?))?",
    re.ASCII | re.IGNORECASE,
)

_Pieces = list[tuple[str, int]]


def read_duration(value: str) -> float:
    """Read a duration as seconds: 1h2m3.5s, PT15M, 144:34:32, "3 days, 4:05:06" or words.

    A leading "-" negates all of it.

    Raises:
        FieldError: The text has none of these forms, or can be read in two ways.
    """
    text = value.strip() if len(value) <= _LONGEST_DURATION else ""
    negative = text.startswith("-")
    unsigned = text[1:] if negative else text
    try:
        if ":" in unsigned:
            total = _sum(_clock(unsigned, negative))
        else:
            total = _sum(_iso(unsigned) or _words(unsigned))
    except ValueError as error:
        raise FieldError(f"{excerpt(value)} {error}") from None
    return -total if negative else total


def _clock(text: str, negative: bool) -> _Pieces:
    match = _CLOCK.fullmatch(text)
    if not match:
        return []
    days, hours, minutes, seconds = match.groups()
    if days is None:
        if seconds is None:
            raise ValueError(
                "can be hours and minutes or minutes and seconds; write three parts, as in 00:12:34"
            )
        return [(hours, _HOUR), (minutes, _MINUTE), (seconds, _SECOND)]
    # Python writes -1 second as "-1 day, 23:59:59"; others negate all of it.
    if negative and "day" in text.lower():
        raise ValueError('can be read in two ways; "-" before days and a clock is not supported')
    return [(days, _DAY), (hours, _HOUR), (minutes, _MINUTE), (seconds or "0", _SECOND)]


def _iso(text: str) -> _Pieces:
    match = _ISO.fullmatch(text)
    written = zip(match.groups(), _ISO_UNITS, strict=True) if match else ()
    return [(digits.replace(",", "."), unit) for digits, unit in written if digits]


def _words(text: str) -> _Pieces:
    pieces = []
    last = -1
    for digits, name, unknown in _PIECE.findall(text):
        found = _UNITS.get(name)
        # A single letter in upper case has other meanings: "M" can be a month.
        if found is None and len(name) > 1:
            found = _UNITS.get(name.lower())
        if unknown or found is None or found[0] <= last:
            return []
        last, unit = found
        pieces.append((digits, unit))
    return pieces


def _sum(pieces: _Pieces) -> float:
    """Return the exact sum in seconds, rounded once."""
    if not pieces:
        raise ValueError("is not a duration such as 1h30m, PT15M, 12:34:56 or 2 days, 1 hour")
    total = billionths = 0
    for digits, unit in pieces:
        whole, point, fraction = digits.partition(".")
        total += int(whole) * unit
        if point:
            billionths += int(fraction.ljust(9, "0")) * unit
        if unit == _MONTH and digits.strip("0."):
            raise ValueError("has months, whose length is not fixed; write days")
    return (total * 10**9 + billionths) / 10**18
