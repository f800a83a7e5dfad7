"""Answers of a known shape are read by what has changed since the last one.

The shape of an answer is its keys and the kinds of their values. A server sends thousands of answers
of one shape, in which a few values change. msgspec decodes an answer of a known shape in one step
and refuses all others. Only what has changed is read again, by the functions that always read it. In
any doubt there is no result, and the answer has to be read whole.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from exporter.declare.endpoint import Endpoint, parts_of
from exporter.declare.extraction import ExtractContext, Extraction, Labels, Series
from exporter.declare.groups import Within
from exporter.declare.lines import Lines
from exporter.declare.numbers import Number
from exporter.declare.parts import Metric, Part
from exporter.declare.paths import ANY, BELOW, Steps, pointer_steps, resolve
from exporter.errors import FieldError

# Of all endpoints: the releases of a vendor have a handful, which all targets of a system share.
_MAX_SHAPES = 512

Leaves = tuple[Any, ...]
"""The texts, numbers and booleans of an answer that fields read."""


class _UnreadableError(Exception):
    """What has changed cannot be read by itself."""


class _Direct(NamedTuple):
    """A value that one number is read of, and nothing else."""

    position: int
    """That of the number among the samples."""
    convert: Callable[[Any], float | None]

    def update(self, new: Any, values: list[float]) -> None:
        found = None if new.__class__ is str and not new.strip() else self.convert(new)
        if found is None or found - found != 0.0:  # Missing, infinite, or not a number.
            raise _UnreadableError
        values[self.position] = found


@dataclass(frozen=True, eq=False, slots=True)
class _Text:
    """A text that is read line by line, and nothing else is read of it."""

    part: Lines
    directs: Mapping[str, _Direct]
    """By the names of groups."""

    def update(self, before: Mapping[str, str], new: str, values: list[float]) -> Mapping[str, str]:
        """Read the groups that are not those of before, and return all of them."""
        after = self.part.groups_of(new)
        if before.keys() != after.keys() or not self.part.is_status(after):
            raise _UnreadableError
        for name, text in after.items():
            if text != before[name]:
                direct = self.directs.get(name)
                if direct is None:
                    raise _UnreadableError
                direct.update(text, values)
        return after


class _Computed(NamedTuple):
    """A number that is read of several values, or depends on the time of the poll."""

    position: int
    value: Callable[[Any, ExtractContext], float | None]
    places: tuple[tuple[Steps, int], ...]
    """The places that it reads, and which leaf is there."""
    base: Steps
    """Where its paths begin."""

    def read(self, leaves: Leaves, poll_time: float) -> float:
        tree: dict[str, Any] = {}
        for steps, at in self.places:
            inner = tree
            for step in steps[:-1]:
                inner = inner.setdefault(step, {})
            inner[steps[-1]] = leaves[at]
        found = self.value(resolve(tree, self.base), ExtractContext({}, poll_time))
        if found is None or found - found != 0.0:
            raise _UnreadableError
        return found


class _Readers(NamedTuple):
    """What reads one leaf again when it has changed."""

    direct: tuple[_Direct, ...]
    texts: tuple[_Text, ...]
    computed: tuple[_Computed, ...]


class Shape:
    """The shape of answers of an endpoint that give the same metrics in the same order."""

    def __init__(self, endpoint: Endpoint, tree: Any, series: Sequence[Series]) -> None:
        """Make the shape of an answer.

        Raises:
            ValueError: It holds a list or nothing that is read, or depends on too much.
        """
        ways: dict[Steps, str] = {}
        kind = _struct(tree, (), "", ways)
        read = [steps for steps in ways if _count(steps, endpoint.mapped)]
        if not read:
            raise ValueError("nothing is read")
        self._decode = msgspec.json.Decoder(kind).decode
        # With one name twice it returns a tuple always.
        self._pick = attrgetter(*(ways[steps] for steps in (*read, read[0])))
        index = {steps: at for at, steps in enumerate(read)}
        found = [*_readers(endpoint.fields, (), _positions(endpoint, series), index)]
        self.readers = [_readers_of(steps, found, endpoint.mapped) for steps in read]
        """What reads each leaf again; None: if it changes, the answer has to be read whole."""
        timed = [reader for _, reader, is_timed in found if is_timed]
        self.timed = tuple(one for one in timed if isinstance(one, _Computed))
        """The numbers that depend on the time of the poll."""
        metrics = {one[0] for one in series}
        if len(timed) != sum(
            part.uses_poll_time and part.metric in metrics
            for part in parts_of(endpoint.fields)
            if isinstance(part, Number)
        ):
            raise ValueError("more than its values depend on the time of the poll")

    def leaves(self, body: bytes) -> Leaves:
        """Return the leaves of an answer.

        Raises:
            msgspec.MsgspecError, UnicodeDecodeError: It is of another shape, or no JSON.
        """
        leaves: Leaves = self._pick(self._decode(body))
        return leaves


class LastAnswer:
    """The last answer of an endpoint of a target, by which the next is read."""

    __slots__ = ("_groups", "_leaves", "_shape", "extraction")

    def __init__(self, shape: Shape, leaves: Leaves, extraction: Extraction) -> None:
        self._shape = shape
        self._leaves = leaves
        # Of texts that have changed since it was learned: to search the old text once more would take
        # as long as to search the new one.
        self._groups: Mapping[_Text, Mapping[str, str]] = _NO_GROUPS
        self.extraction = extraction

    def read(self, body: bytes, poll_time: float) -> Extraction | None:
        """Read an answer that may be of the same shape; None if it has to be read whole."""
        shape, series, values = self._shape, *self.extraction[:2]
        try:
            leaves = shape.leaves(body)
            changed, groups = [*values], self._groups
            computed = dict.fromkeys(shape.timed) if shape.timed else {}
            if leaves != self._leaves:
                for readers, old, new in zip(shape.readers, self._leaves, leaves, strict=False):
                    if old == new:
                        continue
                    if readers is None:
                        return None
                    for one in readers.direct:
                        one.update(new, changed)
                    for text in readers.texts:
                        before = groups.get(text) or text.part.groups_of(old)
                        groups = {**groups, text: text.update(before, new, changed)}
                    if readers.computed:
                        computed |= dict.fromkeys(readers.computed)
            for number in computed:
                changed[number.position] = number.read(leaves, poll_time)
        except (msgspec.MsgspecError, UnicodeDecodeError, FieldError, _UnreadableError):
            return None
        self._leaves, self._groups = leaves, groups
        self.extraction = Extraction(series, tuple(changed))
        return self.extraction


_NO_GROUPS: Mapping[_Text, Mapping[str, str]] = {}
_shapes: dict[Any, Shape | None] = {}


def learn(endpoint: Endpoint, tree: Any, extraction: Extraction, body: bytes) -> LastAnswer | None:
    """Return the answer for `LastAnswer.read`, where it is a JSON object without lists.

    `tree` and `extraction` are what the answer gave when it was read whole.
    """
    if type(tree) is not dict or extraction.faults or extraction.dropped_items:
        return None
    metrics = tuple(one[0] for one in extraction.series)
    key = (endpoint, _signature(tree), metrics)
    if key not in _shapes:
        if len(_shapes) >= _MAX_SHAPES:
            _shapes.clear()
        try:
            _shapes[key] = Shape(endpoint, tree, extraction.series)
        except ValueError:
            _shapes[key] = None
    shape = _shapes[key]
    if shape is None:
        return None
    try:
        return LastAnswer(shape, shape.leaves(body), extraction._replace(unmapped=None))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _positions(endpoint: Endpoint, series: Sequence[Series]) -> dict[Number, int]:
    """Return the numbers that give one sample, which nothing else can give, and its position."""
    given: dict[tuple[str, Labels], list[Metric]] = {}
    for part in parts_of(endpoint.fields):
        if isinstance(part, Metric):
            own = tuple((name, rule.fixed or "") for name, rule in part.labels.items())
            given.setdefault((part.metric, own), []).append(part)
    found = {}
    for (metric, own), parts in given.items():
        at = [
            position
            for position, (name, labels) in enumerate(series)
            if name == metric and labels[len(labels) - len(own) :] == own
        ]
        if len(parts) == len(at) == 1 and isinstance(parts[0], Number):
            found[parts[0]] = at[0]
    return found


_Found = tuple[Steps, _Direct | _Text | _Computed, bool]
"""A leaf with what reads it, and False; or of a number that depends on the time of the poll, True."""


def _readers(
    parts: Iterable[Part], base: Steps, positions: Mapping[Number, int], leaves: Mapping[Steps, int]
) -> Iterator[_Found]:
    """Yield what reads each leaf, as far as it can be read by itself."""
    for part in parts:
        if isinstance(part, Within) and part.parse is None:
            yield from _readers(part.inner(), base + pointer_steps(part.within), positions, leaves)
        elif isinstance(part, Lines):
            mapped = [steps for one in part.inner() for steps in one.mapped()]
            groups = {steps: 0 for steps in mapped if mapped.count(steps) == 1}
            directs = {
                steps[0]: reader
                for steps, reader, _ in _readers(part.inner(), (), positions, groups)
                if isinstance(reader, _Direct)
            }
            yield base + pointer_steps(part.lines), _Text(part, directs), False
        elif isinstance(part, Number) and part in positions and part.is_of_its_paths:
            places = tuple(
                (steps, leaves[steps])
                for steps in dict.fromkeys(base + steps for steps in part.mapped())
                if steps in leaves
            )
            convert = part.compile_convert()
            reader: _Direct | _Computed
            if convert and len(places) == 1:
                reader = _Direct(positions[part], convert)
            else:
                reader = _Computed(positions[part], part.compile_value(), places, base)
            for steps, _ in places:
                yield steps, reader, False
            if part.uses_poll_time:
                yield (), reader, True


def _readers_of(steps: Steps, found: list[_Found], mapped: Iterable[Steps]) -> _Readers | None:
    of_leaf = [reader for place, reader, _ in found if place == steps]
    if len(of_leaf) != _count(steps, mapped):
        return None  # Something else depends on it.
    return _Readers(
        tuple(one for one in of_leaf if isinstance(one, _Direct)),
        tuple(one for one in of_leaf if isinstance(one, _Text)),
        tuple(one for one in of_leaf if isinstance(one, _Computed)),
    )


def _signature(value: Any) -> Any:
    """Return what answers of one shape have in common."""
    if type(value) is dict:
        return tuple([(key, _signature(inner)) for key, inner in value.items()])
    if type(value) is list:
        return list, bool(value)
    return float if type(value) is int else type(value)


def _struct(
    tree: Mapping[str, Any], at: Steps, above: str, ways: dict[Steps, str]
) -> type[msgspec.Struct]:
    """Return the type of an object, and add the way to each of its leaves."""
    fields: list[tuple[str, Any]] = []
    for number, (key, value) in enumerate(tree.items()):
        name, steps = f"f{number}", (*at, key)
        kind: Any = type(value)
        if kind is dict:
            kind = _struct(value, steps, f"{above}{name}.", ways)
        elif kind is list:
            if value:
                raise ValueError("a list")
            kind = tuple[()]
        elif value is None:
            kind = None
        else:
            kind = int | float if kind in {int, float} else kind
            ways[steps] = f"{above}{name}"
        fields.append((name, kind))
    rename = {name: key for (name, _), key in zip(fields, tree, strict=True)}
    return msgspec.defstruct("Shape", fields, rename=rename, forbid_unknown_fields=True, gc=False)


def _count(steps: Steps, places: Iterable[Steps]) -> int:
    return sum(_matches(steps, place) for place in places)


def _matches(steps: Steps, place: Steps) -> bool:
    """Return whether a leaf is at a place, or below one that is read whole."""
    if place[-1:] == (BELOW,):
        place = place[:-1]
        steps = steps[: len(place)]
    return len(steps) == len(place) and all(
        wanted in {step, ANY} for step, wanted in zip(steps, place, strict=True)
    )
