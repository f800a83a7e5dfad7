"""Describes the configuration file: as a JSON Schema for editors, and as rows of a reference."""

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from exporter.config.file_model import FileModel
from exporter.declare.kinds import FIELD_MODELS
from exporter.declare.model import NamedKind
from exporter.declare.parts import Metric
from exporter.duration import duration_text

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EITHER = (UnionType, Union)
_KINDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Any: "any value",
}


class _Quiet(GenerateJsonSchema):
    # An editor cannot use defaults that are objects of this program.
    ignored_warning_kinds = {"non-serializable-default"}  # noqa: RUF012 - pydantic's own form


def json_schema() -> dict[str, Any]:
    """Return the schema of the file.

    It checks single keys. Only `status-exporter check` finds keys that exclude or require another.
    """
    schema = FileModel.model_json_schema(by_alias=True, schema_generator=_Quiet)
    shown: dict[str, Any] = _tidy(schema)
    return {"$schema": _DIALECT, **shown, "title": "status-exporter configuration"}


def _tidy(part: Any) -> Any:
    """Remove generated titles, and nulls, which mean the same as an absent key."""
    if isinstance(part, list):
        return [_tidy(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {
        key: one if key in {"enum", "required"} else _tidy(one)
        for key, one in part.items()
        if one is not None and not (key == "title" and isinstance(one, str))
    }
    choices = kept.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        rest = [one for one in choices if one != {"type": "null"}]
        del kept["anyOf"]
        kept = {**rest[0], **kept} if len(rest) == 1 else {**kept, "anyOf": rest}
    if isinstance(kept.get("default"), float) and "pattern" in kept:
        kept["default"] = duration_text(kept["default"])
    return kept


@dataclass(frozen=True, kw_only=True)
class ReferenceRow:
    """A key: its path in the file, its type, its default and its description."""

    key: str
    kind: str
    default: str
    meaning: str


def rows(model: type[BaseModel] = FileModel, place: str = "") -> Iterator[ReferenceRow]:
    """Yield every key of the file, each after its parent."""
    for name, field in model.model_fields.items():
        key = f"{place}{field.alias or name}"
        yield ReferenceRow(
            key=key,
            kind=_kind(field),
            default=_default(field),
            meaning=" ".join(inspect.cleandoc(field.description or "").split()),
        )
        if not _name(field.metadata, field.annotation):
            inner, suffix = _inner(field.annotation)
            if inner:
                yield from rows(inner, f"{key}{suffix}.")


@dataclass(frozen=True, kw_only=True)
class FieldKind:
    """A kind of field: the key that names it, its description, and the keys that only it has."""

    key: str
    meaning: str
    rows: tuple[ReferenceRow, ...]


def common_rows() -> tuple[ReferenceRow, ...]:
    """Return the keys that every metric has."""
    return tuple(rows(Metric))


def field_kinds() -> Iterator[FieldKind]:
    """Yield each kind of field, without the keys that every metric has."""
    common = frozenset(common_rows())
    for tag, model in FIELD_MODELS.items():
        key = tag.strip("[]")
        own = [row for row in rows(model) if row not in common]
        # The key that names the kind comes first; the rest in the order of the declaration.
        own.sort(key=lambda row: row.key != key)
        yield FieldKind(key=key, meaning=inspect.getdoc(model) or "", rows=tuple(own))


def _inner(kind: Any) -> tuple[type[BaseModel] | None, str]:
    """Return the model that a key contains, and the separator between both in a path."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, ""
    origin, parts = get_origin(kind), get_args(kind)
    if origin in _EITHER:
        return _inner(parts[0]) if len(parts) == 2 and NoneType in parts else (None, "")  # noqa: PLR2004
    if origin is Annotated:
        return (None, "") if _name(parts[1:], None) else _inner(parts[0])
    if origin is list:
        return _inner(parts[0])[0], "[]"
    if origin is dict:
        return _inner(parts[1])[0], ".NAME"
    return None, ""


def _kind(field: FieldInfo) -> str:
    return _name(field.metadata, field.annotation) or _type_text(field.annotation)


def _name(metadata: Iterable[Any], kind: Any) -> str:
    """Return the name of a type; of an optional type that of its first part; "" if it has none."""
    for one in metadata:
        if isinstance(one, NamedKind):
            return one.kind
        if isinstance(one, WithJsonSchema) and one.json_schema:
            return str(one.json_schema["title"])
    if get_origin(kind) in _EITHER:
        kind = get_args(kind)[0]
    return _name(get_args(kind)[1:], None) if get_origin(kind) is Annotated else ""


def _type_text(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _name(parts[1:], None) or _type_text(parts[0])
    if origin in _EITHER:
        return " or ".join(_type_text(part) for part in parts if part is not NoneType)
    if origin in {list, tuple}:
        return f"list of {_type_text(parts[0])}"
    if origin is dict:
        return f"{'numbers' if parts[0] is int else 'names'} with {_type_text(parts[1])}"
    if origin is Literal:
        return " or ".join(str(part) for part in parts)
    is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    return "mapping" if is_model else _KINDS[kind]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    if value is None or not isinstance(value, str | int | float | bool):
        return getattr(value, "__name__", "") if callable(value) else ""
    if isinstance(value, float) and "duration" in _kind(field):
        return duration_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
