"""The parts of a proposal before they have names: fields, groups, and where they are found."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from exporter.propose.terms import NOISE, Words, singular

LeftOut = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Item:
    """A field or group of the proposal."""

    kind: str
    path: str = ""
    words: Words = ()
    """Of the metric's name, without the system's and without `_total` or `_info`."""
    options: tuple[tuple[str, Any], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    fields: "tuple[Item, ...]" = ()
    note: str = ""
    left_out: LeftOut = ()
    """Pointers below this group that no field reads, each with the reason."""
    name: str = ""

    def below(self, step: str) -> "Item":
        """Return the field as seen from one level further up."""
        if self.kind == "info":
            labels = tuple((name, f"{step}{path}") for name, path in self.labels)
            return replace(self, labels=labels)
        if self.path.startswith("@"):
            return self
        return replace(self, path=f"{step}{self.path}")


@dataclass(frozen=True)
class ItemsLocation:
    """Where in the answer the items are."""

    words: Words = ()
    """Of the keys around them, for names."""
    labels: frozenset[str] = frozenset()
    """Of the groups around them."""
    level: int = 0
    is_one: bool = True
    """Whether this is one object; false for the items of a list or map."""

    def within(self, words: Words) -> "ItemsLocation":
        """Return the location below a key."""
        kept = self.words if {*words} <= NOISE else join_words(self.words, words)
        return replace(self, words=kept, level=self.level + 1)

    def each(self, words: Words, labels: Mapping[str, str]) -> "ItemsLocation":
        """Return the location of the items of a list or map."""
        inner = self.within(singular(words))
        return replace(inner, labels=self.labels | labels.keys(), is_one=False)


@dataclass(frozen=True)
class Sketch:
    """What is proposed for a part of the answer."""

    fields: tuple[Item, ...] = ()
    left_out: LeftOut = ()

    def below(self, step: str) -> "Sketch":
        """Return the same as seen from one level further up."""
        return Sketch(
            tuple(one.below(step) for one in self.fields),
            tuple((f"{step}{path}", why) for path, why in self.left_out),
        )


def pointer_step(key: str) -> str:
    """Write a key as a step of a pointer."""
    return f"/{key.replace('~', '~0').replace('/', '~1')}"


def join_words(context: Words, words: Words) -> Words:
    """Join words without repeating words that both have: last_write, last_write_date."""
    for size in range(min(len(context), len(words)), 0, -1):
        if context[-size:] == words[:size]:
            return context + words[size:]
    return context + words
