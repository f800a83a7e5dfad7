"""Random small changes of bytes and trees."""

from collections.abc import Sequence
from random import Random
from typing import Any

ATOMS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    2**53 + 1,
    10**400,
    1.5,
    -0.0,
    float("inf"),
    float("nan"),
    "",
    " ",
    "12",
    "1_000",
    "\uff11\uff12",
    "nan",
    "1e999",
    "true",
    "\ud800",
    "\x00",
    'a"b\\c\nd',
    "é" * 300,
    "2024-03-18T09:12:44Z",
    "99999-99-99T99:99:99Z",
    "5 GB",
    [],
    {},
    [[]],
    {"": None},
)
"""Values of another type than expected."""

_LONGEST_SLICE = 40


def mutate_bytes(data: bytes, chance: Random, tokens: Sequence[bytes]) -> bytes:
    """Change the bytes at one position."""
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.randint(0, _LONGEST_SLICE))
    before, cut, after = data[:start], data[start:end], data[end:]
    to = chance.randint(0, len(before))
    return chance.choice(
        (
            before + chance.choice(tokens) + cut + after,
            before + chance.choice(tokens) + after,
            before + after,
            before + cut * chance.choice((2, 3, 50)) + after,
            before + bytes([chance.randrange(256)]) + cut[1:] + after,
            before,
            before[:to] + cut + before[to:] + after,
        )
    )


def mutate_tree(tree: Any, chance: Random, names: Sequence[str]) -> Any:
    """Return a copy of the tree with one node changed."""
    if isinstance(tree, dict) and tree and chance.randrange(4):
        return _changed_dict(tree, chance, names)
    if isinstance(tree, list) and tree and chance.randrange(4):
        return _changed_list(tree, chance, names)
    return _replaced(tree, chance, names)


def _changed_dict(tree: dict[Any, Any], chance: Random, names: Sequence[str]) -> dict[Any, Any]:
    key = chance.choice(list(tree))
    match chance.randrange(6):
        case 0:
            return {name: value for name, value in tree.items() if name != key}
        case 1:
            renamed = chance.choice(names)
            return {renamed if name == key else name: one for name, one in tree.items()}
        case _:
            return {**tree, key: mutate_tree(tree[key], chance, names)}


def _changed_list(tree: list[Any], chance: Random, names: Sequence[str]) -> list[Any]:
    at = chance.randrange(len(tree))
    match chance.randrange(4):
        case 0:
            return tree[:at] + tree[at + 1 :]
        case 1:
            return tree + tree[at : at + 1] * chance.choice((1, 2, 100))
        case _:
            return [*tree[:at], mutate_tree(tree[at], chance, names), *tree[at + 1 :]]


def _replaced(node: Any, chance: Random, names: Sequence[str]) -> Any:
    match chance.randrange(6):
        case 0:
            return [node]
        case 1:
            return {chance.choice(names): node}
        case 2:
            return {"#text": node} if not isinstance(node, dict) else list(node.values())
        case 3 if isinstance(node, str):
            return node * chance.choice((0, 2, 1000))
        case 4 if isinstance(node, int | float):
            return str(node)
        case _:
            return chance.choice(ATOMS)
