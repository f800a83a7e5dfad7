"""The model of `discovery`: the source of a list, and how its items become targets.

Makes settings.Discovery, whose template validates each item like one of `targets`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from exporter.config.target_models import (
    GlobalModel,
    PolledModel,
    TargetModel,
    check_client,
    check_params,
)
from exporter.config.values import Context, Duration, check_url
from exporter.declare.model import Model, Text, fault, one_of
from exporter.declare.system import System
from exporter.errors import ListError
from exporter.settings import Client, Discovery, FileSd, HttpSd, Target

DEFAULT_FILE_REFRESH = 300.0
DEFAULT_HTTP_REFRESH = 60.0
SHORTEST_REFRESH = 1.0

_ITEM = "{item}"
_DEFAULT_URL = "http://{item}"
_OTHER_WORD = re.compile(r"\{(?!item\})[^{}]*\}")
# Prometheus' rule: one star, in the last part of the path.
_FILES = re.compile(r"[^*]*(?:\*[^/*]*)?\.(?:json|yml|yaml|JSON|YML|YAML)")
_PARAM_LABEL = "__param_"


def item_param(system: System) -> str | None:
    """Return the parameter whose values are the items of a list; None if items are addresses."""
    required = [name for name, param in system.params.items() if param.default is None]
    return required[0] if len(required) == 1 and required[0] in system.path_params else None


def _check_refresh(value: float) -> float:
    if value < SHORTEST_REFRESH:
        raise fault("a refresh_interval is 1s or longer")
    return value


class FileSdModel(Model):
    """`file_sd` of a discovery, as in Prometheus."""

    files: list[str]
    """Patterns of files, with at most one * in the last part: fleet/*.yaml."""
    refresh_interval: Duration = DEFAULT_FILE_REFRESH
    """How often all files are read again; changes are noticed within seconds."""

    @field_validator("files")
    @classmethod
    def _files(cls, value: list[str]) -> list[str]:
        if not value:
            raise fault("name at least one file or pattern such as fleet/*.yaml")
        for pattern in value:
            if not _FILES.fullmatch(pattern) or "\0" in pattern:
                raise fault(
                    f'"{pattern}" is no pattern such as fleet/*.yaml: it ends in .json, .yml or'
                    " .yaml, and only its last part may have a *"
                )
        return value

    @field_validator("refresh_interval")
    @classmethod
    def _refresh(cls, value: float) -> float:
        return _check_refresh(value)


class HttpSdModel(Model):
    """`http_sd` of a discovery, as in Prometheus."""

    url: str
    """The URL of the list."""
    refresh_interval: Duration = DEFAULT_HTTP_REFRESH
    """How often the list is requested."""
    client: str | None = None
    """The client for the list."""

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        check_url(value, "list's url", userinfo=False, query=True)
        return value

    @field_validator("client")
    @classmethod
    def _client(cls, value: str | None, info: ValidationInfo) -> str | None:
        return check_client(value, info)

    @field_validator("refresh_interval")
    @classmethod
    def _refresh(cls, value: float) -> float:
        return _check_refresh(value)


class DiscoveryModel(PolledModel):
    """One of `discovery`."""

    name: Text = _ITEM
    """The name of each target; {item} is replaced by the item."""
    url: Annotated[str | None, Field(validate_default=True)] = None
    """The URL of each target; {item} is replaced by the item. Without {item} if items are values of a parameter."""
    params: Annotated[dict[str, Text] | None, Field(validate_default=True)] = None
    """Parameters of the system."""
    file_sd: FileSdModel | None = None
    """Lists in files, in Prometheus' format."""
    http_sd: HttpSdModel | None = None
    """A list at a URL, in Prometheus' format."""

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        _check_words(value, "name")
        if _ITEM not in value:
            raise fault("without {item} all targets would have one name")
        return value

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | None, info: ValidationInfo) -> str | None:
        system: System | None = info.data.get("system")
        param = item_param(system) if system else None
        if value is None:
            if system and param:
                raise fault(f"the items are values of {param}: give the url, {system.url_help}")
            return value
        _check_words(value, "url")
        if param and _ITEM in value:
            raise fault(f"the items are values of {param}: leave {{item}} out of the url")
        if system and not param and _ITEM not in value:
            raise fault("without {item} all targets would have one url")
        # Items are not known yet; a sample item must give a URL.
        check_url(value.replace(_ITEM, "1"), "target's url", userinfo=False)
        return value

    @field_validator("params")
    @classmethod
    def _params(cls, value: dict[str, str] | None, info: ValidationInfo) -> dict[str, str]:
        system: System | None = info.data.get("system")
        given = value or {}
        if system is None:
            return given
        param = item_param(system)
        if param in given:
            raise fault(f"{param} is what the items are: leave it out")
        check_params(given if param is None else {**given, param: "1"}, system)
        return given

    @model_validator(mode="after")
    def _check_consistency(self) -> "DiscoveryModel":
        one_of(self, "file_sd", "http_sd")
        return self

    def make(
        self, defaults: GlobalModel, client_of: Callable[[str | None], Client], context: Context
    ) -> Discovery:
        """Return the checked data; `client_of` returns the client of a name."""
        client = client_of(self.client)
        own = GlobalModel.model_construct(
            interval=self.interval or defaults.interval,
            timeout=self.timeout or defaults.timeout,
            max_age=self.max_age or defaults.max_age,
            max_series=self.max_series or defaults.max_series,
        )
        template = ItemTemplate(
            system=self.system,
            item_param=item_param(self.system),
            name=self.name,
            url=self.url,
            params=self.params or {},
            labels=self.labels,
            client=client,
            durations=own,
            context=context,
        )
        source: FileSd | HttpSd
        if self.http_sd:
            host = urlsplit(self.http_sd.url).netloc
            name = f"http_sd:{host}"
            source = HttpSd(
                url=self.http_sd.url,
                refresh_interval=self.http_sd.refresh_interval,
                client=client_of(self.http_sd.client),
            )
        else:
            assert self.file_sd  # noqa: S101 - the validator requires one of the two
            name = f"file_sd:{self.file_sd.files[0]}"
            source = FileSd(
                files=tuple(str(context.folder / pattern) for pattern in self.file_sd.files),
                refresh_interval=self.file_sd.refresh_interval,
            )
        return Discovery(name=name, source=source, client=client, template=template)


@dataclass(frozen=True, kw_only=True)
class ItemTemplate:
    """Makes targets of items, which are validated like configured targets."""

    system: System
    item_param: str | None
    name: str
    url: str | None
    params: Mapping[str, str]
    labels: Mapping[str, str]
    client: Client
    durations: GlobalModel
    context: Context = field(compare=False, repr=False)

    def make(self, item: str, labels: Mapping[str, str]) -> Target:
        """Return the target.

        Raises:
            ListError: The item or the labels of its group are invalid.
        """
        own = {name: text for name, text in labels.items() if not name.startswith("__")}
        given = {
            name.removeprefix(_PARAM_LABEL): text
            for name, text in labels.items()
            if name.startswith(_PARAM_LABEL)
        }
        params = {**self.params, **given}
        if self.item_param:
            if self.item_param in given:
                raise ListError(((("labels",), f"{self.item_param} is what the items are"),))
            params[self.item_param] = item
        data = {
            "name": self.name.replace(_ITEM, item),
            "system": self.system.name,
            "url": self._url(item),
            "params": params,
            "labels": {**self.labels, **own},
        }
        try:
            model = TargetModel.model_validate(data, context=self.context)
        except ValidationError as error:
            faults = error.errors(include_input=False, include_url=False)
            raise ListError(
                tuple((_part_of_group(one["loc"][0], given), one["msg"]) for one in faults)
            ) from None
        return model.make(self.durations, self.client)

    def _url(self, item: str) -> str:
        if self.item_param:
            return self.url or ""
        whole = "://" in item
        if whole and self.url is not None:
            raise ListError((((), "a whole URL stands for itself: leave url out of the entry"),))
        return item if whole else (self.url or _DEFAULT_URL).replace(_ITEM, item)


def _part_of_group(key: object, given: Mapping[str, str]) -> tuple[str, ...]:
    """Return which part of a group has the fault; () is the item itself."""
    return ("labels",) if key == "labels" or (key == "params" and given) else ()


def _check_words(value: str, what: str) -> None:
    other = _OTHER_WORD.search(value)
    if other:
        raise fault(f"the only placeholder in a {what} is {_ITEM}, not {other[0]}")
