"""Chooses labels: which key of an item names it, and what its label is called."""

from collections.abc import Container, Iterable, Sequence
from itertools import combinations
from typing import Any

from exporter.propose.guess import MAX_LABEL, is_identifier, is_opaque, is_printable, key_words
from exporter.propose.sketch import pointer_step
from exporter.propose.terms import NAME_KEYS, NOISE, RESERVED_LABELS, SCOPES, Words, singular, terms

# Of a list of objects with more keys, only these are tried as its label.
_MAX_CANDIDATES = 12
# Words for which the kind of the item is a better name.
_GENERIC = terms("id name key uuid 0 display full short title label")


def label_name(words: Words, taken: Container[str]) -> str:
    """Return a valid name for a label that is neither reserved nor taken."""
    name = "_".join(words) or "name"
    if not name[0].isalpha():
        name = f"key_{name}"
    if name in RESERVED_LABELS:
        name = f"{name}_name"
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique


def map_label(words: Words, taken: Container[str]) -> str:
    """Name the label that has a map's keys."""
    return label_name(_item_words(words) or ("name",), taken)


def item_labels(
    lists: Sequence[list[Any]], words: Words, taken: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    """Return the labels, name and path, that tell the objects of each list apart."""
    items = [[item for item in one if item is not None] for one in lists]
    keys = [
        key
        for key in _candidates(items[0], _item_words(words))
        if all(_has(one, key) for one in items)
    ]
    for key in keys:
        scoped = [*(one for one in keys if one in SCOPES and one != key), key]
        if all(_is_unique(one, scoped) for one in items):
            return _name_labels(scoped, words, taken)
    for pair in combinations(keys, 2):
        if all(_is_unique(one, pair) for one in items):
            return _name_labels(pair, words, taken)
    return ((label_name((*_item_words(words), "index"), taken), "@key"),)


def _candidates(items: list[dict[str, Any]], item: Words) -> list[str]:
    first = items[0] if items else {}
    found = [(rank, key) for key in first if (rank := _rank(key, first[key], item)) is not None]
    return [key for _, key in sorted(found, key=lambda one: one[0])][:_MAX_CANDIDATES]


def _rank(key: str, value: Any, item: Words) -> int | None:
    """Rank how well a key names an item: lower is better; None if it cannot.

    Hashes are hard to read, and numbers from 0 on are positions.
    """
    words = key_words(key)
    last = words[-1] if words else ""
    if key == "0" and isinstance(value, str):
        return 0  # The first column of a row.
    if key in SCOPES:
        return len(NAME_KEYS) - 1
    if last not in NAME_KEYS and is_identifier((last,)) and last != "port":
        last = "id"
    if last not in NAME_KEYS:
        return None
    # In a list of servers `serverid` and `server_name` are as good as `id` and `name`.
    own = "".join(item)
    is_own = (len(words) == 1 and words[0] in NAME_KEYS) or (own and "".join(words).startswith(own))
    rank = NAME_KEYS.index(last) + (0 if is_own else 3)
    is_poor = is_opaque(value) if isinstance(value, str) else value == 0
    return rank + len(NAME_KEYS) if is_poor else rank


def _has(items: Iterable[dict[str, Any]], key: str) -> bool:
    """Whether all items have a text or whole number there that can be a label."""
    return all(
        (isinstance(one, str) and is_printable(one) and len(one) <= 2 * MAX_LABEL)
        or (type(one) is int and abs(one) < 1 << 63)
        for one in (item.get(key) for item in items)
    )


def _is_unique(items: Sequence[dict[str, Any]], keys: Sequence[str]) -> bool:
    return len({tuple(str(item[key]) for key in keys) for item in items}) == len(items)


def _name_labels(
    keys: Iterable[str], words: Words, taken: frozenset[str]
) -> tuple[tuple[str, str], ...]:
    labels: list[tuple[str, str]] = []
    for key in keys:
        own = key_words(key)
        if own[-1] in _GENERIC and {*own[:-1]} <= _GENERIC:
            own = _item_words(words) or own
        name = label_name(own, taken | {name for name, _ in labels})
        labels.append((name, pointer_step(key)))
    return tuple(labels)


def _item_words(words: Words) -> Words:
    return () if {*words} <= NOISE else singular(words)
