"""What may be set of a system: how it is sent, and which of its metrics then show that it is done."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from exporter.errors import SpecError
from exporter.spec.family import Family
from exporter.spec.fields import States

VALUE = "@value"
"""What stands for the wanted value in an action's query or body."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Option:
    """Something that may be said besides the value; left out, the vendor's `default` holds.

    `shown_by` names the gauge that is 1 for "true" and 0 for "false". The vendor heeds the option
    with the values `heeded_with`, and need not show it with others.
    """

    name: str
    help: str
    default: str
    shown_by: str
    choices: tuple[str, ...] = ("false", "true")
    heeded_with: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Drain:
    """What is still under way after these `values` show: over once the series is 0."""

    metric: str
    help: str
    values: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Action:
    """One state that can be set: by `method` at `path`, with a `query` or a `body` of JSON.

    Either names the vendor's parameters, and what each holds: VALUE, or the name of an option,
    which is left out where it is not given. `context` goes before `path` as an endpoint's does.
    `shown_by` names the States that show the value.
    """

    name: str
    help: str
    method: Literal["POST", "PUT"]
    path: str
    values: tuple[str, ...]
    shown_by: str
    context: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, str] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    drain: Drain | None = None


def check_actions(
    actions: Iterable[Action], states: Mapping[str, States], families: Mapping[str, Family]
) -> None:
    """Raise SpecError where an action cannot be sent, or nothing shows that it is done."""
    seen: set[str] = set()
    for one in actions:
        if not _NAME.fullmatch(one.name) or one.name in seen:
            raise SpecError(f"the action {one.name!r} needs a name of its own such as mode")
        seen.add(one.name)
        _check_sending(one)
        _check_showing(one, states, families)


def _check_sending(one: Action) -> None:
    if not one.path.startswith("/"):
        raise SpecError(f"{one.name}: the path {one.path!r} does not begin with /")
    if bool(one.query) == bool(one.body):
        raise SpecError(f"{one.name}: it is sent either in a query or in a body")
    sent = sorted([*one.query.values(), *one.body.values()])
    if sent != sorted([VALUE, *(option.name for option in one.options)]):
        raise SpecError(f"{one.name}: what is sent holds {VALUE} and each option, once")
    for option in one.options:
        if not _NAME.fullmatch(option.name):
            raise SpecError(f"{one.name}: {option.name!r} cannot be an option")
        if not {option.default, *option.choices} <= {"false", "true"}:
            raise SpecError(f"{one.name}: {option.name} is false or true")
    helps = [one.help, *(option.help for option in one.options)]
    for text in helps:
        if not (text[:1].isupper() and text.endswith(".") and text.isprintable()):
            raise SpecError(f"{one.name}: the help is no sentence: {text!r}")


def _check_showing(
    one: Action, states: Mapping[str, States], families: Mapping[str, Family]
) -> None:
    if one.shown_by not in states:
        raise SpecError(f"{one.name}: no States is named {one.shown_by!r}")
    known = {*one.values} & {*states[one.shown_by].states}
    if not one.values or known != {*one.values}:
        raise SpecError(f"{one.name}: {one.shown_by} does not show each of its values")
    for option in one.options:
        if option.shown_by not in families or not {*option.heeded_with} <= known:
            raise SpecError(f"{one.name}: nothing shows the option {option.name}")
    drain = one.drain
    if drain and not (drain.metric in families and {*drain.values} <= known):
        raise SpecError(f"{one.name}: nothing shows that it has drained")
    if drain and not {*drain.labels} <= {*families[drain.metric].labels}:
        raise SpecError(f"{one.name}: {drain.metric} has no such labels")
