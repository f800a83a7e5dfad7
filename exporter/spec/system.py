"""A vendor product: its endpoints, parameters and actions, and the check that all of it can work."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import Literal

from exporter.errors import SpecError
from exporter.spec.action import Action, check_actions
from exporter.spec.family import Family, Kind, Paths, check_paths, family_of
from exporter.spec.fields import Each, Field, States, check_alone

Format = Literal["json", "xml"]

_METRIC = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_LABEL = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
# Suffixes that mean something to Prometheus or OpenMetrics, and the one kind that may bear each.
_SUFFIX_OWNERS: Mapping[str, Kind | None] = {
    "_total": "counter",
    "_info": "info",
    "_created": None,
}
# What the exporter says of itself, its libraries of its process, and Prometheus of a scrape.
_TAKEN_PREFIXES = ("status_exporter_", "process_", "python_", "scrape_")
# Labels every series about a target bears, or that Prometheus gives a meaning to.
_RESERVED_LABELS = frozenset({"target", "system", "job", "instance", "le", "quantile", "reason"})


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

    @property
    def paths(self) -> Paths:
        """Where all of it stands."""
        return self.error, self.success, self.message


@dataclass(frozen=True, kw_only=True, eq=False)
class Endpoint:
    """One status URL: `path` below the target's URL, with places for `{param}`.

    `context` goes before `path` where the target's URL has no path of its own. `body` is what a
    POST sends, its type among `headers`. `when` limits the endpoint to targets whose parameter of
    that name has that value. `roots` are keys to look for in wrapper objects where they do not stand at the top. `labels` are read from the
    answer and put on each of its series.
    """

    path: str
    fields: tuple[Field, ...]
    context: str = ""
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    when: tuple[str, str] | None = None
    formats: tuple[Format, ...] = ("json",)
    headers: Mapping[str, str] = field(default_factory=dict)
    roots: tuple[str, ...] = ()
    labels: Mapping[str, Paths] = field(default_factory=dict)
    refusal: Refusal | None = None

    @cached_property
    def takes_list(self) -> bool:
        """Whether the answer may be a list: where an Each goes over the whole of it."""
        return any(isinstance(one, Each) and not one.path for one in self.fields)


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A vendor product: how it is known, where to ask, what the answers mean, what can be set.

    Metrics begin with the system's name, or with `prefix`: systems that show the same things in
    different ways share it, and the families they both have.
    """

    name: str
    title: str
    url_help: str
    endpoints: tuple[Endpoint, ...]
    params: tuple[Param, ...] = ()
    actions: tuple[Action, ...] = ()
    prefix: str = ""

    def __post_init__(self) -> None:
        for family in self.families:
            _check(self, family)
        params = {param.name: param for param in self.params}
        for name, value in _conditions(self.endpoints):
            param = params.get(name)
            if param is None or (param.choices and value not in param.choices):
                raise SpecError(f"when: no target can say {name}: {value}")
        states = {
            one.name: one
            for endpoint in self.endpoints
            for one in endpoint.fields
            if isinstance(one, States)
        }
        check_actions(self.actions, states, {family.name: family for family in self.families})

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Every family of the system, once, in the order of declaration."""
        found: dict[str, Family] = {}
        for endpoint in self.endpoints:
            check_alone(endpoint.fields)
            for label, paths in endpoint.labels.items():
                check_paths(label, paths)
            if endpoint.refusal:
                check_paths("refusal", endpoint.refusal.paths)
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


def check_shared(systems: Iterable[System]) -> None:
    """Raise SpecError where two systems declare one family in two ways, or in names too close."""
    seen: dict[str, tuple[Family, str]] = {}
    for system in systems:
        for one in system.families:
            key = family_of(one.name, one.kind)
            known, whose = seen.setdefault(key, (one, system.name))
            if _shape(known) != _shape(one):
                raise SpecError(f"{one.name} is declared differently by {whose} and {system.name}")


def _shape(family: Family) -> tuple[str, ...]:
    return family.name, family.kind, family.help, *family.labels


def _conditions(parts: Iterable[Endpoint | Field]) -> Iterator[tuple[str, str]]:
    """Yield every `when` of these parts and of those within."""
    for one in parts:
        when = getattr(one, "when", None)
        if when:
            yield when
        yield from _conditions(getattr(one, "fields", ()))


def _check(system: System, family: Family) -> None:
    name = family.name
    prefix = system.prefix or system.name
    if not _METRIC.fullmatch(name) or not name.startswith(f"{prefix}_"):
        raise SpecError(f"{name}: a metric of {system.name} is named {prefix}_something")
    for taken in _TAKEN_PREFIXES:
        if name.startswith(taken):
            raise SpecError(f"{name}: what begins with {taken} is no metric of a system")
    for suffix, owner in _SUFFIX_OWNERS.items():
        if name.endswith(suffix) and owner != family.kind:
            raise SpecError(f"{name}: a {family.kind} cannot end in {suffix}")
        if owner == family.kind and not name.endswith(suffix):
            raise SpecError(f"{name}: a {family.kind} must end in {suffix}")
    if not (
        not family.help[:1].islower() and family.help.endswith(".") and family.help.isprintable()
    ):
        raise SpecError(f"{name}: the help is no sentence: {family.help!r}")
    _check_labels(family)
    clash = [
        other.name
        for other in system.families
        if family_of(other.name, other.kind) == family_of(name, family.kind) and other != family
    ]
    if clash:
        raise SpecError(f"{name} and {clash[0]} are one family to OpenMetrics")


def _check_labels(family: Family) -> None:
    for label in family.labels:
        if not _LABEL.fullmatch(label) or label in _RESERVED_LABELS:
            raise SpecError(f"{family.name}: {label!r} cannot be a label")
        if family.labels.count(label) > 1:
            raise SpecError(f"{family.name}: the label {label!r} comes from two places")
