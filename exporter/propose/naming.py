"""Gives the proposed fields unique, valid metric names, and limits their number."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from exporter.propose.shape import shape
from exporter.propose.sketch import Item
from exporter.propose.terms import Words, words_of

MAX_FIELDS = 200
"""Fields of a proposal; more than a person would review."""

MAX_NAME = 100
"""Characters of a metric's name."""

MAX_SYSTEM = 40
"""Characters of a system's name that is made of another."""

_SYSTEM = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_SUFFIXES = {"counter": "_total", "info": "_info"}
# Suffixes of the samples of other types.
_RESERVED_ENDS = ("total", "info", "created", "bucket")


class NothingToMapError(ValueError):
    """The answer has no number, flag, state or short text."""


@dataclass(frozen=True)
class NamedFields:
    """The fields of a proposal."""

    fields: tuple[Item, ...]
    left_out: tuple[tuple[str, str], ...]
    dropped: int
    """Fields beyond the limit."""


def system_name(text: str) -> str:
    """Make a valid system name from any text, such as the name of a file or host."""
    name = "_".join(words_of(text))[:MAX_SYSTEM].strip("_")
    return name if _SYSTEM.fullmatch(name) else f"system_{name}".strip("_")


def name_fields(tree: Any, system: str, *, is_xml: bool = False) -> NamedFields:
    """Propose fields with names for a tree.

    Raises:
        NothingToMapError: There is nothing to propose.
    """
    found = shape(tree, is_xml=is_xml)
    names = _NameRegistry(system)
    fields = tuple(names.fields(found.fields))
    if not fields:
        raise NothingToMapError("it has no number, flag, state or short text")
    return NamedFields(fields, found.left_out, names.dropped)


class _NameRegistry:
    """The names of one system that are in use."""

    def __init__(self, system: str) -> None:
        self._system = tuple(system.split("_"))
        self._families: set[str] = set()
        self._left = MAX_FIELDS
        self.dropped = 0

    def fields(self, items: tuple[Item, ...]) -> Iterator[Item]:
        """Yield the fields with their names, without empty groups."""
        for item in items:
            if item.fields:
                fields = tuple(self.fields(item.fields))
                if fields:
                    yield replace(item, fields=fields)
            elif self._left:
                self._left -= 1
                yield replace(item, name=self._name(item))
            else:
                self.dropped += 1

    def _name(self, item: Item) -> str:
        words = list(_add_system_name(self._system, item.words))
        while len("_".join(words)) > MAX_NAME and len(words) > len(self._system) + 1:
            del words[len(self._system)]
        is_free = "_".join(words[:-1]) not in self._families and len(words) > len(self._system) + 1
        if words[-1] == "total" and (is_free or item.kind == "counter"):
            words.pop()
        if words[-1] in _RESERVED_ENDS or (item.kind != "info" and len(words) == len(self._system)):
            words.append("value")
        family = "_".join(words)
        number, unique = 1, family
        while unique in self._families:
            number += 1
            unique = _add_number(family, number)
        self._families.add(unique)
        return unique + _SUFFIXES.get(item.kind, "")


def _add_number(family: str, number: int) -> str:
    """Add a number, before a unit: units come last."""
    for unit in ("_timestamp_seconds", "_bytes", "_seconds", "_ratio"):
        if family.endswith(unit):
            return f"{family.removesuffix(unit)}_{number}{unit}"
    return f"{family}_{number}"


def _add_system_name(system: Words, words: Words) -> Words:
    """Join the system's name and a field's words, which may begin with that name."""
    return system + (words[len(system) :] if words[: len(system)] == system else words)
