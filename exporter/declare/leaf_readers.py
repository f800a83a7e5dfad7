"""Readers of single values of an object, for the values that have changed since the last object."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from exporter.declare.extraction import ExtractContext, Labels, Series
from exporter.declare.groups import FieldGroup, Within
from exporter.declare.lines import MAX_TEXT, Lines, MatchedLine
from exporter.declare.numbers import Number
from exporter.declare.parts import Metric, Part
from exporter.declare.paths import ANY, BELOW, POLL_TIME, Steps, pointer_steps, resolve

Leaves = tuple[Any, ...]
"""The texts, numbers and booleans of an object that fields read; before them its lists of items."""


class UnreadableChangeError(Exception):
    """The object cannot be read by its changes."""


class DirectNumber(NamedTuple):
    """A number that depends on a single leaf."""

    position: int
    """Of the number among the values."""
    convert: Callable[[Any], float | None]


class ComputedNumber(NamedTuple):
    """A number that depends on several leaves, or on the time of the poll."""

    position: int
    value: Callable[[Any, ExtractContext], float | None]
    leaves: tuple[tuple[Steps, int], ...]
    """The path of each leaf that it reads, and the leaf's position."""
    base: Steps
    """Where the paths of the field begin."""

    def read(self, leaves: Leaves, poll_time: float) -> float:
        """Return the number; may raise FieldError or UnreadableChangeError."""
        tree: dict[str, Any] = {}
        for steps, at in self.leaves:
            inner = tree
            for step in steps[:-1]:
                inner = inner.setdefault(step, {})
            inner[steps[-1]] = leaves[at]
        found = self.value(resolve(tree, self.base), ExtractContext({}, poll_time))
        if found is None or found - found != 0.0:  # Missing, infinite, or not a number.
            raise UnreadableChangeError
        return found


class StatusText(NamedTuple):
    """A leaf whose lines are matched against patterns."""

    part: Lines
    leaf: int
    """The position of the leaf."""
    directs: Mapping[str, DirectNumber]
    """By the names of groups."""

    def update(
        self, before: Sequence[MatchedLine], text: str, values: list[float]
    ) -> Sequence[MatchedLine]:
        """Read the groups that have changed, and return all lines.

        Raises:
            UnreadableChangeError, FieldError: The lines have other groups, or no numbers.
        """
        texts = self.part.split(text)
        if len(text) > MAX_TEXT or len(texts) != len(before):
            raise UnreadableChangeError
        lines = [*before]
        for at, (old, new) in enumerate(zip(before, texts, strict=True)):
            if new == old.text:
                continue
            lines[at] = line = self.part.match_line(new)
            groups, old_groups = line.groups, old.groups
            if groups.keys() != old_groups.keys():
                raise UnreadableChangeError
            for name, group in groups.items():
                if group == old_groups[name]:
                    continue
                direct = self.directs.get(name)
                found = direct.convert(group) if direct else None
                if direct is None or found is None or found - found != 0.0:
                    raise UnreadableChangeError
                values[direct.position] = found
        return lines

    def lines(self, text: str) -> Sequence[MatchedLine]:
        """Return the lines of a text that can be compared with those of the next."""
        lines = [self.part.match_line(line) for line in self.part.split(text)]
        names = [name for line in lines for name in line.groups]
        if len(set(names)) < len(names) or not self.part.is_status(names):
            raise UnreadableChangeError
        return lines


class LeafReaders(NamedTuple):
    """The readers of one leaf."""

    directs: tuple[DirectNumber, ...] = ()
    text: StatusText | None = None
    computed: tuple[ComputedNumber, ...] = ()


LeafReader = DirectNumber | StatusText | ComputedNumber | None
"""None for a number that does not depend on the leaf, since a path before that of the leaf exists."""


def find_readers(
    parts: Sequence[Part],
    mapped: Collection[Steps],
    series: Sequence[Series],
    leaves: Sequence[Steps],
) -> tuple[list[LeafReaders | None], tuple[ComputedNumber, ...]]:
    """Return the readers of each leaf, and the numbers that depend on the time of the poll.

    A leaf has no readers if something else depends on it as well. See `shapes.Shape` for the
    arguments.

    Raises:
        ValueError: Something else depends on the time of the poll.
    """
    index = {steps: at for at, steps in enumerate(leaves)}
    found = [*_readers(parts, (), _positions(parts, series), index)]
    timed = tuple(one for steps, one in found if not steps and isinstance(one, ComputedNumber))
    metrics = {one[0] for one in series}
    if len(timed) != sum(one.metric in metrics for one in timed_numbers(parts)):
        raise ValueError("more than its values depend on the time of the poll")
    return [_readers_of(steps, found, mapped) for steps in leaves], timed


def timed_numbers(parts: Iterable[Part]) -> Iterator[Number]:
    """Yield the numbers that depend on the time of the poll, those within groups included."""
    for part in parts:
        if isinstance(part, Number) and part.uses_poll_time:
            yield part
        elif isinstance(part, FieldGroup):
            yield from timed_numbers(part.inner())


def _metrics(parts: Iterable[Part]) -> Iterator[Metric]:
    for part in parts:
        if isinstance(part, Metric):
            yield part
        elif isinstance(part, FieldGroup):
            yield from _metrics(part.inner())


def _positions(parts: Iterable[Part], series: Sequence[Series]) -> dict[Number, int]:
    """Return the numbers with exactly one sample, which no other part can have, and its position."""
    given: dict[tuple[str, Labels], list[Metric]] = {}
    for part in _metrics(parts):
        own = tuple((name, rule.fixed or "") for name, rule in part.labels.items())
        given.setdefault((part.metric, own), []).append(part)
    found = {}
    for (metric, own), candidates in given.items():
        at = [
            position
            for position, (name, labels) in enumerate(series)
            if name == metric and labels[len(labels) - len(own) :] == own
        ]
        if len(candidates) == len(at) == 1 and isinstance(candidates[0], Number):
            found[candidates[0]] = at[0]
    return found


def _readers(
    parts: Iterable[Part], base: Steps, positions: Mapping[Number, int], leaves: Mapping[Steps, int]
) -> Iterator[tuple[Steps, LeafReader]]:
    """Yield each leaf, () for the time of the poll, with a reader of a number that depends on it."""
    for part in parts:
        if isinstance(part, Within) and part.parse is None:
            yield from _readers(part.inner(), base + pointer_steps(part.within), positions, leaves)
        elif isinstance(part, Lines):
            mapped = [steps for one in part.inner() for steps in one.mapped_paths()]
            groups = {steps: 0 for steps in mapped if mapped.count(steps) == 1}
            directs = {
                steps[0]: reader
                for steps, reader in _readers(part.inner(), (), positions, groups)
                if isinstance(reader, DirectNumber)
            }
            steps = base + pointer_steps(part.lines)
            if steps in leaves:
                yield steps, StatusText(part, leaves[steps], directs)
        elif isinstance(part, Number) and part in positions and part.is_of_its_paths:
            yield from _number_readers(part, base, positions[part], leaves)


def _number_readers(
    part: Number, base: Steps, position: int, leaves: Mapping[Steps, int]
) -> Iterator[tuple[Steps, LeafReader]]:
    mapped = dict.fromkeys(base + steps for steps in part.mapped_paths())
    places = tuple((steps, leaves[steps]) for steps in mapped if steps in leaves)
    first = _first_leaf(part, base, leaves)
    if first is not None:
        direct = DirectNumber(position, part.compile_convert())
        for steps, _ in places:
            yield steps, direct if steps == first else None
        return
    computed = ComputedNumber(position, part.compile_value(), places, base)
    for steps, _ in places:
        yield steps, computed
    if part.uses_poll_time:
        yield (), computed


def _first_leaf(part: Number, base: Steps, leaves: Mapping[Steps, int]) -> Steps | None:
    """Return the leaf that alone decides on a number; None if there may be several."""
    for path in part.path or ():
        if not isinstance(path, str) or path == POLL_TIME:
            return None
        steps = base + pointer_steps(path)
        if steps in leaves:
            return steps
    return None


def _readers_of(
    steps: Steps, found: Sequence[tuple[Steps, LeafReader]], mapped: Collection[Steps]
) -> LeafReaders | None:
    readers = [reader for place, reader in found if place == steps]
    texts = [one for one in readers if isinstance(one, StatusText)]
    if len(readers) != count_readers(steps, mapped) or len(texts) > 1:
        return None
    return LeafReaders(
        tuple(one for one in readers if isinstance(one, DirectNumber)),
        texts[0] if texts else None,
        tuple(one for one in readers if isinstance(one, ComputedNumber)),
    )


def count_readers(steps: Steps, mapped: Iterable[Steps]) -> int:
    """Return how many of the mapped paths are this one, or a path above it that is read whole."""
    return sum(is_mapped_by(steps, place) for place in mapped)


def is_mapped_by(steps: Steps, place: Steps) -> bool:
    """Return whether a mapped path is this one, or a path above it that is read whole."""
    if place[-1:] == (BELOW,):
        place = place[:-1]
        steps = steps[: len(place)]
    return len(steps) == len(place) and all(
        wanted in {step, ANY} for step, wanted in zip(steps, place, strict=True)
    )
