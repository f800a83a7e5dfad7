"""The shape of `systems`: declarations in the words of `spec`, written in YAML; become spec.System."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from exporter.config.document import Location
from exporter.config.field_values import Condition, Pointer, Pointers
from exporter.config.fields import KINDS, AnyField
from exporter.config.values import Context, Model, Text, context_of, fault
from exporter.errors import SpecError
from exporter.spec import Endpoint, Param, Refusal, System, check_shared

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_PLACE = re.compile(r"\{([^{}]*)\}")


class ParamModel(Model):
    """One of `params`: what a target must or may say."""

    in_: Literal["path", "query", "switch"] = Field(alias="in")
    """Whether it fills a place in the path, goes into the query, or only switches fields and endpoints."""
    help: str = ""
    """What it is."""
    default: Text | None = None
    """Its value where a target says nothing; without one it is required."""
    choices: list[Text] = Field(default_factory=list)
    """The values it may have."""

    @model_validator(mode="after")
    def _whole(self) -> "ParamModel":
        if self.choices and self.default is not None and self.default not in self.choices:
            raise fault("the default is not one of the choices")
        return self

    def make(self, name: str) -> Param:
        """Return the parameter."""
        told = self.help or "Of this system."
        choices = tuple(self.choices)
        return Param(name, self.in_, help=told, default=self.default, choices=choices)


class RefusalModel(Model):
    """How an answer 200 says that it is none."""

    error: Pointer = "/error"
    """A place where something true means an error."""
    success: Pointer = "/success"
    """A place where something false means an error."""
    message: Pointer = "/message"
    """The place of the vendor's own words."""

    def make(self) -> Refusal:
        """Return the refusal."""
        return Refusal(error=self.error, success=self.success, message=self.message)


class EndpointModel(Model):
    """One of `endpoints`."""

    path: str
    """Where it is below the target's URL, with {places} for parameters."""
    method: Literal["GET", "POST"] = "GET"
    """How it is asked."""
    body: str | None = None
    """What a POST sends."""
    headers: dict[str, Text] = Field(default_factory=dict)
    """Headers to send."""
    formats: Annotated[list[Literal["json", "xml"]], Field(min_length=1)] = ["json"]  # noqa: RUF012
    """What it answers in, the best first."""
    roots: list[str] = Field(default_factory=list)
    """Keys to look for within a wrapper, where they do not stand at the top."""
    labels: dict[str, Pointers] = Field(default_factory=dict)
    """Labels for all of its metrics with the places they are read from."""
    when: Condition | None = None
    """The parameter and value for which it is asked."""
    refusal: RefusalModel | None = None
    """How an answer 200 says that it is none."""
    fields: Annotated[list[AnyField], Field(min_length=1)]
    """What is read of the answer."""

    @field_validator("path")
    @classmethod
    def _path(cls, value: str) -> str:
        if not value.startswith("/") or re.search(r"[?#]", value):
            raise fault("an endpoint's path begins with / and has no query; see params")
        if not re.fullmatch(r"[!-z|~]+", _PLACE.sub("", value)):
            raise fault("an endpoint's path is as it is sent: percent-encoded where need be")
        return value

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not text.isprintable():
                raise fault(f'"{name}" cannot be a header')
            if name.lower() in {"host", "content-length", "connection", "authorization"}:
                raise fault(f"{name} cannot be set here")
        return value

    @model_validator(mode="after")
    def _whole(self) -> "EndpointModel":
        if self.body is not None and self.method != "POST":
            raise fault("a body goes with method: POST")
        return self

    def make(self) -> Endpoint:
        """Return the endpoint."""
        return Endpoint(
            path=self.path,
            method=self.method,
            body=self.body or "",
            headers=self.headers,
            formats=tuple(self.formats),
            roots=tuple(self.roots),
            labels=self.labels,
            when=self.when,
            refusal=self.refusal.make() if self.refusal else None,
            fields=tuple(one.make() for one in self.fields),
        )


class SystemModel(Model):
    """One of `systems`."""

    title: str | None = None
    """What it is called."""
    url_help: str = "the server"
    """What a target's url is."""
    prefix: str = ""
    """What its metrics begin with; the system's name where nothing is said."""
    params: dict[str, ParamModel] = Field(default_factory=dict)
    """Parameters by their names."""
    endpoints: Annotated[list[EndpointModel], Field(min_length=1)]
    """What is asked."""

    @model_validator(mode="after")
    def _whole(self) -> "SystemModel":
        for endpoint in self.endpoints:
            for name in _PLACE.findall(endpoint.path):
                if name not in self.params or self.params[name].in_ != "path":
                    raise fault(f"the path has a place for {{{name}}}, which is no param in: path")
        for name, param in self.params.items():
            paths = (endpoint.path for endpoint in self.endpoints)
            if param.in_ == "path" and not any(f"{{{name}}}" in path for path in paths):
                raise fault(f"no endpoint's path has the place {{{name}}} for its param in: path")
        return self

    def make(self, name: str) -> System:
        """Return the system.

        Raises:
            SpecError: It cannot work.
        """
        return System(
            name=name,
            title=self.title or name,
            url_help=self.url_help,
            prefix=self.prefix,
            params=tuple(one.make(key) for key, one in self.params.items()),
            endpoints=tuple(one.make() for one in self.endpoints),
        )


class SystemsFileModel(Model):
    """A file of `system_files`."""

    systems: dict[str, SystemModel]

    @field_validator("systems", mode="wrap")
    @classmethod
    def _systems(
        cls, value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> dict[str, SystemModel]:
        return declared(value, check, info)


def declared(
    value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
) -> dict[str, SystemModel]:
    """Check systems and add them to those that targets may name.

    The same declaration gives the same system again, so that a reload leaves its targets alone.
    """
    context = context_of(info)
    names = value if isinstance(value, dict) else ()
    try:
        models: dict[str, SystemModel] = check(value)
    except ValidationError:
        # That a system is faulty is not the fault of the targets that use it.
        context.broken = context.broken | frozenset(names)
        raise
    for name, model in models.items():
        try:
            _check_name(name, context)
            system = _made(name, json.dumps(value[name], sort_keys=True, default=str), model)
            check_shared([*context.systems.values(), system])
        except SpecError as error:
            place = _place(value[name], str(error).partition(" ")[0].removesuffix(":"))
            context.late.append((("systems", name, *(place or ())), str(error)))
            context.broken |= {name}
        else:
            context.systems = {**context.systems, name: system}
    return models


def _check_name(name: str, context: Context) -> None:
    if not _NAME.fullmatch(name):
        raise SpecError(f'"{name}" cannot be a system: small letters, digits and _')
    if name in context.systems:
        raise SpecError(f'there is a system "{name}" already')


def _place(data: Any, metric: str) -> Location | None:
    """Find the field of this name in a declaration."""
    parts: Iterable[tuple[str | int, Any]] = ()
    if isinstance(data, dict):
        parts = data.items()
    elif isinstance(data, list):
        parts = enumerate(data)
    for key, part in parts:
        if key in KINDS and part == metric:
            return (key,)
        inner = _place(part, metric)
        if inner is not None:
            return (key, *inner)
    return None


def _made(name: str, text: str, model: SystemModel) -> System:
    slot = _slot(f"{name} {text}")
    if not slot:
        slot.append(model.make(name))
    return slot[0]


@lru_cache(maxsize=1024)
def _slot(_text: str) -> list[System]:
    return []
