"""Guesses patterns for the lines of a text, and what their groups are called."""

import re
from collections.abc import Iterator

from exporter.declare.lines import MAX_TEXT
from exporter.declare.patterns import Pattern, compile_pattern
from exporter.propose.guess import MAX_LABEL, key_words
from exporter.propose.quantities import number_of
from exporter.propose.terms import UNITS, Words, terms, words_of

MAX_PATTERNS = 100
"""Patterns of a proposal."""

Groups = dict[str, str]

_MAX_LINE = 200
_MAX_KEY = 5
_LINE_END = re.compile(r"\r\n|\r|\n|<[^<>]{1,20}>")
_PAIR = re.compile(
    r"(?P<key>[^\W\d](?:(?!\d\.\d)[^:=]){0,60}?)"
    r"(?P<between>\s*:\s+|(?<=[^\W\d]):(?=\S)|\s*=\s*|\t\s*|\s{2,})(?P<value>\S.*)"
)
_NUMBER = re.compile(r"(?<![\w.:-])-?\d+(?:\.\d+)?(?![\w.:-]*\w)", re.ASCII)
_WITH_UNIT = re.compile(
    r"(?P<number>-?\d+(?:\.\d+)?)(?P<unit>\s*[A-Za-z]+(?: [A-Za-z]+)?)", re.ASCII
)
_SPAN = re.compile(
    r"\d+ (?:year|day|hour|minute|second)s?(?:,? \d+ (?:day|hour|minute|second|(?:mill|micr)[a-z]+)s?)+",
    re.ASCII,
)
_SPECIAL = re.compile(r"[\\.+*?()\[\]{}|^$]")
# Units that a reading takes with the number.
_READ_UNITS = terms("b byte bytes k kb kib m mb mib g gb gib t tb tib h s days day hours hour")
_FILLERS = terms("a an and are for in is of out so the to")


def patterns_of(text: str) -> tuple[tuple[str, ...], Groups]:
    """Return patterns for the lines of a text, and the values of their groups in it."""
    patterns: list[str] = []
    names: list[str] = []
    above = ""
    for part in _LINE_END.split(text) if len(text) <= MAX_TEXT else ():
        line = part.strip()
        made = _pattern(line, above, {*names}) if 0 < len(line) <= _MAX_LINE else None
        if made is not None and len(patterns) < MAX_PATTERNS:
            patterns.append(made[0])
            names += made[1]
        above = line
    return _match_lines(patterns, names, text)


def _match_lines(
    patterns: list[str], names: list[str], text: str
) -> tuple[tuple[str, ...], Groups]:
    """Return the valid patterns, and the values of their groups in the first line that has them."""
    valid = [pattern for one in patterns if (pattern := _try_compile(one)) is not None]
    groups: Groups = {}
    for line in _LINE_END.split(text):
        matches = (one.match_whole(line.strip()) for one in valid)
        for name, value in next((one for one in matches if one is not None), {}).items():
            groups.setdefault(name, value)
    return tuple(one.source for one in valid), {
        name: groups[name] for name in names if name in groups
    }


def _try_compile(source: str) -> Pattern | None:
    try:
        return compile_pattern(source)
    except ValueError:
        return None


def _pattern(line: str, above: str, taken: set[str]) -> tuple[str, list[str]] | None:
    """Return a line's pattern and the names of its groups; None if it has no value."""
    if not line.replace("\t", " ").isprintable():
        return None
    pair = _PAIR.fullmatch(line)
    if pair and len(words_of(pair["key"])) <= _MAX_KEY and _is_one_value(pair["value"]):
        return _pair_pattern(pair, taken)
    values = list(_values(line))
    if not values:
        return None
    names = _column_names(line, above, len(values)) or list(_names(line, values))
    return _values_pattern(line, values, names, taken)


def _is_one_value(text: str) -> bool:
    """Whether a text is one value: not `0 Writing: 1 Waiting: 1`, nor `3 up, 2 down`."""
    is_list = _NUMBER.fullmatch(text.split(maxsplit=1)[0]) and len(_NUMBER.findall(text)) > 1
    return not is_list or _SPAN.fullmatch(text) is not None


def _pair_pattern(pair: re.Match[str], taken: set[str]) -> tuple[str, list[str]] | None:
    """Write the pattern of a line such as `key: 12` or `key = 12 Volts`."""
    stripped = pair["value"].rstrip(", ;")
    after, value = _literal(pair["value"].strip()[len(stripped) :]), stripped
    before, what = _literal(pair["key"]) + _separator(pair["between"]), r"\S+"
    words = key_words(pair["key"])
    with_unit = _WITH_UNIT.fullmatch(value)
    unit = with_unit["unit"].strip() if with_unit else ""
    if with_unit and unit.lower() not in _READ_UNITS:
        words = (*words, unit.lower()) if unit.lower() in UNITS else words
        after = _literal(with_unit["unit"]) + after
    elif not value or len(value) > MAX_LABEL:
        return None
    elif len(value) > len('""') and value[0] == value[-1] == '"':
        before, what, after = f'{before}"', '[^"]*', f'"{after}'
    elif re.search(r"\s", value):
        what = ".+"
    if after and what != '[^"]*':
        what = f"{what}?"
    name = _group(words, taken)
    return f"{before}(?P<{name}>{what}){after}", [name]


def _values(line: str) -> Iterator[re.Match[str]]:
    """Yield the numbers of a line; a duration in words is one value."""
    span = _SPAN.search(line)
    for number in _NUMBER.finditer(line):
        if span is None or not span.start() <= number.start() < span.end():
            yield number
        elif number.start() == span.start():
            yield span


def _values_pattern(
    line: str, values: list[re.Match[str]], names: list[Words], taken: set[str]
) -> tuple[str, list[str]]:
    pattern, groups, at = "", list[str](), 0
    for value, words in zip(values, names, strict=True):
        name = _group(words, {*taken, *groups})
        groups.append(name)
        what = r"\d+" if value[0].isdigit() else r"-?\d+(?:\.\d+)?"
        what = ".+" if " " in value[0] else what
        pattern += f"{_literal(line[at : value.start()])}(?P<{name}>{what})"
        at = value.end()
    return pattern + _literal(line[at:]), groups


def _column_names(line: str, above: str, size: int) -> list[Words] | None:
    """Name the columns of a line of numbers by the last words of the line above it."""
    words = above.split()
    if any(number_of(one) is None for one in line.split()) or len(words) < size:
        return None
    names = [words_of(one) for one in words[-size:]]
    return names if all(one and not one[0].isdigit() for one in names) else None


def _names(line: str, values: list[re.Match[str]]) -> Iterator[Words]:
    """Name each value by the words before it, or by those after it if the line begins with a value."""
    starts = [*(one.start() for one in values), len(line)]
    is_first = not words_of(line[: starts[0]])
    before: Words = words_of(line[: starts[0]])
    for index, value in enumerate(values):
        left, _, right = _halves(line[value.end() : starts[index + 1]])
        after = _plain(words_of(left))
        own = after[:3] if is_first and index == 0 else before[-4:]
        yield own or after[:4] or ("value",)
        before = (
            _plain(words_of(right)) or (after[-1:] if is_first and index == 0 else after) or before
        )


def _halves(text: str) -> tuple[str, str, str]:
    """Split the text between two values into the words of the first and those of the second."""
    parts = re.split(r"[,;|]|\s[-/]\s|/", text, maxsplit=1)
    return (parts[0], "", parts[1]) if len(parts) > 1 else (text, "", "")


def _plain(words: Words) -> Words:
    return tuple(one for one in words if one not in _FILLERS)


def _group(words: Words, taken: set[str]) -> str:
    """Return an unused name for a group."""
    name = "_".join(words)[:60].strip("_")
    name = name if name[:1].isalpha() else f"key_{name}"
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique


def _separator(text: str) -> str:
    """Return the pattern of the text between a key and its value; blanks may have any number."""
    mark = text.strip()
    if not mark:
        return r"\s+"
    left, right = text.split(mark, 1)
    return f"{_blanks(left)}{mark}{_blanks(right)}"


def _blanks(text: str) -> str:
    return text if text in {"", " "} else r"\s*"


def _literal(text: str) -> str:
    return re.sub(r"\t+| {2,}", r"\\s+", _SPECIAL.sub(r"\\\g<0>", text))
