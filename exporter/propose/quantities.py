"""Guesses what numbers and texts with units are: their reading, their unit, gauge or counter."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exporter.declare.readings import number_reader
from exporter.errors import FieldError
from exporter.propose.terms import (
    AGES,
    COUNTS,
    DIRECTIONS,
    EVENTS,
    MEMORY,
    NO_TIME,
    NULLS,
    STOCKS,
    TIME,
    TIME_SUFFIXES,
    UNITS,
    ZERO_TIMES,
    Words,
)

# Below this a number with "memory" in its key is as likely a count of KiB or MiB.
_MANY_BYTES = 1 << 24
# Every reading of a smaller number is finite.
_MAX_NUMBER = 1e300
_MAX_TEXT = 128

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_CLOCK = re.compile(r"\d+:\d\d:\d\d(?:\.\d+)?", re.ASCII)
_STATUS_CLASS = re.compile(r"[1-5]xx")
_EPOCHS = (
    ("seconds", 1e9, 4e9),
    ("milliseconds", 1e12, 4e12),
    ("microseconds", 1e15, 4e15),
    ("nanoseconds", 1e18, 4e18),
)
_SIZE_NOTES = ("guess: a size, k is 1,000", "guess: a size of memory, k is 1,024")

Options = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Guess:
    """The guessed meaning of a value."""

    kind: str
    """`gauge`, `counter`, `states`, or `label`: a text that identifies."""
    words: Words
    """The last words of the metric's name, the base unit included, `_total` not."""
    options: Options = ()
    """The field's further keys, such as `read`."""
    note: str = ""
    """What was guessed, and from what."""


def number_of(value: Any) -> float | None:
    """Return a number, or the number in a numeric text; None for all other values."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and (len(value) > _MAX_TEXT or not _NUMBER.fullmatch(value)):
        return None
    try:
        result = float(value)
    except (OverflowError, TypeError):
        return None
    return result if math.isfinite(result) and abs(result) < _MAX_NUMBER else None


def guess_number(context: Words, key: Words, values: list[Any]) -> Guess | None:
    """Guess what numbers are, and numeric texts."""
    kept, options = _without_nulls(values, lambda one: number_of(one) is not None)
    numbers = [one for one in map(number_of, kept) if one is not None]
    if not numbers:
        return None
    for guesser in (_epoch, _unit, _bytes, _age):
        found = guesser(context, key, numbers)
        if found is not None:
            return _detect_counter(context, key, numbers, found, options)
    return _detect_counter(context, key, numbers, Guess("gauge", key), options)


def _without_nulls(values: list[Any], reads: Callable[[Any], bool]) -> tuple[list[Any], Options]:
    """Return the readable values, and `null_values` if all others mean "missing"; else nothing."""
    kept = [one for one in values if reads(one)]
    others = {one if isinstance(one, str) else None for one in values if not reads(one)}
    if not kept or any(one is None or one.lower() not in NULLS for one in others):
        return [], ()
    return kept, (("null_values", sorted(map(str, others))),) if others else ()


def _epoch(_: Words, key: Words, numbers: list[float]) -> Guess | None:
    if not TIME & {*key} or NO_TIME & {*key}:
        return None
    zero = any(one == 0 for one in numbers)
    numbers = [one for one in numbers if one]
    for unit, low, high in _EPOCHS:
        if numbers and all(low <= one < high for one in numbers):
            null: Options = (("null_values", [0]),) if zero else ()
            note = f"guess: Unix time in {unit}, from the key and the value"
            return Guess("gauge", _timestamp(key), (("read", {"time": unit}), *null), note)
    return None


def _timestamp(key: Words) -> Words:
    kept = key
    while len(kept) > 1 and kept[-1] in TIME_SUFFIXES:
        kept = kept[:-1]
    kept = () if len(kept) == 1 and kept[0] in TIME_SUFFIXES else kept
    return (*kept, "timestamp", "seconds")


def _unit(context: Words, key: Words, numbers: list[float]) -> Guess | None:
    """Find a unit in the key: `heap_used_kb`, `size_in_bytes`, `bytes_sent`."""
    for at in range(len(key) - 1, -1, -1):
        if key[at] in UNITS and _is_unit(context, key, at):
            break
    else:
        return None
    unit, reading, factor = UNITS[key[at]]
    before = key[: at - 1] if at > 1 and key[at - 1] == "in" else key[:at]
    options: Options = (("read", reading),) if reading else ()
    options = (("scale", factor),) if factor else options
    note = f"guess: {reading or key[at]}, from the key" if options else ""
    if reading == "percent" and any(numbers) and all(abs(one) <= 1 for one in numbers):
        note = "guess: percent, from the key; no reading if it is a ratio already"
    after = key[at + 1 :] if key[at + 1 :] != ("as", "number") else ()
    return Guess("gauge", (*before, *after, unit), options, note)


def _is_unit(context: Words, key: Words, at: int) -> bool:
    if at and key[at - 1] == "per":
        return False
    if len(key) == 1 and not context and len(key[0]) < len("sec"):
        return False  # `us` and `ms` are also names.
    if key == ("ns",):
        return False
    return (
        key[at] in {"bytes", "percent"} or {*key[at + 1 :]} <= EVENTS | STOCKS | COUNTS | DIRECTIONS
    )


def _bytes(context: Words, key: Words, numbers: list[float]) -> Guess | None:
    whole = all(one.is_integer() and one >= 0 for one in numbers)
    if not whole or max(numbers) < _MANY_BYTES or not _is_memory(context, key):
        return None
    return Guess("gauge", (*key, "bytes"), (), "guess: bytes, from the key and the value")


def _is_memory(context: Words, key: Words) -> bool:
    return bool(MEMORY & {*context, *key}) or any("memory" in one for one in key)


def _age(_: Words, key: Words, numbers: list[float]) -> Guess | None:
    if AGES & {*key[-1:]} and min(numbers) >= 0:
        return Guess("gauge", (*key, "seconds"), (), "guess: seconds, from the key")
    return None


def _detect_counter(
    context: Words, key: Words, numbers: list[float], found: Guess, options: Options
) -> Guess:
    """Guess a counter if the key says that the number only grows, else a gauge."""
    kind, note = "gauge", found.note
    if _only_grows(context, key) and min(numbers) >= 0 and "timestamp" not in found.words:
        kind = "counter"
        note = f"{note}; a counter" if note else "guess: a counter, from the key"
    if _is_memory(context, key) and not note and not found.options and "bytes" not in found.words:
        note = "guess: a plain number; set `read` if it has a unit"
    return Guess(kind, found.words, found.options + options, note)


def _only_grows(context: Words, key: Words) -> bool:
    words = {*key}
    if STOCKS & words or _is_memory((), key) or (_is_memory(context, ()) and not EVENTS & words):
        return False
    if key in {("count",), ("total",)}:
        return not STOCKS & {*context[-1:]}
    last = key[-1] if key else ""
    if last == "octets" or _STATUS_CLASS.fullmatch(last) or last.endswith("counters"):
        return True
    if len(key) > 1 and _is_transferred(*key[-2:]):
        return True
    # crash_count, total_requests, request_today, bytes_sent, errors_since_start
    others = [one for one in key if one not in COUNTS and one not in UNITS]
    return bool(others) and bool(EVENTS & {others[-1], f"{others[-1]}s"})


def _is_transferred(one: str, other: str) -> bool:
    """Whether these are like `bytes_in` or `rx_bytes`."""
    if other in DIRECTIONS:
        one, other = other, one
    return one in DIRECTIONS and UNITS.get(other, ("",))[0] == "bytes"


def guess_quantity(_: Words, key: Words, values: list[Any]) -> Guess | None:
    """Guess what a text with a unit is: a percentage, size, duration or time."""
    if not any(isinstance(one, str) and not one.isalpha() for one in values):
        return None
    binary = _is_memory((), key)
    for reading, unit, note in (
        ("percent", "ratio", ""),
        ({"size": "binary"} if binary else "size", "bytes", _SIZE_NOTES[binary]),
        ("duration", "seconds", "guess: a duration, from the value"),
    ):
        kept, options = _without_nulls(values, reads_text(reading))
        if kept and not (
            reading == "duration" and TIME & {*key[-1:]} - {"time"} and _are_clocks(kept)
        ):
            return Guess("gauge", _add_unit(key, unit), (("read", reading), *options), note)
    return _moment(key, values)


def reads_text(reading: Any) -> Callable[[Any], bool]:
    """Return whether a reading reads a value that is a text and no number."""
    read = number_reader(reading)

    def reads(value: Any) -> bool:
        if not isinstance(value, str) or len(value) > _MAX_TEXT or number_of(value) is not None:
            return False
        try:
            return abs(read(value)) < _MAX_NUMBER
        except FieldError:
            return False

    return reads


def _are_clocks(values: list[Any]) -> bool:
    """Whether these may be times of day."""
    return all(_CLOCK.fullmatch(one) for one in values)


def _add_unit(key: Words, unit: str) -> Words:
    """Add the base unit, which replaces a unit in the key."""
    return (*(key[:-1] if key and UNITS.get(key[-1], ("",))[0] == unit else key), unit)


def _moment(key: Words, values: list[Any]) -> Guess | None:
    zeros = sorted(ZERO_TIMES & {one for one in values if isinstance(one, str)})
    others = [one for one in values if one not in zeros]
    zoned: Any = "time"
    kept, options = _without_nulls(others, reads_text("time"))
    note = ""
    if others and not kept:
        zoned, note = {"time": "iso", "zone": "UTC"}, "guess: UTC, since the text names no zone"
        kept, options = _without_nulls(others, reads_text(zoned))
    if not kept and (others or not zeros):
        return None
    nulls = dict(options).get("null_values", []) + zeros
    extra: Options = (("null_values", nulls),) if nulls else ()
    return Guess("gauge", _timestamp(key), (("read", zoned), *extra), note)
