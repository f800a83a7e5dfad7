"""A target and the words of a command line become an order: what is to be sent, checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from exporter.errors import ConfigError, suggestion
from exporter.poll.request import path_below, place_of
from exporter.settings import Client, Target
from exporter.spec import VALUE, Action, Drain


@dataclass(frozen=True, kw_only=True)
class Order:
    """One state that a target is to have; `options` holds those that were given."""

    target: Target
    action: Action
    value: str
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        """How to connect for the write."""
        return self.target.operator_client or self.target.client

    @property
    def drain(self) -> Drain | None:
        """What is still under way once the value shows, if anything is."""
        drain = self.action.drain
        return drain if drain and self.value in drain.values else None

    @property
    def url(self) -> str:
        """Where it is sent, without what is secret in it."""
        query = "&".join(
            f"{name}={quote(value)}" for name, value in self._filled(self.action.query)
        )
        below = path_below(self.target, self.action.context, self.action.path)
        return f"{place_of(self.target.url)}{below}{f'?{query}' if query else ''}"

    @property
    def body(self) -> str:
        """What is sent, as JSON, or nothing."""
        return json.dumps(dict(self._filled(self.action.body))) if self.action.body else ""

    @property
    def wanted(self) -> str:
        """The value with its options, for people."""
        return " ".join([self.value, *(f"{name}={one}" for name, one in self.options.items())])

    def _filled(self, places: Mapping[str, str]) -> list[tuple[str, str]]:
        known = {VALUE: self.value, **self.options}
        return [(name, known[place]) for name, place in places.items() if place in known]


def ordered(target: Target, name: str, value: str, options: Mapping[str, str]) -> Order:
    """Return the order that the words make for the target.

    Raises:
        ConfigError: The system has no such action, or the action no such value or option.
    """
    system = target.system
    actions = {action.name: action for action in system.actions}
    if not actions:
        raise ConfigError((f"{target.name}: there is nothing to set of {system.name}",))
    if name not in actions:
        hint = suggestion(name, actions)
        raise ConfigError((f'{target.name}: {system.name} has no action "{name}"; {hint}',))
    action = actions[name]
    if value not in action.values:
        known = ", ".join(action.values)
        raise ConfigError((f'{target.name}: {name} is one of {known}, not "{value}"',))
    choices = {option.name: option.choices for option in action.options}
    for key, one in options.items():
        if key not in choices:
            raise ConfigError((f"{target.name}: {name} of {system.name} has no --{key}",))
        if one not in choices[key]:
            known = ", ".join(choices[key])
            raise ConfigError((f'{target.name}: --{key} is one of {known}, not "{one}"',))
    return Order(target=target, action=action, value=value, options=options)
