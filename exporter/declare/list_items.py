"""The items of a list, each read by what differs from the item at its index in the last answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from exporter.declare.each import Each
from exporter.declare.extraction import ExtractContext, Fault, Series
from exporter.declare.groups import Within
from exporter.declare.leaf_readers import (
    Leaves,
    UnreadableChangeError,
    is_mapped_by,
    timed_numbers,
)
from exporter.declare.parts import Part
from exporter.declare.paths import ANY, Steps, pointer_steps, resolve
from exporter.declare.shapes import NO_TEXT_LINES, Owner, Shape, shape_of
from exporter.errors import FieldError

# Brackets of an item, and levels above a list: deeper items are left to the strict reader.
_MAX_BRACKETS = 32
# The time of the poll: no item depends on it.
_NO_TIME = 0.0


class ListItem(NamedTuple):
    """An item of the last answer."""

    shape: Shape | None
    """None if the item has to be read whole whenever it changes."""
    leaves: Leaves
    series: tuple[Series, ...]
    values: tuple[float, ...]
    faults: tuple[Fault, ...]


class ItemList:
    """A list of an answer that a single `each` reads, and that nothing else depends on."""

    def __init__(self, steps: Steps, part: Each) -> None:
        self.steps = steps
        self.metrics = frozenset(family.name for family in part.families())
        self._part = part
        self._owner = Owner(part, part.inner(), tuple(part.item_paths()))
        self._read_item = part.compile_item()

    def read(
        self,
        raws: Sequence[msgspec.Raw],
        params: Mapping[str, str],
        last_raws: Sequence[msgspec.Raw] = (),
        last: Sequence[ListItem] = (),
    ) -> list[ListItem]:
        """Read the items of a list; `last` are the items of the previous list.

        Raises:
            UnreadableChangeError, msgspec.MsgspecError, UnicodeDecodeError: The whole answer has to
                be read by the strict reader.
        """
        if len(raws) > self._part.limit:
            raise UnreadableChangeError
        items = []
        for raw, old_raw, old in zip(raws, last_raws, last, strict=False):
            if raw == old_raw:
                items.append(old)
            else:
                at = len(items)
                changed = _read_changes(old, raw)
                items.append(changed or self._read_whole(at, raw, params, old.series))
        known = len(items)
        items += [self._read_whole(at, raw, params) for at, raw in enumerate(raws[known:], known)]
        return items

    def _read_whole(
        self,
        at: int,
        raw: msgspec.Raw,
        params: Mapping[str, str],
        last_series: tuple[Series, ...] = (),
    ) -> ListItem:
        text = bytes(raw)
        if text.count(b"{") + text.count(b"[") > _MAX_BRACKETS:
            raise UnreadableChangeError
        tree = msgspec.json.decode(text)
        context = ExtractContext(params, _NO_TIME)
        context.key = str(at)
        self._read_item(tree, context)
        if context.dropped_items:
            raise UnreadableChangeError
        series, values = tuple(context.series), tuple(context.values)
        shape = None
        if type(tree) is dict and not context.faults:
            shape = shape_of(self._owner, tree, series)
        return ListItem(
            shape,
            shape.leaves(text) if shape else (),
            last_series if series == last_series else series,
            values,
            tuple(context.faults),
        )


def _read_changes(old: ListItem, raw: msgspec.Raw) -> ListItem | None:
    """Return the next item, read by its changes; None if that is impossible."""
    shape = old.shape
    if shape is None:
        return None
    values = [*old.values]
    try:
        leaves = shape.leaves(raw)
        shape.update(old.leaves, leaves, values, _NO_TIME, NO_TEXT_LINES)
    except (msgspec.MsgspecError, UnicodeDecodeError, FieldError, UnreadableChangeError):
        return None
    return ListItem(shape, leaves, old.series, tuple(values), ())


def find_lists(parts: Iterable[Part], mapped: Sequence[Steps], tree: Any) -> list[ItemList]:
    """Return the lists of an answer whose items can be read one by one."""
    return [
        ItemList(steps, part)
        for steps, part in _plain_eaches(parts, ())
        if type(found := resolve(tree, steps)) is list and found and _is_alone(steps, part, mapped)
    ]


def _plain_eaches(parts: Iterable[Part], base: Steps) -> Iterator[tuple[Steps, Each]]:
    """Yield each `each` that no condition excludes, and the path of its items."""
    for part in parts:
        if part.when is not None:
            continue
        if isinstance(part, Each) and isinstance(part.each, str) and part.only != "object":
            yield base + pointer_steps(part.each), part
        elif isinstance(part, Within) and not (
            part.parse or part.labels or part.where or part.unless or part.refusal
        ):
            yield from _plain_eaches(part.inner(), base + pointer_steps(part.within))


def _is_alone(steps: Steps, part: Each, mapped: Sequence[Steps]) -> bool:
    """Return whether only the `each` depends on the list, and the `each` only on the list."""
    inside = [
        place
        for place in mapped
        if is_mapped_by(steps, place) or is_mapped_by(steps, place[: len(steps)])
    ]
    return (
        len(inside) == len([*part.item_paths()])
        and all(place[len(steps) : len(steps) + 1] == (ANY,) for place in inside)
        and len(steps) < _MAX_BRACKETS
        and not part.merges
        and not any(timed_numbers([part]))
    )
