"""Orders: what to set on a target, checked against the actions that its system declares."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.declare.actions import VALUE, Action, Drain
from exporter.declare.requests import FilledRequest
from exporter.errors import ConfigError, suggestion
from exporter.http.message import base_path, normalized_url
from exporter.settings import Client, Target


@dataclass(frozen=True, kw_only=True)
class Order:
    """One state to set on a target; `options` contains those that were given."""

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
        """What may still be under way when the value shows; None if the action has no such work."""
        drain = self.action.drain
        return drain if drain and self.value in drain.after else None

    @property
    def filled_request(self) -> FilledRequest:
        """The request, without secrets."""
        values = {**self.target.params, VALUE: self.value, **self.options}
        return self.action.request.fill(values)

    @property
    def url(self) -> str:
        """The URL of the request, without secrets."""
        base = normalized_url(self.target.url)
        return f"{base}{base_path(self.target)}{self.filled_request.target}"

    @property
    def summary(self) -> str:
        """The value and options, for messages."""
        return " ".join([self.value, *(f"{name}={one}" for name, one in self.options.items())])


def make_order(target: Target, name: str, value: str, options: Mapping[str, str]) -> Order:
    """Return the order for these words of the command line.

    Raises:
        ConfigError: The system has no such action, or the action no such value or option.
    """
    system = target.system
    actions = system.actions
    if not actions:
        raise ConfigError((f"{target.name}: there is nothing to set of {system.name}",))
    if name not in actions:
        hint = suggestion(name, actions)
        raise ConfigError((f'{target.name}: {system.name} has no action "{name}"; {hint}',))
    action = actions[name]
    if value not in action.values:
        known = ", ".join(action.values)
        raise ConfigError((f'{target.name}: {name} is one of {known}, not "{value}"',))
    choices = {key: option.choices for key, option in action.options.items()}
    for key, one in options.items():
        if key not in choices:
            raise ConfigError((f"{target.name}: {name} of {system.name} has no --{key}",))
        if one not in choices[key]:
            known = ", ".join(choices[key])
            raise ConfigError((f'{target.name}: --{key} is one of {known}, not "{one}"',))
    return Order(target=target, action=action, value=value, options=options)
