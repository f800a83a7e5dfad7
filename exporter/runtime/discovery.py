"""Merges the configured targets with the lists of all discoveries into the live set of targets.

If two targets have the same name, the configured one wins, then the one of the discovery that comes
first in the file; the other is refused, logged once and counted.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from time import monotonic

from exporter.clock import Clock
from exporter.errors import UNEXPECTED
from exporter.runtime.file_lists import FileLists
from exporter.runtime.http_lists import HttpLists
from exporter.runtime.target_builder import BuiltTargets, ListResult, Owns
from exporter.runtime.target_state import TargetChanges
from exporter.runtime.targets import Targets
from exporter.settings import Discovery, FileSd, Settings, Target
from exporter.telemetry import Telemetry

_log = logging.getLogger(__name__)

# New targets in one step, which holds the event loop: each takes about 30 µs.
_MAX_ADDED_AT_ONCE = 50
_MAX_STEPS = 200
# The metric has the number of all of them.
_MAX_LOGGED = 20


ListSource = FileLists | HttpLists


def make_source(discovery: Discovery, owns: Owns, clock: Clock) -> ListSource:
    """Return the source of the discovery's lists."""
    if isinstance(discovery.source, FileSd):
        return FileLists(discovery.source, discovery.template, owns)
    return HttpLists(discovery.source, discovery.template, owns, clock)


@dataclass(eq=False)
class _FollowedDiscovery:
    """One discovery and the current state of its lists."""

    discovery: Discovery
    source: ListSource
    built: BuiltTargets = field(default_factory=BuiltTargets)
    faults: Mapping[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    is_tried: bool = False
    task: "asyncio.Task[None] | None" = None

    @property
    def name(self) -> str:
        return self.discovery.name


class Lists:
    """Follows every discovery of the settings while `run` is running."""

    def __init__(
        self,
        settings: Settings,
        targets: Targets,
        telemetry: Telemetry,
        clock: Clock,
        *,
        owns: Owns = lambda _: True,
    ) -> None:
        """Prepare to follow them; `owns` returns whether this shard polls the target of a name."""
        self.targets = targets
        """The live set, with the configured targets and those of the lists."""
        self._telemetry = telemetry
        self._clock = clock
        self._owns = owns
        self._configured: Sequence[Target] = settings.targets
        self._followed = [self._new(one) for one in settings.discoveries]
        self._changed = asyncio.Event()
        self._note_untried()

    async def run(self) -> None:
        """Follow the lists until cancelled."""
        try:
            while True:
                for one in self._followed:
                    if one.task is None:
                        self._telemetry.discovery_failures.labels(one.name)
                        one.task = asyncio.create_task(self._follow(one))
                await self._changed.wait()
                self._changed.clear()
                try:
                    await self._apply()
                except Exception:  # noqa: BLE001 - after a bug the old targets stay
                    _log.exception("lists not applied")
                    for one in self._followed:
                        self._telemetry.discovery_failures.labels(one.name).inc()
                if not self._changed.is_set():
                    self._note_untried()
        finally:
            tasks = [one.task for one in self._followed if one.task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def apply(self, settings: Settings) -> TargetChanges:
        """Apply the settings; a discovery that has not changed keeps its lists."""
        old = self._followed
        self._configured = settings.targets
        self._followed = [
            next((one for one in old if one.discovery == discovery), None) or self._new(discovery)
            for discovery in settings.discoveries
        ]
        for one in old:
            if one not in self._followed:
                self._end(one)
        for one in self._followed:
            if one not in old:
                one.built = _inherited_list(one, old, self._followed)
        self._note_untried()
        self._changed.set()
        return self.targets.replace(self._merged().values(), systems=settings.systems)

    def _new(self, discovery: Discovery) -> _FollowedDiscovery:
        return _FollowedDiscovery(discovery, make_source(discovery, self._owns, self._clock))

    def _end(self, one: _FollowedDiscovery) -> None:
        if one.task:
            one.task.cancel()
        if one.name not in {other.name for other in self._followed}:
            self._telemetry.forget_discovery(one.name)

    async def _follow(self, one: _FollowedDiscovery) -> None:
        while True:
            try:
                result = await one.source.refresh()
            except Exception:  # noqa: BLE001 - a bug affects one discovery
                facts = {"discovery": one.name}
                _log.exception("discovery crashed", extra={"facts": facts})
                result = ListResult(faults={one.name: UNEXPECTED}, failures=1)
            self._accept(one, result)
            await asyncio.sleep(one.source.pause)

    def _accept(self, one: _FollowedDiscovery, result: ListResult) -> None:
        """Count and log a result, and have its changes applied."""
        self._telemetry.discovery_failures.labels(one.name).inc(result.failures)
        if not result.faults:
            self._telemetry.discovery_refreshed.labels(one.name).set(self._clock.wall())
        self._log_faults(one, result)
        one.faults = result.faults
        if result.built is not None:
            is_same = result.built == one.built
            facts = {"discovery": one.name, "targets": str(len(result.built.targets))}
            _log.log(
                logging.DEBUG if is_same else logging.INFO, "list read", extra={"facts": facts}
            )
            one.built = result.built
            if not is_same:
                self._changed.set()
        if not one.is_tried:
            one.is_tried = True
            # Readiness waits until its targets are added, and then for their first polls.
            self._changed.set()

    def _log_faults(self, one: _FollowedDiscovery, result: ListResult) -> None:
        for name in sorted(one.faults.keys() - result.faults.keys())[:_MAX_LOGGED]:
            facts = {"discovery": one.name, "list": name}
            _log.info("list accepted again", extra={"facts": facts})
        changed = {name: why for name, why in result.faults.items() if one.faults.get(name) != why}
        for name, why in islice(changed.items(), _MAX_LOGGED):
            facts = {"discovery": one.name, "list": name, "why": why}
            _log.error("list refused", extra={"facts": facts})
        if len(changed) > _MAX_LOGGED:
            more = {"discovery": one.name, "lists": str(len(changed) - _MAX_LOGGED)}
            _log.error("more lists refused", extra={"facts": more})

    def _note_untried(self) -> None:
        self.targets.expect_lists(sum(not one.is_tried for one in self._followed))

    def _merged(self) -> dict[str, Target]:
        """Return all targets by their names, and report which are refused."""
        merged = {target.name: target for target in self._configured}
        for one in self._followed:
            found = one.built.targets
            clashes = merged.keys() & found.keys()
            kept = {name: merged[name] for name in clashes}
            merged |= found
            merged |= kept
            self._note_refused(one, clashes.union(one.built.repeated))
            count = len(found) - len(clashes)
            self._telemetry.discovery_targets.labels(one.name).set(count)
        return merged

    def _note_refused(self, one: _FollowedDiscovery, names: set[str]) -> None:
        self._telemetry.discovery_refused.labels(one.name).set(len(names))
        for name in sorted(names - one.refused)[:_MAX_LOGGED]:
            facts = {"discovery": one.name, "target": name, "why": "another has its name"}
            _log.warning("target refused", extra={"facts": facts})
        one.refused = frozenset(names)

    async def _apply(self) -> None:
        """Apply the lists to the live set, a portion of the new targets at a time."""
        wanted = self._merged()
        while not self._changed.is_set():
            began = monotonic()
            step = self._step(wanted)
            if step is None:
                break
            await asyncio.sleep(0)
            # A reload may have changed the targets meanwhile.
            if not self._changed.is_set():
                present, following = step
                self.targets.replace(present.values(), following=following)
                # Leave polls as much time as this took.
                await asyncio.sleep(monotonic() - began)

    def _step(self, wanted: Mapping[str, Target]) -> tuple[Mapping[str, Target], int] | None:
        """Return the next set of targets, and how many new ones are still to follow.

        None: the wanted targets are the present ones.
        """
        there = {one.target.name: one.target for one in self.targets}
        new = [name for name, target in wanted.items() if there.get(name) is not target]
        # Each step passes over all targets: if there are very many, add more at a time.
        count = max(_MAX_ADDED_AT_ONCE, len(wanted) // _MAX_STEPS)
        if not new and len(there) == len(wanted):
            return None
        if len(new) <= count:
            return wanted, 0
        later = set(new[count:])
        step = {
            name: there[name] if name in later else target
            for name, target in wanted.items()
            if name not in later or name in there
        }
        return step, len(later)


def _inherited_list(
    one: _FollowedDiscovery, old: Sequence[_FollowedDiscovery], new: Sequence[_FollowedDiscovery]
) -> BuiltTargets:
    """Return the list that a changed discovery starts with, until its own first one is read."""
    for before in old:
        if _is_same(before, one):
            return before.built  # Only its number has changed.
    for before in old:
        # With another client, its targets would still be polled with the old one.
        same = before.name == one.name and before.discovery.client == one.discovery.client
        if same and not any(_is_same(before, other) for other in new):
            return before.built
    return BuiltTargets()


def _is_same(one: _FollowedDiscovery, other: _FollowedDiscovery) -> bool:
    return replace(one.discovery, name=other.name) == other.discovery


async def read_lists_once(
    settings: Settings, clock: Clock
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Return all targets after reading each list once, and the faults of the lists."""
    merged = {target.name: target for target in settings.targets}
    faults: list[str] = []
    sources = [make_source(one, lambda _: True, clock) for one in settings.discoveries]
    for result in await asyncio.gather(*(source.refresh() for source in sources)):
        faults += result.faults.values()
        for name, target in (result.built.targets if result.built else {}).items():
            merged.setdefault(name, target)
    return tuple(merged.values()), tuple(faults)
