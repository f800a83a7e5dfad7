"""The configured targets and the lists of every discovery go in; the live set of targets follows.

Of two targets of one name the configured one stays, then the one of the discovery that stands
first in the file; the other is refused, told once and counted.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from time import monotonic
from typing import Protocol

from exporter.clock import Clock
from exporter.errors import CRASHED
from exporter.runtime.file_lists import LOOK_SECONDS, FileLists
from exporter.runtime.http_lists import HttpLists
from exporter.runtime.target_builder import BuiltTargets, ListResult, Owns
from exporter.runtime.target_state import TargetChanges
from exporter.runtime.targets import Targets
from exporter.settings import Discovery, FileSd, Settings, Target
from exporter.telemetry import Telemetry

_log = logging.getLogger(__name__)

# Targets that come in one turn of the event loop: each takes some 30 µs.
_MOST_A_TURN = 50
_MAX_TURNS = 200
# A log is no place for a thousand names; the metric has their number.
_MOST_LOGGED = 20


class ListSource(Protocol):
    """Something to look at again and again."""

    pause: float
    """Seconds between two looks."""

    async def look(self) -> ListResult:
        """Look once; what is wrong with a list is no error here."""
        ...


def source_of(
    discovery: Discovery, owns: Owns, clock: Clock, look_seconds: float = LOOK_SECONDS
) -> ListSource:
    """Return what looks at the discovery's lists."""
    if isinstance(discovery.source, FileSd):
        return FileLists(discovery.source, discovery.template, owns, look_seconds)
    return HttpLists(discovery.source, discovery.template, owns, clock)


@dataclass(eq=False)
class _FollowedDiscovery:
    """One discovery with what is known of it."""

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
    """Follows every discovery of the settings for as long as `run` is left running."""

    def __init__(
        self,
        settings: Settings,
        targets: Targets,
        telemetry: Telemetry,
        clock: Clock,
        *,
        owns: Owns = lambda _: True,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """Follow none yet; `owns` says which targets are polled here, by their names."""
        self._targets = targets
        self._telemetry = telemetry
        self._clock = clock
        self._owns = owns
        self._look_seconds = look_seconds
        self._configured: Sequence[Target] = settings.targets
        self._applied: Mapping[str, Target] = {one.name: one for one in settings.targets}
        self._followed = [self._new(one) for one in settings.discoveries]
        self._changed = asyncio.Event()
        self._is_running = False
        self._note_untried()

    def __len__(self) -> int:
        return len(self._targets)

    async def run(self) -> None:
        """Follow the lists until cancelled."""
        self._is_running = True
        try:
            for one in self._followed:
                self._start(one)
            while True:
                await self._changed.wait()
                self._changed.clear()
                try:
                    await self._apply()
                except Exception:  # noqa: BLE001 - a bug leaves the old targets at work
                    _log.exception("lists not applied")
                    for one in self._followed:
                        self._telemetry.discovery_failures.labels(one.name).inc()
                if not self._changed.is_set():
                    self._note_untried()
        finally:
            self._is_running = False
            tasks = [one.task for one in self._followed if one.task]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def prepare(self, targets: Sequence[Target]) -> Sequence[Target]:
        """Do beforehand, in a thread, what can be done of taking these targets over."""
        return self._targets.prepare(targets)

    def take_over(self, settings: Settings) -> TargetChanges:
        """Follow what the settings say from now on; a discovery that is the same keeps its list."""
        old = self._followed
        self._configured = settings.targets
        self._targets.declared = frozenset(settings.systems)
        self._followed = [
            next((one for one in old if one.discovery == discovery), None) or self._new(discovery)
            for discovery in settings.discoveries
        ]
        for one in old:
            if one not in self._followed:
                self._end(one)
        for one in self._followed:
            if one not in old:
                one.built = _held(one, old, self._followed)
                if self._is_running:
                    self._start(one)
        self._note_untried()
        self._changed.set()
        return self._replace(self._merged())

    def _replace(self, targets: Mapping[str, Target]) -> TargetChanges:
        change = self._targets.replace(tuple(targets.values()))
        self._applied = targets
        return change

    def _new(self, discovery: Discovery) -> _FollowedDiscovery:
        source = source_of(discovery, self._owns, self._clock, self._look_seconds)
        return _FollowedDiscovery(discovery, source)

    def _start(self, one: _FollowedDiscovery) -> None:
        self._telemetry.discovery_failures.labels(one.name)
        one.task = asyncio.create_task(self._follow(one))

    def _end(self, one: _FollowedDiscovery) -> None:
        if one.task:
            one.task.cancel()
        if one.name not in {other.name for other in self._followed}:
            self._telemetry.forget_discovery(one.name)

    async def _follow(self, one: _FollowedDiscovery) -> None:
        while True:
            try:
                look = await one.source.look()
            except Exception:  # noqa: BLE001 - a mistake of ours stops at one discovery
                facts = {"discovery": one.name}
                _log.exception("discovery crashed", extra={"facts": facts})
                look = ListResult(faults={one.name: CRASHED}, failures=1)
            self._take(one, look)
            await asyncio.sleep(one.source.pause)

    def _take(self, one: _FollowedDiscovery, look: ListResult) -> None:
        """Take in what a look brought: count it, log changes, have the live set follow."""
        self._telemetry.discovery_failures.labels(one.name).inc(look.failures)
        if not look.faults:
            self._telemetry.discovery_refreshed.labels(one.name).set(self._clock.wall())
        self._log_faults(one, look)
        one.faults = look.faults
        if look.built is not None:
            is_same = look.built == one.built
            facts = {"discovery": one.name, "targets": str(len(look.built.targets))}
            _log.log(
                logging.DEBUG if is_same else logging.INFO, "list read", extra={"facts": facts}
            )
            one.built = look.built
            if not is_same:
                self._changed.set()
        if not one.is_tried:
            one.is_tried = True
            # Readiness waits until its targets are added, and then for their first polls.
            self._changed.set()

    def _log_faults(self, one: _FollowedDiscovery, look: ListResult) -> None:
        for name in sorted(one.faults.keys() - look.faults.keys())[:_MOST_LOGGED]:
            facts = {"discovery": one.name, "list": name}
            _log.info("list accepted again", extra={"facts": facts})
        changed = {name: why for name, why in look.faults.items() if one.faults.get(name) != why}
        for name, why in islice(changed.items(), _MOST_LOGGED):
            facts = {"discovery": one.name, "list": name, "why": why}
            _log.error("list refused", extra={"facts": facts})
        if len(changed) > _MOST_LOGGED:
            more = {"discovery": one.name, "lists": str(len(changed) - _MOST_LOGGED)}
            _log.error("more lists refused", extra={"facts": more})

    def _note_untried(self) -> None:
        self._targets.untried = sum(not one.is_tried for one in self._followed)

    def _merged(self) -> dict[str, Target]:
        """Return all targets by their names, and tell which are refused."""
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
        if not names:
            one.refused = frozenset()
            return
        for name in sorted(names - one.refused)[:_MOST_LOGGED]:
            facts = {"discovery": one.name, "target": name, "why": "another has its name"}
            _log.warning("target refused", extra={"facts": facts})
        one.refused = frozenset(names)

    async def _apply(self) -> None:
        """Bring the live set to what the lists say, so many new targets a turn."""
        wanted = self._merged()
        while not self._changed.is_set():
            began = monotonic()
            step = self._step(wanted)
            if step is None:
                break
            await asyncio.sleep(0)
            # A reload in between has brought other targets.
            if not self._changed.is_set():
                self._replace(step)
                # Polls have as much time as this takes.
                await asyncio.sleep(monotonic() - began)

    def _step(self, wanted: Mapping[str, Target]) -> Mapping[str, Target] | None:
        """Return the next targets on the way to those wanted; None at its end."""
        there = self._applied
        new = [name for name, target in wanted.items() if there.get(name) is not target]
        # Each turn looks at all targets: of very many targets, more come in a turn.
        count = max(_MOST_A_TURN, len(wanted) // _MAX_TURNS)
        self._targets.coming = max(0, len(new) - count)
        if not new and len(there) == len(wanted):
            return None
        if len(new) <= count:
            return wanted
        later = set(new[count:])
        return {
            name: there[name] if name in later else target
            for name, target in wanted.items()
            if name not in later or name in there
        }


def _held(
    one: _FollowedDiscovery, old: Sequence[_FollowedDiscovery], new: Sequence[_FollowedDiscovery]
) -> BuiltTargets:
    """Return what a changed discovery goes on with until its own first list is there."""
    for before in old:
        if _is_same(before, one):
            return before.built  # Another of its name went or came, which numbers it anew.
    for before in old:
        # With another client its targets would be polled as nobody wants them polled any more.
        same = before.name == one.name and before.discovery.client == one.discovery.client
        if same and not any(_is_same(before, other) for other in new):
            return before.built
    return BuiltTargets()


def _is_same(one: _FollowedDiscovery, other: _FollowedDiscovery) -> bool:
    return replace(one.discovery, name=other.name) == other.discovery


@asynccontextmanager
async def discovering(lists: Lists) -> AsyncIterator[Lists]:
    """Follow the lists for as long as the context is open."""
    following = asyncio.create_task(lists.run())
    # As with the schedule: were it to end by a mistake of ours, everything ends.
    owner = asyncio.current_task()
    following.add_done_callback(lambda done: done.cancelled() or (owner and owner.cancel()))
    try:
        yield lists
    finally:
        following.cancel()
        await asyncio.wait([following])
        if not following.cancelled():
            await following


async def once(settings: Settings, clock: Clock) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Return every target, discovered ones too, after one look at each list, and what is wrong."""
    merged = {target.name: target for target in settings.targets}
    faults: list[str] = []
    sources = [source_of(one, lambda _: True, clock) for one in settings.discoveries]
    for look in await asyncio.gather(*(source.look() for source in sources)):
        faults += look.faults.values()
        for name, target in (look.built.targets if look.built else {}).items():
            merged.setdefault(name, target)
    return tuple(merged.values()), tuple(faults)
