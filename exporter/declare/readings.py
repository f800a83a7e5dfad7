"""Readings: named conversions of one value of an answer to a number in base units, or a text.

Texts are read strictly: `float` alone would read "1_000", "nan" and the digits of other scripts.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from exporter.declare.durations import read_duration
from exporter.declare.timestamps import ISO, time_reader
from exporter.errors import FieldError, suggestion
from exporter.text import LONGEST_TEXT, excerpt, printable

NumberReader = Callable[[Any], float]
TextReader = Callable[[Any], str]

_NUMBERS = (int, float)
_EXACT_NUMBERS = frozenset(_NUMBERS)
# Longer than any number a server sends; `float` never sees a hostile megabyte of digits.
_LONGEST_NUMBER = 64
# Up to here a float holds every whole number, so that a division rounds only once.
_EXACT = 2.0**53

_is_numeric = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII).fullmatch
_SIZE = re.compile(
    r"(\d+(?:\.\d*)?|\.\d+)\s*(?:b|B|[bB][yY][tT][eE][sS]?|([kKmMgGtTpPeEzZyY])(i?)([bB]?))",
    re.ASCII,
)
_NOT_FINITE = "the number is not finite"
_PREFIXES = " KMGTPEZY"
_FLAGS = {
    **dict.fromkeys(("true", "on", "enabled", "yes", "y", "1"), 1.0),
    **dict.fromkeys(("false", "off", "disabled", "no", "n", "0"), 0.0),
}


def number(value: Any) -> float:
    """Read a finite number: a JSON number, a boolean as 1 or 0, or a numeric text."""
    # The hot path of every poll. The check of `_numeric_text` is inlined below.
    if type(value) in _EXACT_NUMBERS and -_EXACT < value < _EXACT:
        return float(value)
    if isinstance(value, str):
        digits = value.strip()
        if len(digits) > _LONGEST_NUMBER or not _is_numeric(digits):
            raise FieldError(f"{excerpt(value)} is not a number")
    elif not isinstance(value, _NUMBERS):
        raise FieldError(f"{excerpt(value)} is not a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if math.isfinite(result):
        return result
    raise FieldError(_NOT_FINITE)


def count(value: Any) -> float:
    """Read a number that cannot be negative."""
    if type(value) in _EXACT_NUMBERS and 0 <= value < _EXACT:
        return float(value)
    result = number(value)
    if result < 0:
        raise FieldError(f"{excerpt(value)} is negative")
    return result


def flag(value: Any) -> float:
    """Read true, on, enabled, yes, y and 1 as 1, and their opposites as 0, in any case."""
    if isinstance(value, str):
        result = _FLAGS.get(value.strip().lower()) if len(value) <= _LONGEST_NUMBER else None
        if result is not None:
            return result
    elif isinstance(value, _NUMBERS) and value in {0, 1}:
        return float(value)
    raise FieldError(f"{excerpt(value)} is not true or false")


def text(value: Any) -> str:
    """Read a text, number or boolean as a label value: trimmed, printable, valid UTF-8."""
    if (
        type(value) is str
        and len(value) <= LONGEST_TEXT
        and value.isascii()
        and value.isprintable()
    ):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = int(value) if _check_finite(value).is_integer() else value
    if isinstance(value, int | float):
        # Python refuses to write out more than 4,300 digits; no id is that long.
        if isinstance(value, int) and value.bit_length() > LONGEST_TEXT:
            raise FieldError(f"a number of {value.bit_length()} bits is too long for a label")
        return str(value)
    if not isinstance(value, str):
        raise FieldError(f"{excerpt(value)} is not a text")
    if len(value) > LONGEST_TEXT:
        raise FieldError(f"a text of {len(value)} characters is too long for a label")
    return printable(value.strip())


def number_reader(spec: str | Mapping[str, Any]) -> NumberReader:
    """Return the reader of `kibibytes`, `{size: binary}` or `{time: FORMAT, zone: ZONE}`.

    A reader raises FieldError, in one line, if it cannot read a value. The caller handles missing
    values.

    Raises:
        ValueError: The reading, its option, its format or its zone is unknown, in one line.
    """
    name, option, zone = _parts(spec)
    if name not in _NUMBER_TABLE:
        raise ValueError(f"unknown reading {excerpt(name)}; {suggestion(name, _NUMBER_TABLE)}")
    if option is None:
        return _NUMBER_TABLE[name][0]
    if name == "time":
        return _time_reader(option, zone)
    if name != "size":
        raise ValueError(f"{name} has no options; write read: {name}")
    if option not in _SIZES:
        raise ValueError(f"unknown option {excerpt(option)} of size; {suggestion(option, _SIZES)}")
    return _SIZES[option]


def text_reader(name: str) -> TextReader:
    """Return the reader of a label.

    Raises:
        ValueError: The reading is unknown, in one line.
    """
    if name not in _TEXT_TABLE:
        raise ValueError(f"unknown reading {excerpt(name)}; {suggestion(name, _TEXT_TABLE)}")
    return _TEXT_TABLE[name][0]


def describe(spec: str | Mapping[str, Any]) -> str:
    """Name a reading for the reference: `kibibytes`, `size, binary`, `time "%d/%m/%Y" in UTC`."""
    name, option, zone = _parts(spec)
    if option is None or option == ISO:
        named = name
    elif name == "time" and option not in _UNIX:
        named = f'{name} "{option}"'
    else:
        named = f"{name}, {option}"
    return f"{named} in {zone}" if zone else named


def _parts(spec: str | Mapping[str, Any]) -> tuple[str, str | None, str]:
    """Return the reading's name, its option and the zone."""
    if isinstance(spec, str):
        return spec, None, ""
    options = {str(name): option for name, option in spec.items()}
    zone = options.pop("zone", "")
    if len(options) != 1:
        raise ValueError(f"one reading is needed, as in {{size: binary}}, not {len(options)}")
    ((name, option),) = options.items()
    if zone and name != "time":
        raise ValueError(
            f"{excerpt(name)} has no zone; only time has, as in {{time: iso, zone: UTC}}"
        )
    if not isinstance(option, str) or not isinstance(zone, str):
        message = f"the options of {excerpt(name)} are text, as in {{time: iso, zone: UTC}}"
        raise ValueError(message)  # noqa: TRY004 - every error of a declaration is a ValueError
    return name, option, zone


def _time_reader(option: str, zone: str) -> NumberReader:
    if option in _UNIX:
        if zone:
            raise ValueError(f"Unix time has no zone; write {{time: {option}}}")
        return _UNIX[option]
    if option != ISO and "%" not in option:
        known = suggestion(option, (ISO, *_UNIX))
        raise ValueError(f"{excerpt(option)} is neither a unit of time nor a format; {known}")
    return time_reader(option, zone)


def _numeric_text(value: Any) -> str:
    """Return the digits of a numeric text."""
    if isinstance(value, str) and len(value) <= _LONGEST_NUMBER:
        digits = value.strip()
        if _is_numeric(digits):
            return digits
    raise FieldError(f"{excerpt(value)} is not a number")


def _check_finite(result: float) -> float:
    if math.isfinite(result):
        return result
    raise FieldError(_NOT_FINITE)


def _divide(value: Any, power: int) -> float:
    """Read a number and divide by 10^power: 36 by 1,000 is exactly 0.036.

    The result is the float nearest to the decimal, as if by Decimal, at a fraction of its time.
    """
    if isinstance(value, int) or (
        isinstance(value, float) and -_EXACT < value < _EXACT and value.is_integer()
    ):
        try:
            result: float = value / 10**power
        except OverflowError:
            result = math.inf
        return _check_finite(result)
    digits = repr(_check_finite(value)) if isinstance(value, float) else _numeric_text(value)
    return _shift_point(digits, power)


def _shift_point(digits: str, power: int) -> float:
    # A float is the shortest decimal that names it, so the decimal point moves in the text.
    mantissa, _, exponent = digits.lower().partition("e")
    return _check_finite(float(f"{mantissa}e{int(exponent or 0) - power}"))


def _percent(value: Any) -> float:
    if not isinstance(value, str):
        return _divide(value, 2)
    digits = value.strip().removesuffix("%").rstrip() if len(value) <= _LONGEST_NUMBER else ""
    if not _is_numeric(digits):
        raise FieldError(f"{excerpt(value)} is not a percentage such as 12.5 or 12.5 %")
    return _shift_point(digits, 2)


def _bytes_reader(unit: int) -> NumberReader:
    def read(value: Any) -> float:
        result = number(value) * unit
        if 0 <= result < math.inf:
            return result
        raise FieldError(f"{excerpt(value)} is negative" if result < 0 else _NOT_FINITE)

    return read


def _size(value: Any, binary: bool = False) -> float:
    if not isinstance(value, str):
        return count(value)
    written = value.strip() if len(value) <= _LONGEST_NUMBER else ""
    match = _SIZE.fullmatch(written)
    # "Mb" is a megabit; "mb" is what several programs write for a megabyte.
    if match and not (match[4] == "b" and match[2].isupper()):
        power = _PREFIXES.index((match[2] or " ").upper())
        if binary or match[3]:
            return float(match[1]) * 1024.0**power
        return float(f"{match[1]}e{3 * power}")
    if _is_numeric(written):
        return count(written)
    raise FieldError(f"{excerpt(value)} is not a size such as 58.4 MB, 150G or 512 MiB")


def _binary_size(value: Any) -> float:
    return _size(value, binary=True) if isinstance(value, str) else count(value)


def _duration(value: Any) -> float:
    if isinstance(value, str) and not _is_numeric(value.strip()[: _LONGEST_NUMBER + 1]):
        return read_duration(value)
    return number(value)


def _is_filled(value: Any) -> float:
    if isinstance(value, str):
        return 0.0 if value.strip() in {"", "0", "false"} else 1.0
    return 0.0 if text(value) in {"0", "false"} else 1.0


def _upper_case(value: Any) -> str:
    return text(value).upper()


def _lower_case(value: Any) -> str:
    return text(value).lower()


_milliseconds, _microseconds, _nanoseconds = (partial(_divide, power=n) for n in (3, 6, 9))
_SIZES: dict[str, NumberReader] = {"decimal": _size, "binary": _binary_size}
_UNIX: dict[str, NumberReader] = {
    "seconds": number,
    "milliseconds": _milliseconds,
    "microseconds": _microseconds,
    "nanoseconds": _nanoseconds,
}
_NUMBER_TABLE: dict[str, tuple[NumberReader, str]] = {
    "number": (number, "A number, a boolean as 1 or 0, or a numeric text; may be negative."),
    "count": (count, "A number that is never negative."),
    "flag": (
        flag,
        (
            "1 for true, on, enabled, yes, y or 1, and 0 for false, off, disabled, no, n or 0, in any"
            " case."
        ),
    ),
    "filled": (_is_filled, "0 for empty text, 0 and false, 1 for any other value."),
    "percent": (_percent, 'A percentage, with or without "%", as a ratio: 28 % is 0.28.'),
    "kibibytes": (_bytes_reader(1024), "A count of KiB (1,024 bytes), as bytes; never negative."),
    "mebibytes": (
        _bytes_reader(1024**2),
        "A count of MiB (1,048,576 bytes), as bytes; never negative.",
    ),
    "milliseconds": (_milliseconds, "A duration in milliseconds, as seconds."),
    "microseconds": (_microseconds, "A duration in microseconds, as seconds."),
    "nanoseconds": (_nanoseconds, "A duration in nanoseconds, as seconds."),
    "size": (
        _size,
        (
            "A size with its unit, such as 58.4 MB, 150G, 512Mi or 12 bytes, as bytes: k, M, G are"
            " powers of 1,000, with {size: binary} and in Ki, Mi, Gi of 1,024; a bare number is bytes."
        ),
    ),
    "duration": (
        _duration,
        (
            "A duration such as 1h2m3.5s, P1DT2H, 144:34:32, 3 days, 4:05:06 or 2 hours, 3 minutes, as"
            " seconds; a year is 365 days, and a bare number is seconds."
        ),
    ),
    "time": (
        time_reader(),
        (
            "A time of ISO 8601, RFC 1123 or .NET, as Unix seconds; {time: FORMAT} names a format of"
            " strptime, {time: milliseconds} Unix time and its unit, and zone the time zone of times"
            " without one."
        ),
    ),
}
_TEXT_TABLE: dict[str, tuple[TextReader, str]] = {
    "text": (text, "A text, number or boolean, without surrounding blanks."),
    "upper_case": (_upper_case, "The text in upper case."),
    "lower_case": (_lower_case, "The text in lower case."),
}

NUMBER_READINGS: Mapping[str, str] = {name: entry[1] for name, entry in _NUMBER_TABLE.items()}
"""The readings of values, and one sentence about each for the documentation, in its order."""

AMOUNTS = frozenset({"count", "kibibytes", "mebibytes", "size"})
"""The readings that are never negative, and whose differences are never negative."""

TEXT_READINGS: Mapping[str, str] = {name: entry[1] for name, entry in _TEXT_TABLE.items()}
"""The readings of labels, and one sentence about each."""
