"""A configuration of prometheus-community/json_exporter as `systems` and `clients`.

Each module becomes a system, and its `http_client_config` a client of the same name.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from exporter.config.load import validate
from exporter.convert.commented_yaml import Comment, yaml_text
from exporter.convert.module_fields import (
    RESERVED_PREFIXES,
    Declared,
    Fields,
    ModuleMetric,
    common_prefix,
    convert_metric,
    declarations,
    differs,
    snake_case,
)
from exporter.convert.module_request import (
    ModuleRequest,
    convert_client,
    convert_params,
    convert_request,
)
from exporter.declare.document import Document


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


_Text = Annotated[str, BeforeValidator(_as_text)]
_Texts = dict[str, _Text]


class _Model(BaseModel):
    """A mapping of the configuration; json_exporter ignores keys that it does not know."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: one for key, one in value.items() if one is not None}
        return value


class _Metric(_Model):
    name: Annotated[_Text, Field(min_length=1)]
    path: _Text = ""
    type: Literal["value", "object"] = "value"
    valuetype: Literal["gauge", "counter", "untyped"] = "untyped"
    help: _Text = ""
    labels: _Texts = Field(default_factory=dict)
    values: _Texts = Field(default_factory=dict)
    allow_missing_key: bool = False
    epochtimestamp: _Text = ""

    def make(self) -> ModuleMetric:
        """Return the checked data."""
        extra = dict(self.model_extra or {})
        # The documented spelling; the YAML library of json_exporter knows the other one.
        timestamp = self.epochtimestamp or str(extra.pop("epochTimestamp", ""))
        return ModuleMetric(
            name=self.name,
            path=self.path,
            type=self.type,
            value_type=self.valuetype,
            help=self.help if self.help != self.name else "",
            labels=self.labels,
            values=self.values if self.type == "object" else {},
            timestamp=timestamp,
            unknown=tuple(sorted(map(str, extra))),
        )


class _Body(_Model):
    content: _Text = ""
    templatize: bool = False


_Section = dict[str, Any]
_Plain = dict[Any, Any]


class _Client(_Model):
    basic_auth: _Texts | None = None
    authorization: _Texts | None = None
    oauth2: _Section | None = None
    bearer_token: _Text | None = None
    bearer_token_file: _Text | None = None
    tls_config: _Section | None = None
    proxy_url: _Text | None = None
    follow_redirects: bool | None = None
    http_headers: dict[str, _Section] | None = None


class _Module(_Model):
    headers: _Texts = Field(default_factory=dict)
    metrics: list[_Metric] = Field(default_factory=list)
    http_client_config: _Client | None = None
    body: _Body = Field(default_factory=_Body)
    valid_status_codes: list[int] = Field(default_factory=list)

    def request(self) -> ModuleRequest:
        """Return the module's request."""
        client = self.http_client_config
        return ModuleRequest(
            headers=self.headers,
            body=self.body.content,
            is_template=self.body.templatize,
            valid_status_codes=tuple(self.valid_status_codes),
            client=client.model_dump(exclude_none=True) if client else None,
        )


class _Config(_Model):
    modules: Annotated[dict[_Text, _Module], Field(min_length=1)]


def convert(text: str, name: str) -> str:
    """Return the configuration as YAML of this exporter, with comments.

    `name` is the file's, for messages.

    Raises:
        ConfigError: The text is not YAML, or not a configuration with `modules`.
    """
    source = Document(text, name)
    config = validate(_Config, source.data, source, None)
    systems: _Plain = {}
    clients: _Plain = {}
    notes: _Plain = {}
    known: Declared = {}
    for module_name, module in config.modules.items():
        name_here = _free_name(snake_case(module_name), systems)
        metrics = tuple(one.make() for one in module.metrics)
        prefix = _prefix(metrics, name_here, known)
        fields = _fields(metrics, prefix, known)
        if all(isinstance(one, Comment) for one in fields):
            why = Comment(f"The module {module_name} has no metric that can be converted.")
            notes |= dict.fromkeys([why, *fields])
            continue
        known = {**known, **declarations(metrics, prefix)}
        systems[name_here] = _system(module, module_name, name_here, prefix, fields)
        client = convert_client(module.request())
        if client:
            clients[name_here] = client
    # Comments are keys of a mapping, with any value.
    document = {**_head(name, systems, clients), **notes, "systems": systems}
    return yaml_text({**document, **({"clients": clients} if clients else {})})


def _head(name: str, systems: _Plain, clients: _Plain) -> _Plain:
    first = f"Converted from {name}. What json_exporter was given as target=URL is a target:"
    lines = [first, "", "  targets:"]
    for system in systems:
        client = f", client: {system}" if system in clients else ""
        lines.append(f"    - {{name: {system}, system: {system}, url: http://HOST{client}}}")
    return dict.fromkeys(map(Comment, lines))


def _free_name(name: str, taken: _Plain) -> str:
    name = f"module_{name}" if name.partition("_")[0] in RESERVED_PREFIXES else name
    number, unused = 2, name
    while unused in taken:
        unused, number = f"{name}_{number}", number + 1
    return unused


def _prefix(metrics: tuple[ModuleMetric, ...], system: str, known: Declared) -> str:
    """Return the prefix of metrics: the system's name if they differ from another module's."""
    prefix = common_prefix((name for one in metrics for name in one.names), system)
    return system if differs(declarations(metrics, prefix), known) else prefix


def _fields(metrics: tuple[ModuleMetric, ...], prefix: str, known: Declared) -> Fields:
    fields: Fields = []
    for one in metrics:
        own = declarations([one], prefix)
        if differs(own, known):
            why = f"{one.name}: not converted: it is declared before, in another way."
            fields.append(Comment(why))
            continue
        known = {**known, **own}
        fields += convert_metric(one, prefix)
    return fields


def _system(module: _Module, module_name: str, system: str, prefix: str, fields: Fields) -> _Plain:
    """Return the system's keys."""
    request = module.request()
    unknown = (Comment(f"json_exporter ignores {key}.") for key in sorted(module.model_extra or ()))
    made: _Plain = {**dict.fromkeys(unknown), "title": f"{module_name} (from json_exporter)"}
    if prefix != system:
        made["prefix"] = prefix
    if params := convert_params(request):
        made["params"] = params
    path = Comment("The path of target=URL goes here, its scheme and host into the target's url.")
    made["endpoints"] = [{path: None, "path": "/", **convert_request(request), "fields": fields}]
    return made
