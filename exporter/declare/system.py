"""A system: its endpoints, parameters, login and actions, and the check for errors in them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, model_validator

from exporter.declare.actions import Action
from exporter.declare.each import NUMBER_OF_ITEMS, Count, Each
from exporter.declare.endpoint import Endpoint, parts_of
from exporter.declare.family import (
    Family,
    Problem,
    check_labels,
    check_name,
    difference,
    open_metrics_name,
)
from exporter.declare.groups import FieldGroup
from exporter.declare.login import Login
from exporter.declare.model import Model, Text, fault
from exporter.declare.numbers import Number
from exporter.declare.parts import Part
from exporter.declare.states import States
from exporter.text import printable

NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
"""The pattern of a system's name."""


class Param(Model):
    """A parameter that targets set under `params`."""

    help: str = "A parameter of this system."
    """A description."""
    default: Text | None = None
    """Its value if a target does not give one; without it, it is required."""
    choices: list[Text] = Field(default_factory=list)
    """The possible values."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "Param":
        if self.choices and self.default is not None and self.default not in self.choices:
            raise fault("the default is not one of the choices")
        return self


class System(Model):
    """A product whose status is polled."""

    title: str = ""
    """A readable name."""
    url_help: str = "the server"
    """A description of a target's URL."""
    prefix: str = ""
    """The prefix of its metrics. The default is the system's name."""
    base_path: str = ""
    """The path of target URLs without one."""
    params: dict[str, Param] = Field(default_factory=dict)
    """Parameters by name."""
    login: Login | None = None
    """How a client with `login` gets a token."""
    endpoints: Annotated[list[Endpoint], Field(min_length=1)]
    """The requests of a poll."""
    actions: dict[str, Action] = Field(default_factory=dict)
    """States that `status-exporter set` can change."""

    _name: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """The name that targets refer to."""
        return self._name

    def set_name(self, name: str) -> "System":
        """Set the name that it is declared under, and return it."""
        self._name = name
        self.title = self.title or name
        for key, action in self.actions.items():
            action.set_name(key)
        return self

    @cached_property
    def families(self) -> tuple[Family, ...]:
        """Every metric of the system, once, in the order of declaration."""
        return tuple(replace(one, help=_help(one)) for one in self.merged_families)

    @cached_property
    def merged_families(self) -> tuple[Family, ...]:
        """The metrics with the declared help, which is empty if it is generated."""
        found: dict[str, Family] = {}
        for family in self._declared_families():
            known = found.get(family.name)
            if known is None:
                found[family.name] = family
            else:
                source = f"{known.source}, {family.source}"
                found[family.name] = replace(known, source=source, help=known.help or family.help)
        return tuple(found.values())

    def _declared_families(self) -> Iterator[Family]:
        for index, endpoint in enumerate(self.endpoints):
            for family in endpoint.families():
                yield replace(family, location=("endpoints", index, *family.location))

    @cached_property
    def mode(self) -> tuple[int, States] | None:
        """The first `states` field of the server itself, which pages show as its mode.

        With it comes the index of its metric in `families`.
        """
        states = next((one for one in self._single_parts() if isinstance(one, States)), None)
        if states is None:
            return None
        return [family.name for family in self.families].index(states.metric), states

    @cached_property
    def labels(self) -> frozenset[str]:
        """The labels of the system's metrics, which targets cannot have."""
        return frozenset(label for family in self.families for label in family.labels)

    @cached_property
    def path_params(self) -> frozenset[str]:
        """The parameters in paths, which cannot be empty."""
        words = (word for one in self.endpoints for word in _words_of_path(one.path))
        return frozenset(words) & self.params.keys()

    def problems(self) -> Iterator[Problem]:
        """Yield all errors, with their locations in the declaration."""
        yield from self.metric_problems()
        yield from self._param_problems()
        params = frozenset(self.params)
        if self.login:
            for at, text in self.login.problems(params):
                yield ("login", *at), text
        families = {family.name: family for family in self.families}
        states = {one.metric: one for one in self._single_parts() if isinstance(one, States)}
        for name, action in self.actions.items():
            for at, text in action.problems(name, states, families, params):
                yield ("actions", name, *at), text

    def _single_parts(self) -> Iterator[Part]:
        """Yield the fields outside of lists, which have a single value."""
        for endpoint in self.endpoints:
            yield from _outside_items(endpoint.fields)

    def metric_problems(self) -> Iterator[Problem]:
        """Yield the errors in names, labels and kinds of metrics."""
        prefix = self.prefix or self.name
        found: dict[str, Family] = {}
        seen: dict[str, Family] = {}
        for family in self._declared_families():
            known = found.setdefault(family.name, family)
            if known is not family:
                differs = difference(known, family)
                if differs:
                    yield (
                        family.location,
                        f"{family.name} is declared in two different ways: {differs}",
                    )
                continue
            for text in (*check_name(family, prefix), *check_labels(family)):
                yield family.location, text
            other = seen.setdefault(open_metrics_name(family.name, family.kind), family)
            if other is not family:
                text = f"{family.name} and {other.name} are one metric to OpenMetrics"
                yield family.location, text
        for index, endpoint in enumerate(self.endpoints):
            yield from _outside_each(endpoint.fields, ("endpoints", index, "fields"))

    def _param_problems(self) -> Iterator[Problem]:
        used: set[str] = set()
        for index, endpoint in enumerate(self.endpoints):
            words = set(endpoint.words())
            used |= words
            for word in sorted(words - self.params.keys()):
                yield ("endpoints", index), f"{{{word}}} is not one of the system's params"
            for when in (endpoint.when, *(one.when for one in parts_of(endpoint.fields))):
                for name, values in (when or {}).items():
                    used.add(name)
                    param = self.params.get(name)
                    if param is None or (param.choices and not {*values} & {*param.choices}):
                        text = f"when: no target can have {name}: {' or '.join(values)}"
                        yield ("endpoints", index), text
        used |= {word for one in self.actions.values() for word in one.request.words()}
        used |= set(self.login.request.words()) if self.login else set()
        for name in self.params.keys() - used:
            yield ("params", name), f"{{{name}}} is part of no request, and no `when` names it"


def _words_of_path(path: str) -> list[str]:
    return re.findall(r"\{([^{}/]+)\}", path)


def _help(family: Family) -> str:
    """Return the help; the field's name is added if it does not contain it."""
    return printable(_help_text(family))


def _help_text(family: Family) -> str:
    if not family.help and family.reading == NUMBER_OF_ITEMS:
        return "Number of items."
    if not family.help:
        return f"Value of {family.source or 'the answer'}."
    # Whole words: "The value" does not name the field "v".
    named = (rf"(?<!\w){re.escape(name)}(?!\w)" for name in family.fields)
    if not family.fields or any(re.search(one, family.help, re.IGNORECASE) for one in named):
        return family.help
    return f"{family.help[:-1]} ({family.fields[0]})."


def _outside_each(fields: list[Any], location: tuple[str | int, ...]) -> Iterator[Problem]:
    """Yield counts and merges outside of an `each`."""
    for index, one in enumerate(fields):
        if isinstance(one, Count):
            yield (*location, index, "count"), f"{one.metric}: a count is for the fields of an each"
        elif isinstance(one, Number) and one.merge:
            yield (*location, index, "merge"), f"{one.metric}: merge is for the fields of an each"
        elif isinstance(one, FieldGroup) and not isinstance(one, Each):
            yield from _outside_each(one.inner(), (*location, index, "fields"))


def _outside_items(fields: Iterable[Part]) -> Iterator[Part]:
    for one in fields:
        yield one
        if isinstance(one, FieldGroup) and not isinstance(one, Each):
            yield from _outside_items(one.inner())


def clashes(system: System, others: Iterable[System]) -> Iterator[Problem]:
    """Yield metrics that another system declares differently, or that OpenMetrics gives its name."""
    known: Mapping[str, tuple[Family, str]] = {
        open_metrics_name(one.name, one.kind): (one, other.name)
        for other in others
        for one in other.merged_families
    }
    for family in system.merged_families:
        other, name = known.get(open_metrics_name(family.name, family.kind), (family, ""))
        differs = (
            difference(other, family)
            if other.name == family.name
            else "OpenMetrics gives both one name"
        )
        if differs:
            yield family.location, f"{family.name} is declared differently by {name}: {differs}"
