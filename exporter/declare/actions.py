"""A system's actions: a state that can be set, the request that sets it, and what confirms it."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr

from exporter.declare.family import Family, Problem
from exporter.declare.model import Model, Text
from exporter.declare.requests import Request
from exporter.declare.states import States

VALUE = "value"
"""The word of an action's request that is the value to set."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


class ActionRequest(Request):
    """The request of an action."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"]
    """The HTTP method."""


class ActionOption(Model):
    """An input besides the value; if it is not given, the vendor's default holds."""

    help: str
    """A description."""
    choices: Annotated[list[Text], Field(min_length=1)] = ["false", "true"]  # noqa: RUF012
    """The possible values."""
    default: Text
    """The vendor's default."""
    only_for: list[Text] = Field(default_factory=list)
    """The values for which it has an effect. The default is all."""
    confirmed_by: str
    """The gauge that is 1 for "true" and 0 for "false"."""


class UntilZero(Model):
    """A series that is 0 once nothing is under way."""

    metric: str
    """The metric's name."""
    labels: dict[str, Text] = Field(default_factory=dict)
    """Labels that select the series."""


class Drain(Model):
    """What is still under way after a value is confirmed."""

    after: Annotated[list[Text], Field(min_length=1)]
    """The values that start a drain."""
    until_zero: UntilZero
    """The series that is 0 when the drain is finished."""
    help: str
    """A name for this work, such as running launches."""


class Action(Model):
    """A state that `status-exporter set` can set."""

    help: str
    """A description."""
    request: ActionRequest
    """The request. {value} is the new value, and {NAME} the value of an option."""
    values: Annotated[list[Text], Field(min_length=1)]
    """The possible values."""
    confirmed_by: str
    """The `states` metric that shows the value."""
    options: dict[str, ActionOption] = Field(default_factory=dict)
    """Options of the command."""
    drain: Drain | None = None
    """Work that continues after a value is confirmed."""

    _name: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """The action's name on the command line."""
        return self._name

    def set_name(self, name: str) -> None:
        """Set the name that it is declared under."""
        self._name = name

    def problems(
        self,
        name: str,
        states: Mapping[str, States],
        families: Mapping[str, Family],
        params: frozenset[str],
    ) -> Iterator[Problem]:
        """Yield the errors: words without a value, and states that no metric confirms."""
        if not _NAME.fullmatch(name):
            yield (), f'"{name}" cannot be an action: small letters, digits and -'
        words = set(self.request.words())
        for word in sorted(words - {VALUE, *self.options} - params):
            yield ("request",), f"{{{word}}} is neither value, an option nor a parameter"
        for word in (one for one in (VALUE, *self.options) if one not in words):
            yield ("request",), f"{{{word}}} is not part of what is sent"
        shown = states.get(self.confirmed_by)
        if shown is None:
            yield ("confirmed_by",), f'no states are named "{self.confirmed_by}"'
        elif not {*self.values} <= {*shown.names}:
            yield ("values",), f"{self.confirmed_by} does not know each of them"
        for key, option in self.options.items():
            yield from (
                ((*("options", key), *at), text)
                for at, text in self._option_problems(key, option, families)
            )
        if self.drain:
            yield from self._drain_problems(self.drain, families)

    def _option_problems(
        self, name: str, option: ActionOption, families: Mapping[str, Family]
    ) -> Iterator[Problem]:
        if not _NAME.fullmatch(name):
            yield (), f'"{name}" cannot be an option: small letters, digits and -'
        if option.confirmed_by not in families:
            yield ("confirmed_by",), f'no metric is named "{option.confirmed_by}"'
        if not {option.default, *option.choices} <= {"false", "true"}:
            yield ("choices",), "an option is false or true"
        if not {*option.only_for} <= {*self.values}:
            yield ("only_for",), "these are values of the action"

    def _drain_problems(self, drain: Drain, families: Mapping[str, Family]) -> Iterator[Problem]:
        if not {*drain.after} <= {*self.values}:
            yield ("drain", "after"), "these are values of the action"
        family = families.get(drain.until_zero.metric)
        if family is None:
            yield ("drain", "until_zero"), f'no metric is named "{drain.until_zero.metric}"'
        elif not {*drain.until_zero.labels} <= {*family.labels}:
            yield ("drain", "until_zero"), f"{family.name} has no such labels"
