"""Systems that a test declares, and what they read from an answer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import structs

from exporter.config import load_text
from exporter.declare.extraction import Extraction
from exporter.declare.system import System
from exporter.errors import ConfigError
from exporter.http.answer import Answer
from exporter.pipeline.read import parse
from exporter.systems import SYSTEMS
from support.polling import NOW

Field = dict[str, Any]


def system_of(declaration: Mapping[str, Any], name: str = "s") -> System:
    """Load a system as the configuration file does.

    Raises:
        ConfigError: The declaration has faults.
    """
    data = {"systems": {name: dict(declaration)}}
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    return load_text(text, "c", Path(), SYSTEMS, needs_targets=False).systems[name]


def declared(fields: list[Any], **more: Any) -> System:
    """Load a system `s` of one endpoint."""
    return system_of({"endpoints": [{"path": "/x", "fields": fields, **more}]})


def faults_of(declaration: Mapping[str, Any] | list[Any], name: str = "s") -> list[str]:
    """Return every fault of a system, or of one with these fields, each without its line."""
    if isinstance(declaration, list):
        declaration = {"endpoints": [{"path": "/x", "fields": declaration}]}
    try:
        system_of(declaration, name)
    except ConfigError as error:
        return [one.split(": ", 1)[1].removeprefix(f"systems.{name}.") for one in error.faults]
    return []


def extracted(
    system: System, body: bytes, content_type: str = "application/json", params: Any = None
) -> Extraction:
    """Read an answer as a poll does."""
    endpoint = system.endpoints[0]
    tree, broken = parse(Answer(content_type, body, NOW), endpoint)
    return endpoint.extract(tree, params or {}, NOW, broken)


def read(fields: list[Any], tree: Any, params: Mapping[str, str] | None = None) -> Extraction:
    """Read a tree with these fields, and a field that always exists."""
    # Without it, an answer in which nothing is found would fail as a whole.
    always = {"gauge": "s_always", "query": "`0`"}
    system = system_of(
        {
            "endpoints": [{"path": "/x", "fields": [*fields, always]}],
            "params": {name: {"default": ""} for name in params or {}},
        }
    )
    found = system.endpoints[0].extract(tree, params or {}, NOW)
    samples = tuple(one for one in found.samples if one.family != "s_always")
    extraction = Extraction.of(samples, found.faults)
    return structs.replace(extraction, dropped_items=found.dropped_items)


def written(found: Extraction) -> list[str]:
    """Write the samples as `name{label="text"} value`, values with every digit."""
    lines = []
    for family, labels, value in found.samples:
        inside = ",".join(f'{name}="{text}"' for name, text in labels)
        number = repr(value).removesuffix(".0")
        lines.append(f"{family}{{{inside}}} {number}" if inside else f"{family} {number}")
    return lines


def given(
    fields: list[Any] | Field, tree: Any, params: Mapping[str, str] | None = None
) -> list[str]:
    """Return the samples of a field or fields, and after them the faults as `metric! message`."""
    found = read(fields if isinstance(fields, list) else [fields], tree, params)
    return written(found) + [f"{one.metric}! {one.message}" for one in found.faults]


def as_body(tree: Any) -> bytes:
    """Write an answer as JSON."""
    return json.dumps(tree).encode()
