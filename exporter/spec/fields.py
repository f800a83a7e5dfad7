"""The kinds of fields: what is read of an answer, and which metric it becomes."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal

from exporter.errors import SpecError
from exporter.readers import READERS, TEXT_READERS, Reader, TextReader, number
from exporter.spec.family import KEY, POLL_TIME, Family, Kind, Paths, check_paths, source_of

Merge = Literal["sum", "least", "most"]
"""What becomes of one series that several items of an Each give."""


@dataclass(frozen=True)
class Gauge:
    """A number that may fall. `default` is given where the vendor leaves a known value out.

    `merge` is for fields within Each alone.
    """

    name: str
    paths: Paths
    _: KW_ONLY
    help: str
    read: Reader = number
    labels: Mapping[str, str] = field(default_factory=dict)
    default: float | None = None
    merge: Merge | None = None

    kind: ClassVar[Kind] = "gauge"

    def families(self) -> Iterator[Family]:
        """Yield the one family."""
        reading = f"{self.merge} of {self.read.__name__}" if self.merge else self.read.__name__
        yield _family(self, self.kind, tuple(self.labels), self.paths, reading)


@dataclass(frozen=True)
class Counter(Gauge):
    """A total that only grows until the vendor restarts it."""

    kind: ClassVar[Kind] = "counter"


@dataclass(frozen=True)
class Match:
    """A gauge that is 1 where the text is `equals`, else 0."""

    name: str
    paths: Paths
    _: KW_ONLY
    help: str
    equals: str

    def families(self) -> Iterator[Family]:
        """Yield the one family."""
        yield _family(self, "gauge", (), self.paths, f'is "{self.equals}"')


@dataclass(frozen=True)
class States:
    """One gauge a known state and one for `unknown`, of which exactly one is 1.

    With `numbered`, the vendor sends the place of the state in `states`, counted from 0; places
    past the last mean the last. Otherwise it sends the name, in any case.
    """

    name: str
    paths: Paths
    _: KW_ONLY
    help: str
    states: tuple[str, ...]
    label: str = "state"
    numbered: bool = False

    def families(self) -> Iterator[Family]:
        """Yield the one family."""
        reading = f"{'number' if self.numbered else 'name'} of {', '.join(self.states)}"
        yield _family(self, "gauge", (self.label,), self.paths, reading)


@dataclass(frozen=True)
class Info:
    """A constant 1 whose labels say what a number cannot; a label that is empty is left out.

    Labels are read as text, save those that `reads` names another reader for. `when` limits it to targets whose parameter of that name has that value.
    """

    name: str
    labels: Mapping[str, Paths]
    _: KW_ONLY
    help: str
    reads: Mapping[str, TextReader] = field(default_factory=dict)
    when: tuple[str, str] | None = None

    def families(self) -> Iterator[Family]:
        """Yield the one family."""
        paths = tuple(path for paths in self.labels.values() for path in paths)
        for label in self.reads.keys() - self.labels.keys():
            raise SpecError(f"{self.name}: there is no label {label!r} to read")
        family = _family(self, "info", tuple(self.labels), paths, "text")
        places = (f"{label}: {source_of(paths)}" for label, paths in self.labels.items())
        yield replace(family, source="; ".join(places))


@dataclass(frozen=True)
class Part:
    """A gauge that is 1 where an object of its own is there and free of error, and what it holds.

    The inner `fields` have paths within the object, and are read only where the gauge is 1.
    `error` is the path, within the object, whose presence makes it a failure. `silent` names a
    place outside and a number at which the inner fields are not read, whatever they say. `when`
    limits it to targets whose parameter of that name has that value.
    """

    name: str
    path: str
    _: KW_ONLY
    help: str
    fields: "tuple[Plain, ...]"
    error: str | None = None
    silent: tuple[str, float] | None = None
    when: tuple[str, str] | None = None

    def families(self) -> Iterator[Family]:
        """Yield the gauge's own family, then those within."""
        places = (self.error, self.silent[0] if self.silent else None)
        check_paths(self.name, tuple(place for place in places if place is not None))
        check_alone(self.fields)
        yield _family(self, "gauge", (), (self.path,), "is there, without error")
        yield from _within(self.fields, self.path)


@dataclass(frozen=True, eq=False)
class Lines:
    """A gauge that is 1 where a text holds what it should, and the fields found in its lines.

    Each line is held against every pattern from its start to its end; the patterns' named groups
    become the keys that the inner `fields` have their paths in. The gauge is 1 where one of
    `shown_by` was found. A text that is one of `absent` (patterns too) is a plain 0; anything
    else that shows nothing, or no text at all, is 0 and a fault.
    """

    name: str
    path: str
    _: KW_ONLY
    help: str
    fields: "tuple[Plain, ...]"
    lines: tuple[str, ...]
    shown_by: tuple[str, ...]
    absent: tuple[str, ...]

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """The compiled `lines`."""
        return tuple(re.compile(line, re.ASCII) for line in self.lines)

    @cached_property
    def absent_pattern(self) -> re.Pattern[str]:
        """The compiled `absent`, as one."""
        return re.compile("|".join(f"(?:{line})" for line in self.absent), re.ASCII | re.DOTALL)

    def families(self) -> Iterator[Family]:
        """Yield the gauge's own family, then those within."""
        check_alone(self.fields)
        yield _family(self, "gauge", (), (self.path,), "is a status text")
        yield from _within(self.fields, self.path)


@dataclass(frozen=True)
class Count:
    """How many items of an Each there are, of each combination of its labels."""

    name: str
    _: KW_ONLY
    help: str

    def families(self) -> Iterator[Family]:
        """Yield the one family."""
        yield _family(self, "gauge", (), (), "number of items")


@dataclass(frozen=True)
class Each:
    """The fields of every item of a list, or of every value of an object, that stands at `path`.

    The empty path is the whole answer. `labels` are read from each item, KEY among them, and put
    on its series; the inner `fields` have paths within the item. `where` names a place in the
    item and the text that must stand there, in any case, for the item to be taken. What comes
    after `most` items is dropped and counted.
    """

    path: str
    _: KW_ONLY
    fields: "tuple[Item, ...]"
    labels: Mapping[str, Paths] = field(default_factory=dict)
    where: tuple[str, str] | None = None
    most: int = 1000

    @property
    def name(self) -> str:
        """The metric that stands for all of them where the list cannot be read."""
        return self.fields[0].name

    def families(self) -> Iterator[Family]:
        """Yield the families within."""
        if not self.fields:
            raise SpecError(f"{self.path or 'the whole answer'}: there are no fields for its items")
        paths = (path for paths in self.labels.values() for path in paths)
        check_paths(self.path or "each", tuple(paths), KEY)
        others = (self.path, self.where[0] if self.where else "")
        check_paths(self.path or "each", tuple(path for path in others if path))
        only = f" where {self.where[0]} is {self.where[1]}" if self.where else ""
        for family in _within(self.fields, f"{self.path}[*]{only}"):
            yield replace(family, labels=(*self.labels, *family.labels))


Plain = Gauge | Match | States | Info
Item = Plain | Part | Count | Each
Field = Item | Lines


def check_alone(fields: "tuple[Field, ...]") -> None:
    """Raise SpecError where a field that goes with the items of an Each stands outside of one."""
    for one in fields:
        if isinstance(one, Count) or (isinstance(one, Gauge) and one.merge):
            what = "a count" if isinstance(one, Count) else "merge"
            raise SpecError(f"{one.name}: {what} is for the fields of an each")


def _within(fields: "tuple[Item, ...]", path: str) -> Iterator[Family]:
    for one in fields:
        for family in one.families():
            yield replace(family, source=f"{path} > {family.source}" if family.source else path)


def _family(
    one: Gauge | Match | States | Info | Part | Lines | Count,
    kind: Kind,
    labels: tuple[str, ...],
    paths: Paths,
    reading: str,
) -> Family:
    if isinstance(one, Gauge) and one.read not in READERS:
        raise SpecError(f"{one.name}: {one.read.__name__} is not one of the named readers")
    if isinstance(one, Info) and not TEXT_READERS.issuperset(one.reads.values()):
        raise SpecError(f"{one.name}: a label's reader is not one of the named readers")
    check_paths(one.name, paths, *([POLL_TIME] if isinstance(one, Gauge) else []))
    return Family(one.name, kind, one.help, labels, source_of(paths), reading)
