"""The words that systems are declared in: what stands where in an answer, and which metric it is.

A path is a JSON Pointer (RFC 6901); keys with blanks need no quoting. A field may list several
paths, and the first one that is there wins, so that one declaration serves every dialect of a
vendor. `null` counts as not there. XML answers become the same tree as JSON ones, so paths serve
both. A mistake in a declaration raises SpecError when the program starts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal

from exporter.errors import SpecError
from exporter.readers import READERS, TEXT_READERS, Reader, TextReader, number

Kind = Literal["gauge", "counter", "info"]
Format = Literal["json", "xml"]

POLL_TIME = "@poll_time"
"""A pseudo path: the middle of the request by this machine's clock, in Unix seconds."""

_METRIC = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LABEL = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
# Suffixes that mean something to Prometheus or OpenMetrics, and the one kind that may bear each.
_SUFFIX_OWNERS: Mapping[str, Kind | None] = {
    "_total": "counter",
    "_info": "info",
    "_count": None,
    "_sum": None,
    "_bucket": None,
    "_created": None,
}
# Labels every series about a target bears, or that Prometheus gives a meaning to.
_RESERVED_LABELS = frozenset({"target", "system", "job", "instance", "le", "quantile", "reason"})


@dataclass(frozen=True)
class Difference:
    """One place less another, both of the field's own reading; there only when both are."""

    of: str
    less: str


Path = str | Difference
Paths = tuple[Path, ...]


@dataclass(frozen=True)
class Family:
    """One metric as Prometheus sees it; `labels` are those beyond the target's own."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    source: str
    reading: str


@dataclass(frozen=True)
class Gauge:
    """A number that may fall. `default` is given where the vendor leaves a known value out."""

    name: str
    paths: Paths
    _: KW_ONLY
    help: str
    read: Reader = number
    labels: Mapping[str, str] = field(default_factory=dict)
    default: float | None = None

    kind: ClassVar[Kind] = "gauge"

    def families(self) -> Iterator[Family]:
        """Yield the one family."""
        yield _family(self, self.kind, tuple(self.labels), self.paths, self.read.__name__)


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
        family = _family(self, "info", tuple(self.labels), paths, "text")
        places = (f"{label}: {_source(paths)}" for label, paths in self.labels.items())
        yield replace(family, source="; ".join(places))


@dataclass(frozen=True)
class Part:
    """A gauge that is 1 where an object of its own is there and free of error, and what it holds.

    The inner `fields` have paths within the object, and are read only where the gauge is 1.
    `error` is the path, within the object, whose presence makes it a failure. `silent` names a
    place outside and a number at which the inner fields are not read, whatever they say.
    """

    name: str
    path: str
    _: KW_ONLY
    help: str
    fields: "tuple[Plain, ...]"
    error: str
    silent: tuple[str, float]
    when: tuple[str, str]

    def families(self) -> Iterator[Family]:
        """Yield the gauge's own family, then those within."""
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
        yield _family(self, "gauge", (), (self.path,), "is a status text")
        yield from _within(self.fields, self.path)


Plain = Gauge | Match | States | Info
Field = Plain | Part | Lines


@dataclass(frozen=True)
class Param:
    """Something a target must or may say for its system, under `params`.

    A `path` parameter fills its place in the endpoint's path, a `query` one is sent in the query
    string, and a `switch` only decides which fields are read. Without `default` it is required.
    """

    name: str
    used_in: Literal["path", "query", "switch"]
    _: KW_ONLY
    help: str
    default: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """How a vendor reports an error in an answer 200: a true `error`, or a false `success`."""

    _: KW_ONLY
    error: str
    success: str
    message: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Endpoint:
    """One status URL: `path` below the target's URL, with places for `{param}`.

    `context` goes before `path` where the target's URL has no path of its own. `roots` are keys
    to look for in wrapper objects where they do not stand at the top. `labels` are read from the
    answer and put on each of its series.
    """

    path: str
    fields: tuple[Field, ...]
    context: str = ""
    formats: tuple[Format, ...] = ("json",)
    headers: Mapping[str, str] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    labels: Mapping[str, Paths] = field(default_factory=dict)
    refusal: Refusal | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A vendor product: how it is known, where to ask, and what the answers mean."""

    name: str
    title: str
    url_help: str
    endpoints: tuple[Endpoint, ...]
    params: tuple[Param, ...] = ()

    def __post_init__(self) -> None:
        for family in self.families:
            _check(self, family)

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Every family of the system, once, in the order of declaration."""
        found: dict[str, Family] = {}
        for endpoint in self.endpoints:
            for one in endpoint.fields:
                for family in one.families():
                    known = found.get(family.name)
                    labels = tuple(endpoint.labels) + family.labels
                    if known is None:
                        found[family.name] = replace(family, labels=labels)
                        continue
                    if (known.kind, known.help, known.labels) != (family.kind, family.help, labels):
                        raise SpecError(f"{family.name} is declared in two different ways")
                    source = f"{known.source}, {family.source}"
                    found[family.name] = replace(known, source=source)
        return tuple(found.values())

    @cached_property
    def labels(self) -> frozenset[str]:
        """The labels that the system's metrics use, which targets cannot use for their own."""
        return frozenset(label for family in self.families for label in family.labels)


def family_of(name: str, kind: Kind) -> str:
    """Return the name OpenMetrics gives the family: a counter's and an info's lose their suffix."""
    return name.removesuffix({"counter": "_total", "info": "_info", "gauge": ""}[kind])


def _within(fields: tuple[Plain, ...], path: str) -> Iterator[Family]:
    for one in fields:
        for family in one.families():
            yield replace(family, source=f"{path} > {family.source}")


def _family(
    one: Gauge | Match | States | Info | Part | Lines,
    kind: Kind,
    labels: tuple[str, ...],
    paths: Paths,
    reading: str,
) -> Family:
    if isinstance(one, Gauge) and one.read not in READERS:
        raise SpecError(f"{one.name}: {one.read.__name__} is not one of the named readers")
    if isinstance(one, Info) and not TEXT_READERS.issuperset(one.reads.values()):
        raise SpecError(f"{one.name}: a label's reader is not one of the named readers")
    for path in paths:
        for pointer in (path.of, path.less) if isinstance(path, Difference) else (path,):
            if pointer != POLL_TIME and not pointer.startswith("/"):
                raise SpecError(f"{one.name}: the path {pointer!r} does not begin with /")
    return Family(one.name, kind, one.help, labels, _source(paths), reading)


def _source(paths: Paths) -> str:
    return " or ".join(
        f"{path.of} - {path.less}" if isinstance(path, Difference) else path for path in paths
    )


def _check(system: System, family: Family) -> None:
    name = family.name
    if not _METRIC.fullmatch(name) or not name.startswith(f"{system.name}_"):
        raise SpecError(f"{name}: a metric of {system.name} is named {system.name}_something")
    for suffix, owner in _SUFFIX_OWNERS.items():
        if name.endswith(suffix) and owner != family.kind:
            raise SpecError(f"{name}: a {family.kind} cannot end in {suffix}")
        if owner == family.kind and not name.endswith(suffix):
            raise SpecError(f"{name}: a {family.kind} must end in {suffix}")
    if not (family.help[:1].isupper() and family.help.endswith(".") and family.help.isprintable()):
        raise SpecError(f"{name}: the help is no sentence: {family.help!r}")
    for label in family.labels:
        if not _LABEL.fullmatch(label) or label in _RESERVED_LABELS:
            raise SpecError(f"{name}: {label!r} cannot be a label")
    clash = [
        other.name
        for other in system.families
        if family_of(other.name, other.kind) == family_of(name, family.kind) and other != family
    ]
    if clash:
        raise SpecError(f"{name} and {clash[0]} are one family to OpenMetrics")
