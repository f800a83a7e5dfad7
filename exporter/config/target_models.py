"""The models of `global` and `targets`, which make settings.Target.

Each validator belongs to one field, so that one fault does not hide another. It sees the fields
above its own.
"""

import math
import re
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from exporter.config.values import ON_PROBE, REPORTED, Duration, Interval, check_url, context_of
from exporter.declare.conditions import applies
from exporter.declare.model import Model, Text, fault, value_schema
from exporter.declare.system import System
from exporter.duration import duration_text
from exporter.errors import suggestion
from exporter.settings import MAX_SERIES, Client, Target
from exporter.text import printable

DEFAULT_INTERVAL = 15.0
DEFAULT_TIMEOUT = 5.0
# No vendor here handles more than ten polls a second of one server.
SHORTEST_INTERVAL = 0.1
# The default of max_age in intervals: two polls may fail to start.
MAX_AGE_INTERVALS = 3

# Every series of a target repeats its labels, and all targets of a group have them.
LONGEST_LABEL = 1024
LONGEST_LABELS = 8192
"""The maximum total of characters in a target's labels and their names."""

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_TARGET_NAME = re.compile(r"[^ \xa0](?:.{0,126}[^ \xa0])?")
# The exporter's own labels of targets, and those with a meaning in Prometheus.
_OWN_LABELS = frozenset({"target", "system", "reason", "le", "quantile"})


def _system(value: Any, info: ValidationInfo) -> System:
    systems = context_of(info).systems
    if isinstance(value, str) and value in context_of(info).broken:
        raise PydanticCustomError(REPORTED, "reported where the system is declared")
    if not isinstance(value, str) or value not in systems:
        raise fault(f'unknown system "{value}"; {suggestion(str(value), systems)}')
    return systems[value]


def _max_series(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value < 1:
        raise fault("must be 1 or more")
    return value


MaxSeries = Annotated[int, BeforeValidator(_max_series)]


class GlobalModel(Model):
    """`global`: defaults for all targets."""

    interval: Interval = DEFAULT_INTERVAL
    """How often targets are polled, or `on_probe`."""
    timeout: Annotated[Duration | None, Field(validate_default=True)] = None
    """The maximum duration of a whole poll; below the interval."""
    max_age: Duration | None = None
    """The maximum age of values; older ones are dropped. The default is three intervals."""
    max_series: MaxSeries = MAX_SERIES
    """The maximum number of series of a target."""

    # Compared on reload: a discovery whose entry is unchanged keeps its list.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, GlobalModel) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    @field_validator("interval")
    @classmethod
    def _interval(cls, value: float) -> float:
        return _check_interval(value)

    @field_validator("timeout")
    @classmethod
    def _timeout(cls, value: float | None, info: ValidationInfo) -> float:
        whose = " (the default)" if value is None else ""
        timeout = DEFAULT_TIMEOUT if value is None else value
        return _check_timeout(timeout, info.data.get("interval"), whose)

    @field_validator("max_age")
    @classmethod
    def _max_age(cls, value: float | None, info: ValidationInfo) -> float | None:
        interval = info.data.get("interval")
        # On probe, it applies to the targets that set an interval.
        return value if interval == math.inf else _check_max_age(value, interval)


class PolledModel(Model):
    """The keys that `targets` and `discovery` share. `global` has the defaults of durations."""

    system: Annotated[System, PlainValidator(_system), value_schema("system")]
    """Its system: one that `status-exporter systems` lists, or one of `systems`."""
    client: str | None = None
    """The name of one of `clients`; without one, no credentials are sent."""
    labels: dict[str, Text] = Field(default_factory=dict)
    """Labels of all its series."""
    interval: Interval | None = None
    """How often it is polled, or `on_probe`: only when a probe requests it."""
    timeout: Annotated[Duration | None, Field(validate_default=True)] = None
    """The maximum duration of a whole poll."""
    max_age: Duration | None = None
    """The maximum age of values; older ones are dropped."""
    max_series: MaxSeries | None = None
    """The maximum number of its series."""

    @field_validator("client")
    @classmethod
    def _client(cls, value: str | None, info: ValidationInfo) -> str | None:
        return check_client(value, info)

    @field_validator("labels")
    @classmethod
    def _labels(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        system = info.data.get("system")
        faults = []
        if sum(len(name) + len(text) for name, text in value.items()) > LONGEST_LABELS:
            raise fault(f"together they have more than {LONGEST_LABELS} characters")
        for name, text in value.items():
            if len(text) > LONGEST_LABEL:
                faults.append(f'the text of "{name}" has more than {LONGEST_LABEL} characters')
            if not _LABEL_NAME.fullmatch(name) or name.startswith("__"):
                faults.append(
                    f'"{name}" is not a label name: use letters, digits and _, and begin with a'
                    " letter or a single _"
                )
            elif name in _OWN_LABELS or (system and name in system.labels):
                faults.append(f'the metrics have a label "{name}" already: choose another name')
        if faults:
            raise fault("; ".join(faults))
        return {name: printable(text) for name, text in value.items() if text}

    @field_validator("interval")
    @classmethod
    def _interval(cls, value: float | None) -> float | None:
        return None if value is None else _check_interval(value)

    @field_validator("timeout")
    @classmethod
    def _timeout(cls, value: float | None, info: ValidationInfo) -> float | None:
        if "interval" not in info.data:
            return value
        defaults = context_of(info)
        own = info.data["interval"]
        if value is None and own is None:
            return None  # Then `global` is validated instead.
        timeout = defaults.timeout if value is None else value
        whose = f" ({defaults.whose_timeout})" if value is None else ""
        _check_timeout(timeout, defaults.interval if own is None else own, whose)
        return value

    @field_validator("max_age")
    @classmethod
    def _max_age(cls, value: float | None, info: ValidationInfo) -> float | None:
        return _check_max_age(value, info.data.get("interval") or context_of(info).interval)


class TargetModel(PolledModel):
    """One of `targets`."""

    name: Text
    """Its name, which is the value of the label `target`."""
    url: str
    """Its URL, without the paths of endpoints."""
    operator_client: str | None = None
    """The client that `status-exporter set` writes with; the default is `client`."""
    params: Annotated[dict[str, Text] | None, Field(validate_default=True)] = None
    """Parameters of its system."""

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if not _TARGET_NAME.fullmatch(value) or printable(value) != value:
            raise fault("a name has 1 to 128 printable characters and no blank at its ends")
        return value

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        check_url(value, "target's url", userinfo=False)
        return value.rstrip("/")

    @field_validator("operator_client")
    @classmethod
    def _operator(cls, value: str | None, info: ValidationInfo) -> str | None:
        system = info.data.get("system")
        if value is not None and system and not system.actions:
            raise fault(f"there is nothing to set of {system.name}: leave it out")
        return check_client(value, info)

    @field_validator("params")
    @classmethod
    def _params(cls, value: dict[str, str] | None, info: ValidationInfo) -> dict[str, str]:
        system = info.data.get("system")
        given = value or {}
        return check_params(given, system) if system else given

    def make(self, defaults: GlobalModel, client: Client, operator: Client | None = None) -> Target:
        """Return the checked data."""
        params = {name: param.default for name, param in self.system.params.items()}
        params |= self.params or {}
        interval = self.interval or defaults.interval
        max_age = self.max_age or defaults.max_age or interval * MAX_AGE_INTERVALS
        return Target(
            name=self.name,
            system=self.system,
            url=self.url,
            client=client,
            params=MappingProxyType({key: value or "" for key, value in params.items()}),
            labels=MappingProxyType(self.labels),
            interval=interval,
            timeout=self.timeout or defaults.timeout or DEFAULT_TIMEOUT,
            # No schedule refreshes a target that is polled on probe, so its values cannot be overdue.
            max_age=interval if interval == math.inf else max_age,
            max_series=self.max_series or defaults.max_series,
            operator_client=operator,
        )


def check_client(value: str | None, info: ValidationInfo) -> str | None:
    """Return the name; raise a fault if no client has it, or the client does not fit the system."""
    clients, system = context_of(info).clients, info.data.get("system")
    if value is not None and value not in clients:
        raise fault(f'there is no client "{value}"; {suggestion(value, clients)}')
    client = clients[value] if value is not None else None
    if isinstance(client, dict) and client.get("login") is not None and system:
        if system.login is None:
            raise fault(f"{value} has a login, and the system {system.name} declares none")
        _check_login_headers(client.get("http_headers"), system)
    return value


def _check_login_headers(given: Any, system: System) -> None:
    sent = {name.lower() for name in system.login.token_headers} if system.login else set()
    for name in given if isinstance(given, dict) else ():
        if isinstance(name, str) and name.lower() in sent:
            raise fault(f"the login of {system.name} sends {name}: leave it out of http_headers")


def _check_interval(interval: float) -> float:
    if interval < SHORTEST_INTERVAL:
        shortest = duration_text(SHORTEST_INTERVAL)
        raise fault(f"{duration_text(interval)} is below the shortest interval, {shortest}")
    return interval


def _check_timeout(timeout: float, interval: float | None, whose: str) -> float:
    if timeout <= 0:
        raise fault("a timeout must be longer than 0s")
    if interval is not None and timeout >= interval:
        raise fault(
            f"{duration_text(timeout)}{whose} is not below the interval of"
            f" {duration_text(interval)}: polls of one target must not overlap"
        )
    return timeout


def _check_max_age(max_age: float | None, interval: float | None) -> float | None:
    if max_age is not None and interval == math.inf:
        raise fault(
            f"a target polled {ON_PROBE} has none: max_age of a probe limits the age of values"
        )
    if max_age is not None and interval is not None and max_age < interval:
        raise fault(
            f"{duration_text(max_age)} is shorter than the interval of {duration_text(interval)}:"
            " every snapshot would be stale"
        )
    return max_age


def check_params(given: dict[str, str], system: System) -> dict[str, str]:
    """Return the parameters; raise a fault unless they are the system's and complete."""
    known = system.params
    faults = [
        f'{system.name} has no parameter "{name}"; {suggestion(name, known)}'
        for name in given
        if name not in known
    ]
    for name, param in known.items():
        value = given.get(name, param.default)
        if value is None:
            faults.append(f'{system.name} needs the parameter "{name}": {param.help}')
        elif param.choices and value not in param.choices:
            faults.append(f'{name} is one of {", ".join(param.choices)}, not "{value}"')
        elif name in system.path_params and value in {"", ".", ".."}:
            faults.append(f'{name} cannot be "{value}"')
    if faults:
        raise fault("; ".join(faults))
    said = {name: given.get(name, param.default) for name, param in known.items()}
    given_or_default = {name: value or "" for name, value in said.items()}
    if not any(applies(endpoint.when, given_or_default) for endpoint in system.endpoints):
        raise fault(f"with these params no endpoint of {system.name} would be requested")
    return given
