"""Numbers as text with units: sizes, durations, times and shares."""

import math
from datetime import UTC, datetime
from typing import NamedTuple

from exporter.pipeline.render import value_text

_DAY, _HOUR, _MINUTE = 86400, 3600, 60
# Milliseconds from here on have no decimals: 9.95 is rounded to 10.
_TEN_MS = 0.00995
_THOUSANDS = 10_000
# A value in seconds from here on is a Unix time (2001), not a duration (31 years).
_FIRST_MOMENT = 1e9
_LAST_MOMENT = 253402300800.0  # The year 10000, which datetime does not support.
_SIZES = ("KiB", "MiB", "GiB", "TiB", "PiB")
_NARROW_SPACE = "\u202f"


class Quantity(NamedTuple):
    """A value as text with a unit."""

    text: str
    raw: str
    """The number at /metrics; empty if it equals the text."""
    moment: float | None = None
    """Unix seconds, if the value is a time."""


def quantity(metric: str, value: float) -> Quantity:
    """Return the value in the unit of the metric's name: bytes, seconds or a ratio."""
    raw, base = value_text(value), metric.removesuffix("_total")
    text, moment = raw, None
    if not math.isfinite(value):
        return Quantity(raw, "")
    if base.endswith("_bytes"):
        text = size_text(value)
    elif base.endswith("_seconds"):
        if _FIRST_MOMENT <= value < _LAST_MOMENT:
            text, moment = moment_text(value), value
        else:
            text = duration_text(value)
    elif base.endswith("_ratio"):
        text = f"{100 * value:.4g}%"
    elif abs(value) >= _THOUSANDS and value == int(value):
        text = f"{int(value):,}".replace(",", _NARROW_SPACE)
    return Quantity(text, "" if text == raw else raw, moment)


def size_text(size: float) -> str:
    """Format bytes, such as 86.8 MiB."""
    unit, step = "B", 1024
    for larger in _SIZES:
        # A size that would be rounded to 1024 is 1 of the next unit.
        if abs(size) < step - 0.05:
            break
        size, unit = size / step, larger
    return f"{size:.1f} {unit}".replace(".0 ", " ")


def duration_text(seconds: float) -> str:
    """Format seconds with their two largest units, such as 3 d 14 h, 1.5 s or 28 ms."""
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    whole = round(seconds)
    if whole >= _DAY:
        hours = round(seconds / _HOUR)
        return sign + _two_units(hours // 24, "d", hours % 24, "h")
    if whole >= _HOUR:
        minutes = round(seconds / _MINUTE)
        return sign + _two_units(minutes // 60, "h", minutes % 60, "min")
    if whole >= _MINUTE:
        return sign + _two_units(whole // 60, "min", whole % 60, "s")
    if seconds >= 1 or not seconds:
        return f"{sign}{seconds:.3g} s"
    digits = 0 if seconds >= _TEN_MS else 1
    return f"{sign}{seconds * 1000:.{digits}f} ms".replace(".0 ", " ")


def _two_units(larger: int, unit: str, smaller: int, smaller_unit: str) -> str:
    return f"{larger} {unit} {smaller} {smaller_unit}" if smaller else f"{larger} {unit}"


def ago_text(seconds: float) -> str:
    """Format an age in its largest unit, such as 3 min ago."""
    if seconds < 1:
        return "now"
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def due_text(seconds: float | None) -> str:
    """Format the time until something is due; empty if unknown."""
    if seconds is None:
        return ""
    return "now" if seconds < 1 else f"in {duration_text(round(seconds))}"


def moment_text(moment: float) -> str:
    """Format Unix seconds as a UTC date and time."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso_text(moment: float) -> str:
    """Format Unix seconds for the `datetime` attribute of HTML."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%SZ}"


def share_text(share: float | None) -> str:
    """Format a share in percent, rounded down: only a target that was never down has 100%."""
    return "" if share is None else f"{math.floor(share * 10_000) / 100:g}%"
