"""The rendered lines of all targets, cached in blocks of targets until one of a block is polled.

Two scrapes between two polls cost little more than sending the page. Lines are rendered by a scrape,
not by a poll: with a scrape for each poll the work is the same, with fewer scrapes it is less.
"""

from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet

from exporter.declare.system import System
from exporter.pipeline.render import Block, BlockSource

MAX_TARGETS = 100
"""Targets of a block: enough that a block costs little beyond its lines."""


class Blocks:
    """The blocks of all targets that are scraped."""

    def __init__(self) -> None:
        self._blocks: dict[System, list[Block]] = {}

    def add(self, system: System, source: BlockSource) -> Block:
        """Add a target of a system to the last block, or to a new one, and return the block."""
        blocks = self._blocks.setdefault(system, [])
        last = blocks[-1].sources if blocks else []
        # A thread may be rendering a single large target.
        if not last or len(last) >= MAX_TARGETS or (len(last) == 1 and blocks[-1].is_large):
            blocks.append(Block(system, []))
        blocks[-1].add(source)
        return blocks[-1]

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
