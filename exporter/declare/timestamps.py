"""Reads dates and times of all usual forms as Unix seconds."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from exporter.errors import FieldError, suggestion
from exporter.text import excerpt

TimeReader = Callable[[Any], float]

ISO = "iso"
"""The default format: ISO 8601, RFC 1123 and .NET's `/Date(...)/`."""

_LONGEST_TIME = 64
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_UTC_NAMES = {"Z", "UTC", "GMT", "UT"}
_OFFSET = r"[+-]\d\d(?::?\d\d)?"


def _names(words: tuple[str, ...]) -> str:
    return "|".join(f"{word[:3]}(?:{word[3:]})?" for word in words)


_ISO_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8}|\d{4}-?W\d\d-?\d)"
    r"(?:[T ](\d\d(?::?\d\d(?::?\d\d(?:[.,](\d{1,9}))?)?)?))?"
    rf" ?(Z|UTC|GMT|{_OFFSET})?",
    re.ASCII | re.IGNORECASE,
)
# The usual form, which `fromisoformat` reads.
_USUAL_TIME = re.compile(
    rf"\d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{{1,6}})?(?:Z|{_OFFSET})", re.ASCII
)
_RFC_1123_TIME = re.compile(
    rf"(?:(?:{_names(_WEEKDAYS)}), )?(\d\d?) ({_names(_MONTHS)}) (\d{{4}}) (\d\d:\d\d(?::\d\d)?)"
    rf"(?: (Z|UTC|GMT|UT|{_OFFSET}))?",
    re.ASCII | re.IGNORECASE,
)
# The number is UTC; the offset only shows where it was written.
_DOTNET_TIME = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?", re.ASCII)


@lru_cache(maxsize=256)
def time_reader(form: str = ISO, zone: str = "") -> TimeReader:
    """Return a reader of times as Unix seconds.

    `form` is `iso` or a strptime format; `zone` applies to times that name no zone themselves.

    Raises:
        ValueError: The format or the zone is invalid, in one line.
    """
    if form != ISO:
        _check_format(form, zone)
    split = _iso_moment if form == ISO else partial(_formatted_moment, form)
    tz = _find_zone(zone) if zone else None

    # A server's start is the same at each poll, and one answer may be read for two metrics.
    @lru_cache(maxsize=4096)
    def parse(text: str) -> float:
        try:
            found = split(text)
            if found is not None:
                return _unix_seconds(*found, tz)
        except (ValueError, OverflowError) as error:
            raise FieldError(f"{excerpt(text)} is not a time: {error}") from None
        raise FieldError(_mismatch(text, form))

    def read(value: Any) -> float:
        if isinstance(value, str) and len(value) <= _LONGEST_TIME:
            return parse(value.strip())
        raise FieldError(_mismatch(value, form))

    return read


def _mismatch(value: Any, form: str) -> str:
    if form != ISO:
        return f"{excerpt(value)} is not a time of the format {excerpt(form)}"
    if isinstance(value, int | float) or (
        isinstance(value, str) and _NUMBER.fullmatch(value.strip())
    ):
        return f"{excerpt(value)} is not a time; Unix time needs its unit, as in {{time: seconds}}"
    return f"{excerpt(value)} is not a time such as 2024-03-18T09:12:44.108Z"


def _unix_seconds(moment: datetime, fraction: str, zone: tzinfo | None) -> float:
    """Return the seconds since 1970, exact to the nanosecond before they are rounded once."""
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError("it names no time zone; declare one, as in zone: Europe/Berlin")
        moment = moment.replace(tzinfo=zone)
    seconds = moment.timestamp()
    if not fraction:
        return seconds
    scale = 10 ** len(fraction)
    exact: float = (int(seconds) * scale + int(fraction)) / scale
    return exact


def _formatted_moment(form: str, text: str) -> tuple[datetime, str] | None:
    try:
        return datetime.strptime(text, form), ""  # noqa: DTZ007 - the zone is added where it is known
    except ValueError:
        return None


def _iso_moment(text: str) -> tuple[datetime, str] | None:
    """Return the moment to the second or microsecond, and the digits that are finer."""
    if _USUAL_TIME.fullmatch(text):
        return datetime.fromisoformat(text), ""
    if match := _ISO_TIME.fullmatch(text):
        day, clock, fraction, offset = match.groups()
        if fraction:
            clock = clock[: -len(fraction) - 1]
        written = f"{day.upper()}T{clock or '00'}{_offset(offset)}"
        return datetime.fromisoformat(written), fraction or ""
    if match := _RFC_1123_TIME.fullmatch(text):
        number, month, year, clock, offset = match.groups()
        written = f"{year}-{_month(month):02}-{number:0>2}T{clock}{_offset(offset)}"
        return datetime.fromisoformat(written), ""
    if match := _DOTNET_TIME.fullmatch(text):
        return datetime.fromtimestamp(int(match[1]) / 1000, UTC), ""
    return None


def _offset(written: str | None) -> str:
    if not written:
        return ""
    return "Z" if written.upper() in _UTC_NAMES else written


def _month(written: str) -> int:
    return next(number for number, name in enumerate(_MONTHS, 1) if name[:3] == written[:3].lower())


def _check_format(form: str, zone: str) -> None:
    if not zone and "%z" not in form:
        raise ValueError(
            f"the time format {excerpt(form)} has no zone; add %z, or a zone as in"
            " zone: Europe/Berlin"
        )
    moment = datetime(2001, 2, 3, 16, 5, 6, tzinfo=UTC)
    try:
        parsed = datetime.strptime(moment.strftime(form), form)  # noqa: DTZ007 - only its date counts
    except (ValueError, re.error) as error:
        raise ValueError(f"the time format {excerpt(form)} cannot be used: {error}") from None
    if parsed.date() != moment.date():
        raise ValueError(f"the time format {excerpt(form)} needs a whole date, such as %Y-%m-%d")


def _find_zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    # A missing zone is a KeyError; a folder or a malformed name is one of the others.
    except (KeyError, ValueError, OSError):
        pass
    known = available_timezones()
    if not known:
        raise ValueError("there are no time zones on this machine; install the package tzdata")
    raise ValueError(f"unknown zone {excerpt(name)}; {suggestion(name, known)}")
