"""The rendered lines of all targets, cached in blocks of targets until one of a block is polled.

Two scrapes between two polls cost little more than sending the page. Lines are rendered by a scrape,
not by a poll: with a scrape for each poll the work is the same, with fewer scrapes it is less.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from operator import attrgetter, is_not
from typing import Protocol

from exporter.declare.system import System
from exporter.pipeline.render import TARGET_FAMILIES, Table, make_table
from exporter.pipeline.snapshot import PollCounts, Snapshot

MAX_TARGETS = 100
"""Targets of a block: enough that a block costs little beyond its lines."""

# A block with more series is split, unless it is one target.
_MAX_SERIES = 5000

_TALLY = attrgetter("counts")


class BlockSource(Protocol):
    """A target whose series are served."""

    @property
    def base(self) -> str:
        """The labels that all of its series begin with."""
        ...

    @property
    def snapshot(self) -> Snapshot | None:
        """Its last snapshot."""
        ...

    @property
    def counts(self) -> PollCounts:
        """The counts of its last snapshot, which are replaced after it."""
        ...


class Block:
    """Some targets of one system, and the lines of each family as last rendered."""

    __slots__ = ("_rendered", "_table", "families", "sources", "system")

    def __init__(self, system: System, sources: Iterable[BlockSource]) -> None:
        self.system = system
        self.sources = list(sources)
        # The counts of each source when it was rendered; None: it was not. References to snapshots
        # would keep two of each target in memory.
        self._rendered: list[PollCounts | None] = [None] * len(self.sources)
        self._table: Table | None = None
        count = len(system.families) + len(TARGET_FAMILIES)
        self.families: Sequence[bytes] = [b""] * count
        """The lines of each family of the system, then of TARGET_FAMILIES."""

    @property
    def is_stale(self) -> bool:
        """Whether a target was polled after the lines were rendered."""
        return any(map(is_not, map(_TALLY, self.sources), self._rendered))

    @property
    def is_large(self) -> bool:
        """Whether rendering it would hold the event loop for too long."""
        snapshots = [one.snapshot for one in self.sources]
        return sum([len(one.values) for one in snapshots if one]) > _MAX_SERIES

    def add(self, source: BlockSource) -> None:
        """Add a target, which must not have been polled yet or be rendered at the next refresh."""
        self.sources.append(source)
        self._rendered.append(None)

    def without(self, gone: "AbstractSet[BlockSource]") -> "Block":
        """Return a block of the other targets."""
        return Block(self.system, [one for one in self.sources if one not in gone])

    def split(self) -> "tuple[Block, Block]":
        """Return two blocks of half the targets each."""
        half = len(self.sources) // 2
        return Block(self.system, self.sources[:half]), Block(self.system, self.sources[half:])

    def refresh(self) -> None:
        """Render the families in which a line has changed."""
        families = [*self.families]
        rendered: list[PollCounts | None] = [*map(_TALLY, self.sources)]
        polled = [(one.base, one.snapshot) for one in self.sources if one.snapshot is not None]
        table = None
        if polled:
            bases, snapshots = zip(*polled, strict=True)
            table = make_table(self.system, bases, snapshots, self._table)
            for index in table.changed_families(self._table):
                families[index] = table.render(index)
        # In one statement: another scrape may read the lines while a thread runs this.
        self._rendered, self.families, self._table = rendered, families, table


class Blocks:
    """The blocks of all targets that are scraped."""

    def __init__(self) -> None:
        self._blocks: dict[System, list[Block]] = {}

    def add(self, system: System, source: BlockSource) -> None:
        """Add a target of a system to the last block, or to a new one."""
        blocks = self._blocks.setdefault(system, [])
        last = blocks[-1].sources if blocks else []
        # A thread may be rendering a single large target.
        if not last or len(last) >= MAX_TARGETS or (len(last) == 1 and blocks[-1].is_large):
            blocks.append(Block(system, []))
        blocks[-1].add(source)

    def remove(self, gone: "AbstractSet[BlockSource]") -> None:
        """Remove targets."""
        for system, blocks in [*self._blocks.items()]:
            # A thread may be rendering a block, so it is replaced, not changed.
            left = [
                block if gone.isdisjoint(block.sources) else block.without(gone) for block in blocks
            ]
            self._blocks[system] = [block for block in left if block.sources]
            if not self._blocks[system]:
                del self._blocks[system]

    def of_system(self, systems: Collection[str] = ()) -> list[Block]:
        """Return the blocks of these systems, or of all, in the order of their names."""
        found = []
        for system, blocks in sorted(self._blocks.items(), key=lambda one: one[0].name):
            if not systems or system.name in systems:
                self._blocks[system] = [part for block in blocks for part in _parts(block)]
                found += self._blocks[system]
        return found


def _parts(block: Block) -> Iterator[Block]:
    if len(block.sources) > 1 and block.is_stale and block.is_large:
        for half in block.split():
            yield from _parts(half)
    else:
        yield block
