"""The shape of JSON objects, and reading one by what differs from the last one of its shape.

The shape of an object is its keys and the kinds of their values. A server sends thousands of objects
of one shape, in which a few values change. msgspec decodes an object of a known shape in one step
and rejects all others. Only changed values are read again, by the functions that read them in any
other object. In any doubt UnreadableChangeError is raised, and the object has to be read whole.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from exporter.declare.each import Each
from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import Series
from exporter.declare.leaf_readers import (
    LeafReaders,
    Leaves,
    UnreadableChangeError,
    count_readers,
    find_readers,
)
from exporter.declare.lines import MatchedLine
from exporter.declare.parts import Part
from exporter.declare.paths import Steps

TextLines = Mapping[int, Sequence[MatchedLine]]
"""The lines of each text that has changed since it was learned, by the position of its leaf."""

NO_TEXT_LINES: TextLines = {}

# All targets of a system share the shapes, a handful for each endpoint and kind of item. To make one
# takes up to a millisecond: in a list, every item may have other keys.
_MAX_SHAPES = 512
_MAX_SHAPES_OF_ONE = 64
# Of one shape: about two hundred values, twice as many as any of the built-in systems has. All shapes
# together take 64 MiB at most.
_MAX_COST = 128 * 1024
_BYTES_A_VALUE = 560


class Owner(NamedTuple):
    """The owner of an object's fields: an endpoint, or an `each` for its items."""

    key: Endpoint | Each
    parts: Sequence[Part]
    mapped_paths: Collection[Steps]
    """All paths in the object that are read."""


class Shape:
    """The shape of objects with the same metrics in the same order."""

    def __init__(
        self,
        owner: Owner,
        tree: Any,
        series: Sequence[Series],
        lists: Sequence[Steps] = (),
    ) -> None:
        """Make the shape of an object, or of a list of items.

        `owner` read `series` of it. `lists` are the paths of lists whose items are read one by one.

        Raises:
            ValueError: It has other lists or no value that is read, or its numbers depend on more
                than leaves.
        """
        names: dict[Steps, str] = {}
        is_list = type(tree) is list
        kind = list[msgspec.Raw] if is_list else _struct(tree, (), "", names, lists)
        read = [
            steps
            for steps in names
            if steps not in lists and count_readers(steps, owner.mapped_paths)
        ]
        leaves = [*lists, *read]
        if not leaves:
            raise ValueError("nothing is read")
        self._decode = msgspec.json.Decoder(kind).decode
        # With one name twice attrgetter always returns a tuple.
        self._pick: Callable[[Any], Leaves] = (
            _single_leaf if is_list else attrgetter(*[names[one] for one in (*leaves, leaves[0])])
        )
        self._readers, timed = find_readers(owner.parts, owner.mapped_paths, series, leaves)
        self._readers[: len(lists)] = [LeafReaders() for _ in lists]
        self._timed = {one.position: one for one in timed}

    def leaves(self, body: bytes | msgspec.Raw) -> Leaves:
        """Return the leaves of an object.

        Raises:
            msgspec.MsgspecError, UnicodeDecodeError: It has another shape, or is not JSON.
            RecursionError: An item is nested too deep.
        """
        return self._pick(self._decode(body))

    def update(
        self, before: Leaves, after: Leaves, values: list[float], poll_time: float, texts: TextLines
    ) -> TextLines:
        """Put what has changed from one object to the next into its values; return its lines.

        Raises:
            UnreadableChangeError, FieldError: The object has to be read whole; the values are void.
        """
        computed = self._timed
        for readers, old, new in zip(self._readers, before, after, strict=False):
            if old == new:
                continue
            if readers is None:
                raise UnreadableChangeError
            directs, text, several = readers
            for position, convert in directs:
                found = None if new.__class__ is str and not new.strip() else convert(new)
                if found is None or found - found != 0.0:  # Missing, infinite, or not a number.
                    raise UnreadableChangeError
                values[position] = found
            if text is not None:
                lines = texts.get(text.leaf) or text.lines(old)
                texts = {**texts, text.leaf: text.update(lines, new, values)}
            if several:
                computed = {**computed, **{one.position: one for one in several}}
        for number in computed.values():
            values[number.position] = number.read(after, poll_time)
        return texts


def _single_leaf(items: Any) -> Leaves:
    return (items,)


_shapes: dict[Any, Shape | None] = {}
_UNKNOWN: Any = object()


def shape_of(
    owner: Owner,
    tree: Any,
    series: Sequence[Series],
    lists: Sequence[Steps] = (),
) -> Shape | None:
    """Return the shape of an object, see Shape; None if its changes cannot be read."""
    if _cost(tree) > _MAX_COST:
        return None
    key = (owner.key, _signature(tree), tuple([one[0] for one in series]))
    # The thread that reads large answers uses the shapes as well, and may clear them at any moment.
    shape: Shape | None = _shapes.get(key, _UNKNOWN)
    if shape is not _UNKNOWN:
        return shape
    if sum(one[0] is owner.key for one in (*_shapes,)) >= _MAX_SHAPES_OF_ONE:
        return None
    if len(_shapes) >= _MAX_SHAPES:
        _shapes.clear()
    try:
        shape = Shape(owner, tree, series, lists)
    except ValueError:
        shape = None
    _shapes[key] = shape
    return shape


def _cost(tree: Any) -> int:
    """Return the bytes that the shape of an object takes, as measured with 100,000 keys."""
    if type(tree) is not dict:
        return 0
    return sum([_BYTES_A_VALUE + len(key) + _cost(inner) for key, inner in tree.items()])


def _signature(value: Any) -> Any:
    """Return what objects of one shape have in common."""
    if type(value) is dict:
        return tuple([(key, _signature(inner)) for key, inner in value.items()])
    if type(value) is list:
        return list, bool(value)
    return float if type(value) is int else type(value)


def _struct(
    tree: Mapping[str, Any],
    at: Steps,
    above: str,
    names: dict[Steps, str],
    lists: Collection[Steps],
) -> type[msgspec.Struct]:
    """Return the type of an object, and add the attribute of each of its leaves to `names`."""
    fields: list[tuple[str, Any]] = []
    for number, (key, value) in enumerate(tree.items()):
        name, steps = f"f{number}", (*at, key)
        kind: Any = type(value)
        if kind is dict:
            kind = _struct(value, steps, f"{above}{name}.", names, lists)
        elif steps in lists:
            kind = list[msgspec.Raw]
            names[steps] = f"{above}{name}"
        elif kind is list:
            if value:
                raise ValueError("a list")
            kind = tuple[()]
        elif value is None:
            kind = None
        else:
            kind = int | float if kind in {int, float} else kind
            names[steps] = f"{above}{name}"
        fields.append((name, kind))
    rename = {name: key for (name, _), key in zip(fields, tree, strict=True)}
    return msgspec.defstruct("Shape", fields, rename=rename, forbid_unknown_fields=True, gc=False)
