"""Guesses what the objects, lists and maps of an answer are, and which groups read them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from exporter.declare.groups import MAX_NESTED_TEXT
from exporter.propose.guess import MAX_LABEL, MIXED, guess, is_printable, key_words
from exporter.propose.labelling import item_labels, label_name, map_label
from exporter.propose.linewise import patterns_of
from exporter.propose.quantities import Guess
from exporter.propose.sketch import Item, ItemsLocation, Sketch, join_words, pointer_step
from exporter.propose.terms import (
    COUNTS,
    MEMORY,
    STOCKS,
    TIME,
    Words,
    is_plural,
    singular,
    words_of,
)

MAX_LEVELS = 8
"""Levels of an answer for which fields are proposed."""

MAX_KEYS = 300
"""Keys of one object for which fields are proposed."""

MAX_KEY = 200
"""Bytes of a key."""

# A map of two or more items of which an object has this share of all their keys.
_ALIKE = 0.5
# With few items of different kinds, one `within` for each reads better than none.
_FEW = 12
# An object of so many fields needs no group.
_FEW_FIELDS = 2
# Scalars of so many names may be a map.
_MANY = 3
# Items of a list or map that `each` reads without `limit`.
_DEFAULT_LIMIT = 1000

# Parts of a total that is no sum of events.
_PARTS = frozenset({"available", "free", "idle", "used"})


def shape(tree: Any, *, is_xml: bool = False) -> Sketch:
    """Propose fields for an answer: an object, a list or a text."""
    if isinstance(tree, str):
        return _text(tree, ItemsLocation())
    if not isinstance(tree, dict | list) or not tree:
        return Sketch()
    if is_xml:
        tree = _with_lists(tree)
    if is_xml and isinstance(tree, dict) and len(tree) == 1:
        # The name of the document's element is in every path and says nothing in a name.
        ((root, inner),) = tree.items()
        if isinstance(inner, dict) and inner:
            return _group(_object([inner], ItemsLocation(level=1))).below(pointer_step(root))
    return _container([tree], (), ItemsLocation())


def _with_lists(tree: Any) -> Any:
    """Make a list of a single element whose parent has a plural name, such as `queues`."""
    if not isinstance(tree, dict):
        return [_with_lists(one) for one in tree] if isinstance(tree, list) else tree
    made = {key: _with_lists(value) for key, value in tree.items()}
    for key, value in made.items():
        if isinstance(value, dict) and len(value) == 1 and is_plural(key_words(key)):
            ((child, inner),) = value.items()
            if isinstance(inner, dict) and inner:
                made[key] = {child: [inner]}
    return made


def _object(items: Sequence[Mapping[str, Any]], place: ItemsLocation) -> Sketch:
    """Propose fields for the keys of an object, or of the items of a list or map."""
    values: dict[str, list[Any]] = {}
    for item in items:
        for key, value in item.items():
            values.setdefault(key, []).append(value)
    fields: list[Item] = []
    groups: list[Item] = []
    texts: list[tuple[str, str]] = []
    left_out: list[tuple[str, str]] = []
    for key, found in list(values.items())[:MAX_KEYS]:
        made = _value(key, found, place) if _is_usable(key) else "a key that cannot be a path"
        step = pointer_step(key[:MAX_KEY])
        if isinstance(made, str):
            left_out.append((step, made))
        elif isinstance(made, Sketch):
            inner = made.below(step)
            for one in inner.fields:
                (groups if one.fields else fields).append(one)
            left_out += inner.left_out
        elif made.kind == "label":
            taken = place.labels | {name for name, _ in texts}
            texts.append((label_name(made.words, taken), step))
        else:
            is_sum = key.lower() == "total" and _PARTS & values.keys()
            settled = replace(made, kind="gauge", note="") if is_sum else made
            fields.append(_metric(settled, place, step))
    if len(values) > MAX_KEYS:
        left_out.append(("", f"{len(values) - MAX_KEYS} further keys"))
    infos = [Item("info", words=place.words, labels=tuple(texts))] if texts else []
    return Sketch((*infos, *fields, *groups), tuple(left_out))


def _metric(made: Guess, place: ItemsLocation, path: str) -> Item:
    words = made.words
    if len(words) > 1 and words[0] == "value" and place.words:
        words = words[1:]
    if words == ("value",) and place.words:
        words = ()
    options = made.options
    if made.kind == "states" and "state" in place.labels:
        options = (*options, ("label", label_name(("current", "state"), place.labels)))
    return Item(made.kind, path, join_words(place.words, words), options, note=made.note)


def _value(key: str, values: list[Any], place: ItemsLocation) -> Guess | Sketch | str:
    """Propose a field or groups for a key's values, or note why they are left out."""
    containers = [one for one in values if isinstance(one, dict | list)]
    scalars = [one for one in values if not isinstance(one, dict | list) and one is not None]
    words = key_words(key)
    if not containers:
        texts = [one for one in scalars if one != ""]
        return _guess_embedded(texts, words, place) or guess(place.words, words, values)
    # An empty list where others have an object is how some languages write an empty map.
    filled = [one for one in containers if one]
    if scalars or len({type(one) for one in filled}) > 1:
        return MIXED
    if place.level >= MAX_LEVELS:
        return f"more than {MAX_LEVELS} levels deep"
    return _container(filled, words, place) if filled else "empty"


def _container(values: Sequence[Any], words: Words, place: ItemsLocation) -> Sketch:
    if isinstance(values[0], list):
        return _list(values, words, place)
    found = _map(values, words, place)
    if found is not None:
        return found
    inner = _object(values, place.within(words))
    return _group(inner) if words else inner


def _group(inner: Sketch) -> Sketch:
    """Make a group of an object's fields; a few read better with longer paths."""
    few = len(inner.fields) == 1 or (
        len(inner.fields) <= _FEW_FIELDS and not any(one.fields for one in inner.fields)
    )
    if few:
        return inner
    return Sketch((Item("within", fields=inner.fields, left_out=inner.left_out),))


def _map(values: Sequence[dict[str, Any]], words: Words, place: ItemsLocation) -> Sketch | None:
    """Propose `each` for an object whose keys are names; None if they are not."""
    keys = [key for one in values for key in one]
    if not all(is_printable(key) and len(key) <= MAX_LABEL for key in keys):
        return None
    items = [item for one in values for item in one.values()]
    label = map_label(words, place.labels)
    if not all(isinstance(one, dict) for one in items):
        found = _map_of_scalars(keys, items, words, place)
    elif _are_alike(items, values, words):
        found = _object(items, place.each(words, {label: "@key"}))
        is_mixed = any(why == MIXED for _, why in found.left_out)
        if is_mixed and len(keys) <= _FEW and place.is_one:
            return None
    else:
        return None
    if not found.fields:
        return None
    return Sketch((_each(found, ((label, "@key"),), max(map(len, values))),))


def _map_of_scalars(
    keys: list[str], items: list[Any], words: Words, place: ItemsLocation
) -> Sketch:
    if not words or any(isinstance(one, dict | list) for one in items):
        return Sketch()
    if not _are_names([*dict.fromkeys(keys)], words):
        return Sketch()
    made = guess(place.words, words, items)
    if not isinstance(made, Guess) or made.kind not in {"gauge", "counter"}:
        return Sketch()
    return Sketch((_metric(made, place, ""),))


def _are_alike(items: list[dict[str, Any]], values: Sequence[dict[str, Any]], words: Words) -> bool:
    """Whether objects have so many keys in common that they are items of one kind."""
    if not any(items):
        return False
    if max(map(len, values)) == 1 and len({*map(tuple, values)}) == 1:
        return is_plural(words)
    everything = {key for one in items for key in one}
    if len(everything) == 1 and not words_of(*everything):
        return False  # {"$": value}: a way to write XML as JSON
    shared = sum(len(one) for one in items) / (len(items) * len(everything))
    common = set.intersection(*({*one} for one in items))
    return bool(common) and shared >= _ALIKE


def _are_names(keys: list[str], words: Words) -> bool:
    """Whether the keys of an object of scalars are data, such as `4xx` or a host's name."""
    if len(keys) == 1 or {"total", "count", "max", "min", "mean", "avg", "limit"} & {*keys}:
        return False
    if any(map(_has_unit, keys)):
        return False
    if any((STOCKS | COUNTS | MEMORY | TIME) & {*key_words(key)} for key in keys):
        return False
    looks = sum(any(one.isdigit() or one in "./:-" for one in key) for key in keys)
    return looks >= len(keys) / 2 or (is_plural(words) and len(keys) >= _MANY)


def _has_unit(key: str) -> bool:
    made = guess((), key_words(key), [7])
    return isinstance(made, Guess) and made.words != key_words(key)


def _list(values: Sequence[list[Any]], words: Words, place: ItemsLocation) -> Sketch:
    if _are_rows([item for one in values for item in one]):
        values = [[_as_row(item) for item in one] for one in values]
    items = [item for one in values for item in one if item is not None]
    size = max(map(len, values))
    if not items:
        return Sketch((), (("", "empty"),))
    if all(isinstance(one, dict) for one in items):
        labels = item_labels(values, words, place.labels)
        found = _object(items, place.each(words, dict(labels)))
        used = {path for _, path in labels}
        fields = [_without(one, used) for one in found.fields]
        kept = tuple(one for one in fields if one is not None)
        left_out = tuple(one for one in found.left_out if one[0] not in used)
        found = Sketch(kept, left_out)
    elif all(isinstance(one, list) for one in items) and any(items):
        if place.level >= MAX_LEVELS:
            return Sketch((), (("", f"more than {MAX_LEVELS} levels deep"),))
        labels = ((label_name((*singular(words), "index"), place.labels), "@key"),)
        filled = [one for one in items if one]
        found = _list(filled, (), place.each(words, dict(labels)))
    elif not any(isinstance(one, dict | list) for one in items):
        labels = ((label_name((*singular(words), "index"), place.labels), "@key"),)
        made = guess(place.words, words, items)
        if not isinstance(made, Guess) or made.kind not in {"gauge", "counter"}:
            return Sketch((), (("", "a list of texts" if isinstance(made, Guess) else made),))
        found = Sketch((_metric(made, place, ""),))
    else:
        return Sketch((), (("", MIXED),))
    if not found.fields:
        return Sketch((), (("", "a list of items without a value"),))
    return Sketch((_each(found, labels, size),))


def _are_rows(items: list[Any]) -> bool:
    """Whether lists have values of several kinds by position, like the rows of a table."""
    if not all(isinstance(item, list) for item in items):
        return False
    kinds = [{type(one) for one in item} for item in items]
    return any(str in one and len(one) > 1 for one in kinds) and not any(
        {dict, list} & one for one in kinds
    )


def _as_row(item: Any) -> Any:
    return {str(at): one for at, one in enumerate(item)} if isinstance(item, list) else item


def _without(field: Item, used: set[str]) -> Item | None:
    """Remove fields that are labels of their group."""
    if field.kind != "info":
        return field
    labels = tuple(one for one in field.labels if one[1] not in used)
    return replace(field, labels=labels) if labels else None


def _each(found: Sketch, labels: tuple[tuple[str, str], ...], size: int) -> Item:
    options = (("limit", size),) if size > _DEFAULT_LIMIT else ()
    return Item("each", "", (), options, labels, found.fields, left_out=found.left_out)


def _guess_embedded(values: list[Any], words: Words, place: ItemsLocation) -> Sketch | None:
    """Propose fields for JSON within a text, or for a text of several lines."""
    texts = [one.strip() for one in values if isinstance(one, str)]
    if not texts or len(texts) < len(values):
        return None
    if len(texts) == 1 and place.is_one and "\n" in texts[0] and texts[0][0] != "{":
        found = _text(values[0], place.within(words))
        return found if found.fields else None
    trees = [_json_object(one) for one in texts]
    if place.level >= MAX_LEVELS or not all(trees):
        return None
    inner = _object([one for one in trees if one], place.within(words))
    if not inner.fields:
        return None
    options = (("parse", "json"),)
    return Sketch((Item("within", "", (), options, (), inner.fields, left_out=inner.left_out),))


def _json_object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{") or len(text) > MAX_NESTED_TEXT:
        return None
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict) else None


def _text(text: str, place: ItemsLocation) -> Sketch:
    """Propose patterns for the lines of a text."""
    patterns, groups = patterns_of(text)
    found = _object([groups], replace(place, is_one=False)) if groups else Sketch()
    if not found.fields:
        return Sketch()
    options = (("patterns", list(patterns)),)
    return Sketch((Item("lines", "", (), options, (), found.fields, left_out=found.left_out),))


def _is_usable(key: str) -> bool:
    try:
        return len(key.encode()) <= MAX_KEY
    except UnicodeEncodeError:
        return False  # a lone surrogate
