"""A tree and its endpoint go in; the places come out that no declared field takes.

What a vendor adds or renames shows here first, and while it is still time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from exporter.spec import Difference, Each, Endpoint, Field, Info, Lines, Part, Paths

_PLACE_IN_LIST = re.compile(r"/\d+(?=/|$)", re.ASCII)
# Of a list whose every item has something new, some are enough to tell.
_MOST = 200


@dataclass(frozen=True)
class _Taken:
    places: set[str] = field(default_factory=set)
    lists: "list[tuple[str, _Taken]]" = field(default_factory=list)

    def without(self, pointer: str) -> str | None:
        """Return the place as it is told, with `*` for the items of an Each; None: it is taken."""
        if pointer in self.places:
            return None
        told = pointer
        for path, inner in self.lists:
            if pointer.startswith(f"{path}/"):
                _, slash, rest = pointer.removeprefix(f"{path}/").partition("/")
                left = inner.without(slash + rest)
                if left is None:
                    return None
                told = f"{path}/*{left}" if left else pointer
        return told


def untaken(tree: Any, endpoint: Endpoint) -> list[str]:
    """Return the places of the values that no field takes, each once, at most 200.

    They are JSON Pointers with `*` for the items of a list or an Each, which are alike.
    """
    taken = _taken(endpoint)
    found: dict[str, None] = {}
    seen: set[str] = set()
    for pointer in _leaves(tree, ""):
        if pointer in seen:
            continue
        seen.add(pointer)
        told = taken.without(pointer)
        if told is not None:
            found[told] = None
            if len(found) == _MOST:
                break
    return list(found)


@lru_cache(maxsize=1024)
def _taken(endpoint: Endpoint) -> _Taken:
    taken = _Taken()
    for paths in endpoint.labels.values():
        taken.places.update(_places(paths))
    if endpoint.refusal:
        taken.places.update(_places(endpoint.refusal.paths))
    for one in endpoint.fields:
        _add(one, "", taken)
    return taken


def _add(one: Field, prefix: str, taken: _Taken) -> None:
    match one:
        case Each():
            inner = _Taken({place for paths in one.labels.values() for place in _places(paths)})
            if one.where:
                inner.places.add(one.where[0])
            for field_ in one.fields:
                _add(field_, "", inner)
            taken.lists.append((prefix + one.path, inner))
        case Part():
            if one.error:
                taken.places.add(prefix + one.path + one.error)
            if one.silent:
                taken.places.add(prefix + one.silent[0])
            taken.places.add(prefix + one.path)
            for field_ in one.fields:
                _add(field_, prefix + one.path, taken)
        case Lines():
            taken.places.add(prefix + one.path)
        case Info():
            taken.places.update(
                prefix + place for paths in one.labels.values() for place in _places(paths)
            )
        case _:
            taken.places.update(prefix + place for place in _places(getattr(one, "paths", ())))


def _places(paths: Paths) -> Iterator[str]:
    for path in paths:
        for pointer in (path.of, path.less) if isinstance(path, Difference) else (path,):
            yield _PLACE_IN_LIST.sub("/*", pointer)


def _leaves(tree: Any, prefix: str) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _leaves(value, f"{prefix}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(tree, list):
        for value in tree:
            yield from _leaves(value, f"{prefix}/*")
    else:
        yield prefix
