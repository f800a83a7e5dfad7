"""A configuration file, or the flags that stand for one, becomes Settings, or every fault at once."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from exporter.config.document import Document, Location, Told
from exporter.config.targets import FileModel
from exporter.config.values import Context
from exporter.errors import ConfigError, suggestion
from exporter.secret import read_file
from exporter.settings import LARGEST_FILE, Settings
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
}

_Shape = TypeVar("_Shape", bound=BaseModel)


def load_file(path: Path, systems: Mapping[str, System]) -> Settings:
    """Read, check and return the settings of a file.

    Raises:
        ConfigError: Every fault of the file, each with its line and column.
    """
    try:
        text = read_file(path, LARGEST_FILE).decode()
    except UnicodeDecodeError as error:
        raise ConfigError((f"{path}: not UTF-8 at byte {error.start}",)) from None
    except (OSError, ValueError) as error:
        raise ConfigError((f"{path}: {getattr(error, 'strerror', None) or error}",)) from None
    return replace(load_text(text, str(path), path.parent, systems), files=(path,))


def load_text(text: str, name: str, folder: Path, systems: Mapping[str, System]) -> Settings:
    """Do the same for a text; its relative paths are relative to `folder`."""
    document = Document(text, name)
    return _load(document.data, document, folder, systems)


def load_flags(
    data: dict[str, Any], flags: Mapping[Location, str], systems: Mapping[str, System]
) -> Settings:
    """Do the same for one target given on the command line; `flags` names what each part came by."""
    return _load(data, _Flags(flags), Path(), systems)


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
    data: dict[str, Any],
    source: Document | _Flags,
    folder: Path,
    systems: Mapping[str, System],
) -> Settings:
    context = Context(folder=folder, systems=systems, environment=os.environ)
    more = (source.told(*one) for one in (*_repeated_names(data), *_misplaced_logins(data)))
    return validated(FileModel, data, source, context, more).make()


def validated(
    shape: type[_Shape],
    data: dict[str, Any],
    source: Document | _Flags,
    context: object,
    more: Iterable[Told] = (),
) -> _Shape:
    """Return the data in the shape of a file; `more` are faults that were found before.

    Raises:
        ConfigError: Every fault of it, in the order of the file.
    """
    faults = [*source.faults, *more]
    try:
        model = shape.model_validate(data, context=context)
    except ValidationError as error:
        errors = error.errors(include_input=False, include_url=False)
        faults += [source.told(*_worded(one, shape)) for one in errors]
    else:
        if not faults:
            return model
    raise ConfigError(tuple(text for _, text in sorted(faults)))


def _repeated_names(data: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    seen: dict[str, int] = {}
    targets = data.get("targets")
    for index, target in enumerate(targets if isinstance(targets, list) else ()):
        name = target.get("name") if isinstance(target, dict) else None
        if isinstance(name, str | int):
            first = seen.setdefault(str(name), index)
            if first != index:
                yield ("targets", index, "name"), f'targets[{first}] is named "{name}" too'


def _misplaced_logins(data: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    """Find the targets of other systems, which a Webitel's password would be sent to."""
    clients, targets = data.get("clients"), data.get("targets")
    with_login = {
        name
        for name, client in (clients.items() if isinstance(clients, dict) else ())
        if isinstance(client, dict) and client.get("webitel_login") is not None
    }
    for index, target in enumerate(targets if isinstance(targets, list) else ()):
        if not isinstance(target, dict) or target.get("system") == "webitel":
            continue
        client = target.get("client")
        if isinstance(client, str) and client in with_login:
            yield (
                ("targets", index, "client"),
                f"{client} has a webitel_login, which is for the system webitel alone",
            )


def _worded(error: Any, shape: type[BaseModel]) -> tuple[Location, str]:
    location: Location = tuple(part for part in error["loc"] if part != "[key]")
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _known_keys(location[:-1], shape)
        return location, f"unknown key; {suggestion(str(location[-1]), known)}"
    return location, _MESSAGES.get(kind, error["msg"])


def _known_keys(location: Location, shape: type[BaseModel]) -> frozenset[str]:
    """Return the keys that the mapping at this location may have."""
    kind: Any = shape
    for part in location:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {one.alias or name: one for name, one in kind.model_fields.items()}
            kind = fields[str(part)].annotation
        else:
            kind = get_args(kind)[-1]
        if isinstance(kind, UnionType):
            kind = get_args(kind)[0]
    return frozenset(one.alias or name for name, one in kind.model_fields.items())
