"""Parses target lists in Prometheus' format into groups, or returns all of their faults.

A list is JSON or YAML: `[{"targets": ["host:port"], "labels": {"site": "ams"}}]`, and a group has no
other keys. Items and label values must be strings: numbers in JSON are refused, as by Prometheus.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

from exporter.declare.document import Document, Location, location_text
from exporter.errors import ConfigError, ListError, suggestion

MAX_LIST_SIZE = 16 * 1024 * 1024
"""Bytes of a list: a hundred times the size of ten thousand targets."""

MAX_PARTS = 200_000
"""Targets of a list, and labels of its groups."""

MAX_ITEM = 2048
"""Characters of an item, which may be a URL."""

MAX_LABELS_SIZE = 64 * 1024 * 1024
"""Characters of the labels of all targets of a list: each target has those of its group."""

# Keys, values and punctuation of a list with that many parts; longer ones are not parsed.
_MAX_MARKS = 5 * MAX_PARTS

_KEYS = frozenset({"targets", "labels"})
# Of a list that is wrong throughout, the first faults are enough.
MAX_LIST_FAULTS = 20
MAX_FAULT = 500
"""Characters of a fault that are shown: a key or item may have a megabyte."""
# Finding the line of a fault in a larger text takes too long.
_MAX_LOCATED = 1024 * 1024

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Items with common labels."""

    items: tuple[str, ...]
    labels: Labels = ()

    @property
    def labels_size(self) -> int:
        """Characters of the labels of all of its targets."""
        return len(self.items) * sum(len(name) + len(text) for name, text in self.labels)


@dataclass(frozen=True, slots=True)
class ListText:
    """The text of a list; `name` is the file's, for messages."""

    content: bytes
    name: str
    is_yaml: bool = False

    def groups(self) -> tuple[TargetGroup, ...]:
        """Parse it.

        Raises:
            ListError: Faults of its parts.
            ConfigError: It is not JSON or YAML, or not a list.
        """
        try:
            text = self.content.decode()
        except UnicodeDecodeError as error:
            raise ConfigError((f"{self.name}: not UTF-8 at byte {error.start}",)) from None
        data = self._yaml(text) if self.is_yaml else self._json(text)
        # YAML aliases can repeat a part of a small list a million times.
        if sum(map(_parts, data)) > MAX_PARTS:
            raise self._too_many()
        faults = tuple(islice(_faults(data, numbers=self.is_yaml), MAX_LIST_FAULTS))
        if faults:
            raise ListError(faults)
        groups = tuple(map(_group, data))
        if sum(group.labels_size for group in groups) > MAX_LABELS_SIZE:
            size = f"{MAX_LABELS_SIZE} characters"
            raise ConfigError((f"{self.name}: the labels of all targets have more than {size}",))
        return groups

    def _too_many(self) -> ConfigError:
        return ConfigError((f"{self.name}: more than {MAX_PARTS} targets and labels",))

    def _yaml(self, text: str) -> Any:
        document = Document(text, self.name, list, _MAX_MARKS)
        if document.faults:
            raise ConfigError(tuple(fault for _, fault in sorted(document.faults)))
        return document.data

    def _json(self, text: str) -> Any:
        if sum(map(text.count, ",[{")) > _MAX_MARKS:
            raise self._too_many()
        try:
            data = json.loads(text, object_pairs_hook=unique_keys, parse_constant=_refuse)
        except json.JSONDecodeError as error:
            place = f"{self.name}:{error.lineno}:{error.colno}"
            raise ConfigError((f"{place}: not valid JSON: {error.msg}",)) from None
        except RecursionError:
            raise ConfigError((f"{self.name}: not valid JSON: too many levels",)) from None
        except ValueError as error:
            raise ConfigError((f"{self.name}: not valid JSON: {error}",)) from None
        if not isinstance(data, list):
            raise ConfigError((f"{self.name}:1:1: the list must be a list of groups; [] for none",))
        return data

    def format_faults(self, error: ListError) -> tuple[str, ...]:
        """Return a message for each fault, with its line where that can be found."""
        faults = tuple(dict.fromkeys(error.faults))[:MAX_LIST_FAULTS]
        if len(self.content) <= _MAX_LOCATED:
            with suppress(ConfigError):  # JSON is YAML, or nearly so.
                document = Document(self.content.decode(), self.name, list)
                return tuple(text for _, text in sorted(document.locate(*one) for one in faults))
        return tuple(f"{self.name}: {location_text(place)}: {message}" for place, message in faults)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a mapping.

    Raises:
        ValueError: A key is repeated.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set[str]()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f'the key "{name}" is given twice')
            seen.add(name)
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _parts(group: Any) -> int:
    parts = group.values() if isinstance(group, dict) else ()
    return 1 + sum(len(part) for part in parts if isinstance(part, list | dict))


def _group(group: dict[str, Any]) -> TargetGroup:
    labels = group.get("labels") or {}
    return TargetGroup(
        tuple(map(str, group.get("targets") or ())),
        tuple(sorted((name, str(text)) for name, text in labels.items())),
    )


def _faults(data: Sequence[Any], *, numbers: bool) -> Iterator[tuple[Location, str]]:
    for index, group in enumerate(data):
        if not isinstance(group, dict):
            yield (index,), "a group is a mapping with targets and labels"
            continue
        for key in group.keys() - _KEYS:
            yield (index, str(key)), f"unknown key; {suggestion(str(key), _KEYS)}"
        for place, message in _part_faults(group, numbers=numbers):
            yield (index, *place), message


def _part_faults(group: dict[str, Any], *, numbers: bool) -> Iterator[tuple[Location, str]]:
    items, labels = group.get("targets"), group.get("labels")
    if not isinstance(items, list | None):
        yield ("targets",), "must be a list"
    else:
        for number, item in enumerate(items or ()):
            if not _is_text(item, numbers=numbers):
                yield ("targets", number), "must be a text; quote it"
            elif len(str(item)) > MAX_ITEM:
                yield ("targets", number), f"has more than {MAX_ITEM} characters"
    if not isinstance(labels, dict | None):
        yield ("labels",), "must be a mapping of keys to values"
    else:
        for name, text in (labels or {}).items():
            if not isinstance(name, str) or not _is_text(text, numbers=numbers):
                yield ("labels", str(name)), "must be a text; quote it"


def _is_text(value: Any, *, numbers: bool) -> bool:
    # An unquoted server ID is a number in YAML; Prometheus accepts it as text.
    return isinstance(value, str) or (numbers and type(value) is int)
