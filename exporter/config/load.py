"""Reads a configuration file, or the flags that replace one, into Settings, or reports all faults."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from glob import glob
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from exporter.config.file_model import FileModel
from exporter.config.system_files import TAGS, SystemsFile
from exporter.config.values import REPORTED, Context, looks_like_variable
from exporter.declare.document import Document, LocatedMessage, Location
from exporter.declare.kinds import FIELD_MODELS, KINDS
from exporter.declare.system import System
from exporter.errors import ConfigError, suggestion
from exporter.settings import LARGEST_FILE, Settings
from exporter.toolkit.read_file import content_digest, read_file

_LIST = 'must be a list: [...], or lines that begin with "- "'
# Messages for pydantic's error types. Our own validators have theirs.
_MESSAGES = {
    "missing": "this key is required",
    "string_type": "must be a text; quote it",
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping of keys to values",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "model_type": "must be a mapping of keys to values",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "union_tag_invalid": "a field of this kind is not allowed here",
    "union_tag_not_found": f"a field has one of the keys {', '.join(KINDS)}",
}


SECRET_KEYS = frozenset({"password", "credentials", "client_secret", "secrets", "key", "proxy_url"})
"""The keys of a client that take environment variables."""

_IN_PLACE_OF_VARIABLE = {
    "username": "use username_file, or write the value itself",
    "values": "use secrets or files in place of values",
}

_Shape = TypeVar("_Shape", bound=BaseModel)


def load_file(path: Path, systems: Mapping[str, System], *, needs_targets: bool = True) -> Settings:
    """Read a configuration file; without `needs_targets` it may have nothing to poll.

    Raises:
        ConfigError: All faults of the file, each with its line and column.
    """
    text = read_text(path)
    settings = load_text(text, str(path), path.parent, systems, needs_targets=needs_targets)
    return replace(settings, files={path: content_digest(text.encode()), **settings.files})


def load_text(
    text: str,
    name: str,
    folder: Path,
    systems: Mapping[str, System],
    *,
    needs_targets: bool = True,
) -> Settings:
    """Read a configuration text; its paths are relative to `folder`, and `name` is for messages."""
    document = Document(text, name)
    context = Context(
        folder=folder, systems=systems, environment=os.environ, needs_targets=needs_targets
    )
    paths, faults = _system_files(document, folder)
    files = dict[Path, bytes]()
    for path in paths:
        try:
            declarations = read_text(path)
        except ConfigError as error:
            faults += [((0, 0), fault) for fault in error.faults]
        else:
            files[path] = content_digest(declarations.encode())
            faults += _add_text(declarations, str(path), context)
    settings = _load(document.data, document, context, faults)
    own = {name: one for name, one in context.systems.items() if name not in systems}
    return replace(settings, files=files, systems=own)


def load_systems(texts: Mapping[str, str]) -> Mapping[str, System]:
    """Return the systems that are declared in texts, which have the names of their files.

    Raises:
        ConfigError: All faults of the texts, each with its line and column.
    """
    context = Context(folder=Path(), systems={}, environment={})
    faults = [fault for name, text in texts.items() for fault in _add_text(text, name, context)]
    if faults:
        raise ConfigError(tuple(fault for _, fault in faults))
    return context.systems


def load_flags(
    data: dict[str, Any], flags: Mapping[Location, str], systems: Mapping[str, System]
) -> Settings:
    """Read a target that flags describe; `flags` maps each location in the data to its flag."""
    context = Context(folder=Path(), systems=systems, environment=os.environ)
    return _load(data, _Flags(flags), context, [])


def read_text(path: Path) -> str:
    """Return the text of a configuration file; raise ConfigError if it cannot be read."""
    try:
        return read_file(path, LARGEST_FILE).decode()
    except UnicodeDecodeError as error:
        raise ConfigError((f"{path}: not UTF-8 at byte {error.start}",)) from None
    except (OSError, ValueError) as error:
        raise ConfigError((f"{path}: {getattr(error, 'strerror', None) or error}",)) from None


def _system_files(
    document: Document, folder: Path
) -> tuple[tuple[Path, ...], list[LocatedMessage]]:
    """Return each file of `system_files` once, and a fault for each pattern without a file."""
    files, faults = dict[Path, None](), list[LocatedMessage]()
    names = document.data.get("system_files")
    for index, name in enumerate(names if isinstance(names, list) else ()):
        if not isinstance(name, str):
            continue  # The model reports it.
        # Path.glob rejects absolute patterns.
        found = [Path(one) for one in sorted(glob(str(folder / name)))]  # noqa: PTH207
        if not found:
            faults.append(document.locate(("system_files", index), f'no file is named "{name}"'))
        files |= dict.fromkeys(found)
    return tuple(files), faults


def _add_text(text: str, name: str, context: Context) -> Iterator[LocatedMessage]:
    """Add a file's systems to the context; yield the faults."""
    try:
        document = Document(text, name)
    except ConfigError as error:
        yield from (((0, 0), fault) for fault in error.faults)
        return
    _, faults = _validate(SystemsFile, document.data, document, context)
    yield from sorted(faults)


# By the message about a key of the file.
_FLAG_MESSAGES = {
    "this key is required": "this flag is required",
    "needs username or username_file": "needs --username, too",
    "needs password or password_file": "needs --password-file, too",
}


class _Flags:
    """Replaces the document if flags are the configuration."""

    faults: tuple[LocatedMessage, ...] = ()

    def __init__(self, flags: Mapping[Location, str]) -> None:
        self._flags = flags

    def locate(self, location: Location, message: str) -> LocatedMessage:
        """Return the message after the flag of this location, or of the closest one above it."""
        while location and location not in self._flags:
            location = location[:-1]
        flag = self._flags.get(location, "--url")
        message = _FLAG_MESSAGES.get(message, message)
        return (list(self._flags.values()).index(flag), 0), f"{flag}: {message}"


def _load(
    data: dict[str, Any], source: Document | _Flags, context: Context, faults: list[LocatedMessage]
) -> Settings:
    found = (*_repeated_names(data), *_logins_of_lists(data), *_variables(data))
    more = (source.locate(*one) for one in found)
    return validate(FileModel, data, source, context, (*faults, *more)).make(context)


def validate(
    shape: type[_Shape],
    data: dict[str, Any],
    source: Document | _Flags,
    context: object,
    more: Iterable[LocatedMessage] = (),
) -> _Shape:
    """Return the data as a model; `more` are faults that were found before.

    Raises:
        ConfigError: All faults, in the order of the file.
    """
    model, faults = _validate(shape, data, source, context)
    faults += more
    if model and not faults:
        return model
    raise ConfigError(tuple(text for _, text in sorted(faults)))


def _validate(
    shape: type[_Shape], data: dict[str, Any], source: Document | _Flags, context: object
) -> tuple[_Shape | None, list[LocatedMessage]]:
    """Return the data as a model, and all faults; without a model there is at least one."""
    model, found = None, list[tuple[Location, str]]()
    try:
        model = shape.model_validate(data, context=context)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            if one["type"] != REPORTED:
                found.append(_message_of(one, shape))
    if isinstance(context, Context):
        found += context.late
        context.late = []
    distinct: dict[tuple[object, ...], LocatedMessage] = {}
    for location, message in found:
        fault = source.locate(location, message)
        # A fault in an anchor has the same position wherever the anchor is used. So have two keys
        # that are missing in one mapping, which differ by the key.
        distinct.setdefault((fault[0], location[-1:], message), fault)
    return model, [*source.faults, *distinct.values()]


def _repeated_names(data: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    seen: dict[str, int] = {}
    targets = data.get("targets")
    for index, target in enumerate(targets if isinstance(targets, list) else ()):
        name = target.get("name") if isinstance(target, dict) else None
        if isinstance(name, str | int):
            first = seen.setdefault(str(name), index)
            if first != index:
                yield (
                    ("targets", index, "name"),
                    f'"{name}" is already the name of targets[{first}]',
                )


def _variables(data: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    """Find texts that look like environment variables in keys that do not expand them.

    Only secrets expand them, as every other value may be shown.
    """
    for section in ("clients", "discovery", "targets"):
        for location, text in _texts_with_dollar(data.get(section), (section,)):
            key = next(part for part in reversed(location) if isinstance(part, str))
            is_secret = location[0] == "clients" and key in SECRET_KEYS
            if not is_secret and looks_like_variable(text):
                more = _IN_PLACE_OF_VARIABLE.get(key, "write the value itself")
                yield location, f"only secrets take environment variables: {more}"


def _texts_with_dollar(value: Any, location: Location) -> Iterator[tuple[Location, str]]:
    """Yield every text with a dollar sign in a part of the file, with its location."""
    parts = value.items() if isinstance(value, dict) else ()
    for key, one in enumerate(value) if isinstance(value, list) else parts:
        if isinstance(one, dict | list):
            yield from _texts_with_dollar(one, (*location, key))
        elif isinstance(one, str) and "$" in one:
            yield (*location, key), one


def _logins_of_lists(data: dict[str, Any]) -> Iterator[tuple[Location, str]]:
    """Find lists whose client has a login, which only polls of targets use."""
    entries = data.get("discovery")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        source = entry.get("http_sd") if isinstance(entry, dict) else None
        client = source.get("client") if isinstance(source, dict) else None
        for login in ("oauth2", "login"):
            if isinstance(client, str) and client in _clients_with(login, data):
                location = ("discovery", index, "http_sd", "client")
                yield location, f"{client} has {login}, which is for targets and not for lists"


def _clients_with(login: str, data: dict[str, Any]) -> frozenset[str]:
    clients = data.get("clients")
    return frozenset(
        name
        for name, client in (clients.items() if isinstance(clients, dict) else ())
        if isinstance(client, dict) and client.get(login) is not None
    )


def _message_of(error: Any, shape: type[BaseModel]) -> tuple[Location, str]:
    marked: Location = tuple(part for part in error["loc"] if part != "[key]")
    location = tuple(part for part in marked if part not in TAGS)
    kind = error["type"]
    if kind == "extra_forbidden":
        known = _known_keys(marked[:-1], shape)
        return location, f"unknown key; {suggestion(str(marked[-1]), known)}"
    message = _MESSAGES.get(kind, error["msg"])
    return location, message.format_map(error.get("ctx", {})) if kind in _MESSAGES else message


def _known_keys(location: Location, kind: Any) -> frozenset[str]:
    """Return the keys that the mapping at this location may have."""
    for at, part in reversed([*enumerate(location)]):
        if part in FIELD_MODELS:
            kind, location = FIELD_MODELS[str(part)], location[at + 1 :]
            break
    for part in location:
        if part in TAGS:
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {one.alias or name: one for name, one in kind.model_fields.items()}
            kind = fields[str(part)].annotation
        else:
            kind = get_args(kind)[-1]
        kind = _mapping_of(kind)
    return frozenset(one.alias or name for name, one in kind.model_fields.items())


def _mapping_of(kind: Any) -> Any:
    """Return the model within an annotated, optional or union type; else its first type."""
    while get_origin(kind) in {Annotated, Union, UnionType}:
        inner = [_mapping_of(one) for one in get_args(kind)]
        models = (one for one in inner if isinstance(one, type) and issubclass(one, BaseModel))
        kind = next(models, inner[0])
    return kind
