"""Finds values of an answer that no field reads, such as keys that a vendor added or renamed."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from exporter.declare.endpoint import Endpoint
from exporter.declare.groups import Within
from exporter.declare.lines import Lines
from exporter.declare.parts import Part
from exporter.declare.paths import ANY, BELOW, Steps, pointer_steps, pointer_text, resolve

# Every item of a long list may have a new key.
MAX_UNMAPPED = 200
"""The maximum number of unmapped values that are reported."""


class _Node:
    """A path that is read, or the beginning of one."""

    __slots__ = ("below", "is_read", "reads_all")

    def __init__(self) -> None:
        self.below: dict[str, _Node] = {}
        self.is_read = False
        self.reads_all = False

    def add(self, steps: Steps) -> None:
        node = self
        for step in steps:
            if step == BELOW:
                node.reads_all = True
                return
            node = node.below.setdefault(step, _Node())
        node.is_read = True


@lru_cache(maxsize=1024)
def _read_places(endpoint: Endpoint) -> _Node:
    root = _Node()
    for steps in endpoint.mapped_paths:
        root.add(steps)
    return root


def find_unmapped(tree: Any, endpoint: Endpoint) -> list[str]:
    """Return the paths of values that no field reads, each once, at most MAX_UNMAPPED.

    They are JSON Pointers, with `*` for the items of a list or of an `each`. Lines of a text that
    resemble a pattern and match none follow, as `PATH: "LINE"`.
    """
    found: dict[str, None] = {}
    for steps in _leaves(tree, [_read_places(endpoint)], ()):
        found[pointer_text(steps)] = None
        if len(found) == MAX_UNMAPPED:
            return list(found)
    for place in _unmapped_lines(tree, endpoint):
        found[place] = None
    return list(found)[:MAX_UNMAPPED]


def _leaves(tree: Any, nodes: list[_Node], steps: Steps) -> Iterator[Steps]:
    """Yield the paths of scalars that none of the nodes reads; `nodes` are those of `tree`."""
    if any(node.reads_all for node in nodes):
        return
    if isinstance(tree, dict):
        each = any(ANY in node.below for node in nodes)
        for key, value in tree.items():
            inner = _step(nodes, key, ANY)
            # Keys are interchangeable only where the declaration reads each item.
            name = ANY if each and not any(key in node.below for node in nodes) else key
            yield from _leaves(value, inner, (*steps, name))
    elif isinstance(tree, list):
        for at, value in enumerate(tree):
            inner = _step(nodes, str(at), str(at - len(tree)), ANY)
            yield from _leaves(value, inner, (*steps, ANY))
    elif not any(node.is_read for node in nodes):
        yield steps


def _step(nodes: list[_Node], *names: str) -> list[_Node]:
    return [node.below[name] for node in nodes for name in names if name in node.below]


def _unmapped_lines(tree: Any, endpoint: Endpoint) -> Iterator[str]:
    for steps, one in _texts(endpoint.fields, ()):
        for line in one.unmapped_lines(resolve(tree, steps)):
            yield f'{pointer_text(steps)}: "{line}"'


def _texts(parts: Iterable[Part], base: Steps) -> Iterator[tuple[Steps, Lines]]:
    """Yield the texts outside of lists that are read line by line."""
    for one in parts:
        if isinstance(one, Lines):
            yield (*base, *pointer_steps(one.lines)), one
        elif isinstance(one, Within):
            yield from _texts(one.inner(), (*base, *pointer_steps(one.within)))
