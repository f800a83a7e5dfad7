"""The shape of the configuration file: as a JSON Schema for editors, and as rows of a reference."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from exporter.config.fields import FIELD_MODELS
from exporter.config.file import FileModel
from exporter.duration import duration_text

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_EITHER = (UnionType, Union)
_MANY = {list: "list of", dict: "names with"}
_KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


class _Quiet(GenerateJsonSchema):
    # A reading is a function, and its default needs no place in the schema.
    ignored_warning_kinds = {"non-serializable-default"}  # noqa: RUF012 - pydantic's own form


def json_schema() -> dict[str, Any]:
    """Return the schema of a whole file.

    What hangs on more than one key is not in it: `status-exporter check` tells that.
    """
    schema = FileModel.model_json_schema(by_alias=True, schema_generator=_Quiet)
    shown: dict[str, Any] = _tidy(schema)
    return {"$schema": _DIALECT, **shown, "title": "status-exporter configuration"}


def _tidy(part: Any) -> Any:
    """Take out what helps nobody: made-up titles, and nulls, which mean what absence does."""
    if isinstance(part, list):
        return [_tidy(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {
        key: one if key in {"enum", "required"} else _tidy(one)
        for key, one in part.items()
        if not (key == "title" and isinstance(one, str)) and not (key == "default" and one is None)
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
class Row:
    """One key: its place in the file, its kind, its default and what it says."""

    key: str
    kind: str
    default: str
    meaning: str


def rows(model: type[BaseModel] = FileModel, place: str = "") -> Iterator[Row]:
    """Yield every key of the file, each below the one it belongs to."""
    for name, field in model.model_fields.items():
        key = f"{place}{field.alias or name}"
        inner, suffix = _inner(field.annotation)
        yield Row(
            key=key,
            kind=_kind(field),
            default=_default(field),
            meaning=inspect.cleandoc(field.description or ""),
        )
        if inner and inner is not model:
            yield from rows(inner, f"{key}{suffix}.")


def field_rows() -> Mapping[str, list[Row]]:
    """Return the keys of each kind of field, by the key that names the kind."""
    return {
        tag.strip("[]"): list(_plain_rows(model)) for tag, model in sorted(FIELD_MODELS.items())
    }


def _plain_rows(model: type[BaseModel]) -> Iterator[Row]:
    own = list(rows(model))
    # What names the kind comes first; the rest in the order of the declaration.
    names = [field.alias or name for name, field in model.model_fields.items()]
    first = {f"[{name}]": name for name in names}
    wanted = next((first[tag] for tag, one in FIELD_MODELS.items() if one is model), names[0])
    yield from sorted(own, key=lambda row: row.key != wanted)


def _inner(kind: Any) -> tuple[type[BaseModel] | None, str]:
    """Return the mapping that a key holds, and what stands between the two."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind, ""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated or (origin in _EITHER and len(parts) == 2):  # noqa: PLR2004 - or none
        return _inner(parts[0])
    if origin is list:
        return _inner(parts[0])[0], "[]"
    if origin is dict:
        return _inner(parts[1])[0], ".NAME"
    return None, ""


def _kind(field: FieldInfo) -> str:
    return _title(field.metadata) or _written(field.annotation)


def _title(metadata: Iterable[Any]) -> str:
    """Return the name that a kind of values was given."""
    for one in metadata:
        if isinstance(one, WithJsonSchema) and one.json_schema:
            return str(one.json_schema["title"])
    return ""


def _written(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _title(parts) or _written(parts[0])
    if origin in _EITHER:
        return "field" if len(parts) > 2 else _written(parts[0])  # noqa: PLR2004 - one or none
    if origin in _MANY:
        return f"{_MANY[origin]} {_written(parts[-1])}"
    if origin is Literal:
        return " or ".join(str(part) for part in parts)
    is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    return "mapping" if is_model else _KINDS.get(kind, kind.__name__)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is None or not isinstance(value, str | int | float | bool):
        return getattr(value, "__name__", "") if callable(value) else ""
    if isinstance(value, float) and "duration" in _kind(field):
        return duration_text(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
