"""The query of a scrape goes in; which targets, families and own metrics it wants comes out.

A target that is not there has no series, and is no fault: it may have gone with a reload, which
must not fail a whole job.
"""

from collections.abc import Collection
from dataclasses import dataclass

from multidict import MultiMapping

from exporter.runtime.blocks import Block, Blocks
from exporter.runtime.targets import Targets
from exporter.web.query import check_systems, read_query


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeFilter:
    """What a scrape wants; an empty set stands for everything."""

    targets: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @property
    def wants_own(self) -> bool:
        """Whether the exporter's own metrics are wanted: one of the jobs that share it has them."""
        return not (self.targets or self.systems)

    def blocks(self, targets: Targets) -> list[Block]:
        """Return the blocks of what is wanted of the targets."""
        if not self.targets:
            return targets.blocks.of_system(self.systems)
        chosen = Blocks()
        for name in self.targets:
            tracked = targets.named(name)
            if tracked is not None and not tracked.target.on_probe:
                chosen.add(tracked.target.system, tracked)
        return chosen.of_system(self.systems)


EVERYTHING = ScrapeFilter()


def read_filter(query: MultiMapping[str], systems: Collection[str]) -> ScrapeFilter:
    """Return the filter of a scrape.

    Raises:
        QueryError: A parameter or a system is not known.
    """
    given = read_query(query, often=("target", "system", "name[]"))
    check_systems(given.get("system", ()), systems)
    return ScrapeFilter(
        targets=frozenset(given.get("target", ())),
        systems=frozenset(given.get("system", ())),
        names=frozenset(given.get("name[]", ())),
    )
