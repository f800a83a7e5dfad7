"""A configuration file, or the flags that stand for one, becomes Settings, or every fault at once."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from glob import glob
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from exporter.config.document import Document, Location, Told
from exporter.config.fields import FIELD_MODELS, KINDS
from exporter.config.systems import SystemsFileModel
from exporter.config.targets import FileModel
from exporter.config.values import TOLD, Context
from exporter.errors import ConfigError, suggestion
from exporter.settings import Settings
from exporter.spec import System

# What pydantic says, in the words of a person with a file to mend. Fields' own rules are not here.
_MESSAGES = {
    "missing": "this key is required",
    "string_type": "must be a text; quote it",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of keys to values",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be a mapping of keys to values",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "union_tag_invalid": "a field of this kind cannot stand here",
    "union_tag_not_found": f"a field has one of the keys {', '.join(KINDS)}",
}


def load_file(path: Path, systems: Mapping[str, System]) -> Settings:
    """Read, check and return the settings of a file.

    Raises:
        ConfigError: Every fault of the file, each with its line and column.
    """
    settings = load_text(_read(path), str(path), path.parent, systems)
    return replace(settings, files=(path, *settings.files))


def load_text(text: str, name: str, folder: Path, systems: Mapping[str, System]) -> Settings:
    """Do the same for a text; its relative paths are relative to `folder`."""
    document = Document(text, name)
    context = Context(folder=folder, systems=systems, environment=os.environ)
    faults = list[Told]()
    files = tuple(_system_files(document, folder, faults))
    for file in files:
        faults += _add_systems(file, context)
    settings = _load(document.data, document, context, faults)
    own = {name: one for name, one in context.systems.items() if name not in systems}
    return replace(settings, files=files, systems=own)


def load_flags(
    data: dict[str, Any], flags: Mapping[Location, str], systems: Mapping[str, System]
) -> Settings:
    """Do the same for one target given on the command line; `flags` names what each part came by."""
    context = Context(folder=Path(), systems=systems, environment=os.environ)
    return _load(data, _Flags(flags), context, [])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError((f"{path}: {error.strerror}",)) from None
    except UnicodeDecodeError as error:
        raise ConfigError((f"{path}: not UTF-8 at byte {error.start}",)) from None


def _system_files(document: Document, folder: Path, faults: list[Told]) -> Iterator[Path]:
    """Yield the files that `system_files` names, each once; a name that finds none is a fault."""
    seen: set[Path] = set()
    names = document.data.get("system_files")
    for index, name in enumerate(names if isinstance(names, list) else ()):
        if not isinstance(name, str):
            continue  # Which the model tells.
        # Path.glob knows no pattern that begins at the root.
        found = [Path(one) for one in sorted(glob(str(folder / name)))]  # noqa: PTH207
        if not found:
            faults.append(document.told(("system_files", index), f'no file is named "{name}"'))
        yield from (path for path in found if path not in seen)
        seen |= set(found)


def _add_systems(path: Path, context: Context) -> Iterator[Told]:
    """Add a file's systems to those of the context; yields its faults."""
    try:
        document = Document(_read(path), str(path))
    except ConfigError as error:
        yield from (((0, 0), fault) for fault in error.faults)
        return
    yield from document.faults
    try:
        SystemsFileModel.model_validate(document.data, context=context)
    except ValidationError as error:
        yield from _told(error, document, SystemsFileModel)
    yield from _late(context, document)


class _Flags:
    """What stands in for a document where the configuration came by flags."""

    faults: tuple[Told, ...] = ()

    def __init__(self, flags: Mapping[Location, str]) -> None:
        self._flags = flags

    def told(self, location: Location, message: str) -> Told:
        """Return the message behind the flag that gave the part, or the one nearest to it."""
        while location and location not in self._flags:
            location = location[:-1]
        flag = self._flags.get(location, "--url")
        return (list(self._flags.values()).index(flag), 0), f"{flag}: {message}"


def _load(
    data: dict[str, Any], source: Document | _Flags, context: Context, faults: list[Told]
) -> Settings:
    own = [*source.faults, *(source.told(*one) for one in _repeated_names(data))]
    model = None
    try:
        model = FileModel.model_validate(data, context=context)
    except ValidationError as error:
        own += _told(error, source, FileModel)
    own += _late(context, source)
    if model and not own and not faults:
        return model.make()
    raise ConfigError(tuple(text for _, text in (*faults, *sorted(own))))


def _late(context: Context, source: Document | _Flags) -> Iterator[Told]:
    while context.late:
        yield source.told(*context.late.pop())


def _told(
    error: ValidationError, source: Document | _Flags, model: type[BaseModel]
) -> Iterator[Told]:
    for one in error.errors(include_input=False, include_url=False):
        if one["type"] != TOLD:
            yield source.told(*_worded(one, model))


def _repeated_names(data: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    seen: dict[str, int] = {}
    targets = data.get("targets")
    for index, target in enumerate(targets if isinstance(targets, list) else ()):
        name = target.get("name") if isinstance(target, dict) else None
        if isinstance(name, str | int):
            first = seen.setdefault(str(name), index)
            if first != index:
                yield ("targets", index, "name"), f'targets[{first}] is named "{name}" too'


def _worded(error: Any, model: type[BaseModel]) -> tuple[Location, str]:
    marked: Location = tuple(part for part in error["loc"] if part != "[key]")
    location = tuple(part for part in marked if part not in FIELD_MODELS)
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _known_keys(marked[:-1], model)
        return location, f"unknown key; {suggestion(str(marked[-1]), known)}"
    message = _MESSAGES.get(kind, error["msg"])
    return location, message.format_map(error.get("ctx", {})) if kind in _MESSAGES else message


def _known_keys(location: Location, kind: Any) -> frozenset[str]:
    """Return the keys that the mapping at this location may have."""
    for part in location:
        if part in FIELD_MODELS:
            kind = FIELD_MODELS[str(part)]
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {one.alias or name: one for name, one in kind.model_fields.items()}
            kind = fields[str(part)].annotation
        else:
            kind = get_args(kind)[-1]
        if isinstance(kind, UnionType):
            kind = get_args(kind)[0]
    return frozenset(one.alias or name for name, one in kind.model_fields.items())
