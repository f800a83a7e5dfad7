"""A JSON Pointer (RFC 6901) becomes a function that finds what stands there in a tree."""

from collections.abc import Callable
from typing import Any

Getter = Callable[[Any], Any]


def make_getter(pointer: str) -> Getter:
    """Return what finds the value; None where there is none, or null."""
    steps = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
    first, *rest = steps
    if not rest:
        return lambda tree: tree.get(first) if type(tree) is dict else _resolve(tree, steps)
    if len(rest) == 1:
        (second,) = rest

        # Most of the vendors' fields stand this deep.
        def get(tree: Any) -> Any:
            inner = tree.get(first) if type(tree) is dict else None
            if type(inner) is dict:
                return inner.get(second)
            return None if inner is None else _resolve(tree, steps)

        return get
    return lambda tree: _resolve(tree, steps)


def _resolve(tree: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if type(tree) is dict:
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdecimal() and step.isascii():
            index = int(step[:9])
            tree = tree[index] if index < len(tree) else None
        else:
            return None
    return tree
