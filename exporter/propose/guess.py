"""Guesses what one value of an answer is: its kind of metric, reading and unit."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from exporter.declare.readings import number_reader, text
from exporter.errors import FieldError
from exporter.propose.quantities import (
    Guess,
    Options,
    guess_number,
    guess_quantity,
    number_of,
    reads_text,
)
from exporter.propose.terms import (
    FLAG_KEYS,
    FLAGS,
    IDENTIFIERS,
    MESSAGES,
    NO_IDENTIFIERS,
    NO_STATE_KEYS,
    SECRET,
    SECRET_PAIRS,
    STATE_KEYS,
    STATE_SETS,
    VERSIONS,
    Words,
    words_of,
)

MIXED = "of several kinds"
"""Why values are left out that no single reading reads."""

MAX_LABEL = 64
"""Characters of a text that may identify something; longer ones are messages."""

_MAX_STATES = 10

_DATE = re.compile(
    r"\d{4}-(?:\d\d|[A-Z][a-z]{2})-\d\d|\d{8}T\d{4}|(?<![\w:.])\d\d:\d\d:\d\d(?![\w:])|/Date\(|"
    r"[A-Z][a-z]{2},? \d\d? [A-Z][a-z]{2} \d{4}",
    re.ASCII,
)
_URL = re.compile(r"[A-Za-z][\w+.-]*://|www\.", re.ASCII)
_UUID = re.compile(r"\{?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?")
_HASH = re.compile(r"(?:\w{1,8}:)?(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{20,}")
_ENCODED = re.compile(r"(?=[^ ]*\d)(?=[^ ]*[a-z])(?=[^ ]*[A-Z])[\w+/=-]{22,}", re.ASCII)
_STATE = re.compile(r"[A-Za-z][A-Za-z_ -]{0,23}", re.ASCII)


def guess(context: Words, key: Words, values: Sequence[Any]) -> Guess | str:
    """Guess what the values of a key in one or more items are, or return why no field reads them.

    `context` has the words of the objects around the key.
    """
    present = [one.strip() if isinstance(one, str) else one for one in values]
    present = [one for one in present if one is not None and one != ""]
    if not present:
        return "empty" if "" in values else "null"
    if is_secret("_".join(key)):
        return "a secret by its name"
    if MESSAGES & {*key[-1:]} and all(isinstance(one, str) for one in present):
        return "a message by its name"
    for attempt in (_identifier, _flag, guess_number, guess_quantity, _state):
        found = attempt(context, key, present)
        if found is not None:
            return found if _can_read(found, present) else MIXED
    return _label(key, present)


def _can_read(made: Guess, values: list[Any]) -> bool:
    """Whether the guess reads all of the values, as the declaration will."""
    options = dict(made.options)
    read: Callable[[Any], Any] = text
    if made.kind in {"gauge", "counter"}:
        read = number_reader(options.get("read", "count" if made.kind == "counter" else "number"))
    nulls = {text(one) for one in options.get("null_values", ())}
    try:
        for value in values:
            if not nulls or text(value) not in nulls:
                read(value)
    except FieldError:
        return False
    return True


def is_secret(name: str) -> bool:
    """Whether a key or parameter holds a secret, by its name."""
    words = words_of(name)
    pairs = pairwise(words)
    return bool(SECRET & {*words}) or not SECRET_PAIRS.isdisjoint(pairs)


def is_identifier(key: Words) -> bool:
    """Whether a key's numbers identify something, such as `id`, `port` or `serverid`."""
    last = key[-1] if key else ""
    return last in IDENTIFIERS or (
        last.endswith("id") and len(last) > len("grid") and last not in NO_IDENTIFIERS
    )


def is_opaque(text: str) -> bool:
    """Whether a text is a UUID, a hash or encoded bytes."""
    return any(one.fullmatch(text) for one in (_UUID, _HASH, _ENCODED))


def is_printable(text: str) -> bool:
    """Whether a text can be a label's value as it is."""
    return text.isprintable() and text == text.strip() and text != ""


def _identifier(_: Words, key: Words, values: list[Any]) -> Guess | None:
    if not (is_identifier(key) or VERSIONS & {*key[-1:]}) or "pid" in key or "process" in key:
        return None
    if not all(isinstance(one, str) or type(one) is int for one in values):
        return None
    if any(isinstance(one, str) and _is_long(one) for one in values):
        return None
    if any(type(one) is int and abs(one) >= 1 << 63 for one in values):
        return None
    return Guess("label", key)


def _flag(_: Words, key: Words, values: list[Any]) -> Guess | None:
    texts = {str(one).lower() for one in values}
    if texts <= FLAGS and all(isinstance(one, str | bool) for one in values):
        return Guess("gauge", key, (("read", "flag"),))
    if texts <= FLAGS | {"0", "1"} and (texts & FLAGS or FLAG_KEYS & {*key[:1], *key[-1:]}):
        note = "" if texts & FLAGS else "guess: 0 or 1, from the key"
        return Guess("gauge", key, (("read", "flag"),), note)
    return None


def _state(_: Words, key: Words, values: list[Any]) -> Guess | None:
    if not all(isinstance(one, str) and _STATE.fullmatch(one) for one in values):
        return None
    if (VERSIONS | NO_STATE_KEYS) & {*key[-1:]}:
        return None
    # `states` reports every other text as `unknown`.
    seen = [one for one in dict.fromkeys(one.lower() for one in values) if one != "unknown"]
    for known in STATE_SETS:
        if seen and {*seen} <= {*known}:
            options: Options = (("known", list(known)),)
            return Guess("states", key, options, "guess: a common set of states")
    if not seen or not STATE_KEYS & {*key} or len(seen) > _MAX_STATES:
        return None
    return Guess("states", key, (("known", seen),), "guess: only this answer's states; add others")


def _is_long(text: str) -> bool:
    return (
        len(text) > MAX_LABEL or not text.isprintable() or is_opaque(text) or bool(_URL.match(text))
    )


def _label(key: Words, values: list[Any]) -> Guess | str:
    """Make a label of short texts that may identify something."""
    if not all(isinstance(one, str) for one in values):
        is_number = all(isinstance(one, str | bool) or number_of(one) is not None for one in values)
        return MIXED if is_number else "not a finite number"
    for why, is_so in _NO_LABELS:
        if any(map(is_so, values)):
            return why
    if len({number_of(one) is None for one in values}) > 1:
        return MIXED
    return Guess("label", key)


def _has_unit(value: str) -> bool:
    return any(reads_text(reading)(value) for reading in ("percent", "size", "duration"))


_NO_LABELS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("a UUID, hash or key", is_opaque),
    ("a URL", _URL.match),
    ("a long text", lambda value: "\n" in value or len(value) > MAX_LABEL),
    ("control characters", lambda value: not value.isprintable()),
    ("a time whose format `time` would need", _DATE.search),
    (MIXED, _has_unit),
)
"""What texts are that are no labels."""


def key_words(key: str) -> Words:
    """Return the words of a key, `value` for one without any."""
    return words_of(key) or ("value",)
