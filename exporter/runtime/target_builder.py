"""Groups go in; targets come out by an entry's template, all of them or none.

What a list held before and holds still is not made again: the same item with the same labels
stays the same Target, so that ten thousand of which a hundred change cost the hundred.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from exporter.errors import ConfigError, ListError
from exporter.runtime.target_groups import MOST_FAULTS, Labels, TargetGroup
from exporter.settings import Target, Template

# Made in a thread: after so many, polls have their turn for a moment. The interpreter by itself
# would let them wait for 5 ms each time.
_A_SLICE = 20
_REST_SECONDS = 0.0005
# The largest list takes half of it.
_MAX_SECONDS = 60.0

Owns = Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class BuiltTargets:
    """The targets of a list by their names, and the names that another one of the list has."""

    targets: Mapping[str, Target] = field(default_factory=dict)
    repeated: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ListResult:
    """What a look at a source brought."""

    built: BuiltTargets | None = None
    """None: what it was before."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why lists are refused at present, by their names."""
    failures: int = 0
    """How many lists were read just now and refused."""


class TargetBuilder:
    """Makes the targets of one list, again and again; of another shard's it only checks them."""

    def __init__(self, template: Template, owns: Owns) -> None:
        self._template = template
        self._owns = owns
        self._known: dict[tuple[str, Labels], Target] = {}

    def build(self, groups: tuple[TargetGroup, ...]) -> BuiltTargets:
        """Make the targets; meant for a thread.

        Raises:
            ListError: Faults of items or labels; what is known stays.
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
                        if len(faults) >= MOST_FAULTS:
                            raise ListError(tuple(faults)) from None
                        continue
                known[key] = target
        if faults:
            raise ListError(tuple(faults))
        self._known = known
        return combine(target for target in known.values() if self._owns(target.name))


def combine(targets: Iterable[Target]) -> BuiltTargets:
    """Put targets together: of two that have one name but differ, the first stays."""
    found: dict[str, Target] = {}
    repeated: list[str] = []
    for target in targets:
        kept = found.setdefault(target.name, target)
        if kept is not target and kept != target:
            repeated.append(target.name)
    return BuiltTargets(targets=found, repeated=tuple(repeated))
