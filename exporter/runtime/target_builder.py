"""Builds the targets of a list from its groups and the template of its discovery: all or none.

An item with unchanged labels keeps its Target object, so that a list of ten thousand with a hundred
changes costs a hundred.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from exporter.errors import ConfigError, ListError
from exporter.runtime.target_groups import MAX_LIST_FAULTS, Labels, TargetGroup
from exporter.settings import Target, Template

# This runs in a thread, which sleeps after so many targets. Otherwise it would keep the GIL from the
# event loop for 5 ms at a time.
_A_SLICE = 20
_REST_SECONDS = 0.0005
# Twice what the largest list takes.
_MAX_SECONDS = 60.0

Owns = Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class BuiltTargets:
    """The targets of a list by name, and the names that occur more than once."""

    targets: Mapping[str, Target] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ListResult:
    """The result of a refresh."""

    built: BuiltTargets | None = None
    """None: unchanged."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why lists are refused now, by their names."""
    failures: int = 0
    """How many lists this refresh read and refused."""


class TargetBuilder:
    """Builds the targets of one list; targets of other shards are only checked."""

    def __init__(self, template: Template, owns: Owns) -> None:
        self._template = template
        self._owns = owns
        self._known: dict[tuple[str, Labels], Target] = {}

    def build(self, groups: tuple[TargetGroup, ...]) -> BuiltTargets:
        """Build the targets; call it in a thread.

        Raises:
            ListError: Faults of items or labels.
            ConfigError: It takes too long.
        """
        until = time.monotonic() + _MAX_SECONDS
        known: dict[tuple[str, Labels], Target] = {}
        faults: list[tuple[tuple[str | int, ...], str]] = []
        made = 0
        for index, group in enumerate(groups):
            labels = dict(group.labels)
            for number, item in enumerate(group.items):
                key = (item, group.labels)
                target = self._known.get(key)
                if target is None:
                    made += 1
                    if made % _A_SLICE == 0:
                        time.sleep(_REST_SECONDS)
                        if time.monotonic() > until:
                            why = f"the list takes longer than {_MAX_SECONDS:g}s to read"
                            raise ConfigError((why,))
                    try:
                        target = self._template.make(item, labels)
                    except ListError as error:
                        for place, message in error.faults:
                            faults.append(((index, *(place or ("targets", number))), message))
                        if len(faults) >= MAX_LIST_FAULTS:
                            raise ListError(tuple(faults)) from None
                        continue
                known[key] = target
        if faults:
            raise ListError(tuple(faults))
        self._known = known
        return combine(target for target in known.values() if self._owns(target.name))


def combine(targets: Iterable[Target]) -> BuiltTargets:
    """Merge targets; of different ones with the same name, the first is used."""
    found: dict[str, Target] = {}
    repeated: list[str] = []
    for target in targets:
        kept = found.setdefault(target.name, target)
        if kept is not target and kept != target:
            repeated.append(target.name)
    return BuiltTargets(targets=found, repeated=tuple(repeated))
