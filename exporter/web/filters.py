"""The targets, systems and metrics that the query of a scrape selects.

An unknown target has no series and is no error: a reload may have removed it, which must not fail
a whole job.
"""

from collections.abc import Collection
from dataclasses import dataclass

from multidict import MultiMapping

from exporter.pipeline.render import Block
from exporter.runtime.blocks import Blocks
from exporter.runtime.targets import Targets
from exporter.web.query import check_systems, read_query


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeFilter:
    """What a scrape selects; an empty set selects everything."""

    targets: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @property
    def wants_own(self) -> bool:
        """Whether it includes the exporter's own metrics: of several jobs, only one should have them."""
        return not (self.targets or self.systems)

    def blocks(self, targets: Targets) -> list[Block]:
        """Return the blocks of the selected targets."""
        if not self.targets:
            return targets.blocks.of_system(self.systems)
        chosen = Blocks()
        for name in self.targets:
            tracked = targets.find(name)
            if tracked is not None and not tracked.target.on_probe:
                chosen.add(tracked.target.system, tracked)
        return chosen.of_system(self.systems)


EVERYTHING = ScrapeFilter()


def read_filter(query: MultiMapping[str], systems: Collection[str]) -> ScrapeFilter:
    """Read the query of a scrape.

    Raises:
        QueryError: A parameter or a system is unknown.
    """
    given = read_query(query, repeated=("target", "system", "name[]"))
    check_systems(given.get("system", ()), systems)
    return ScrapeFilter(
        targets=frozenset(given.get("target", ())),
        systems=frozenset(given.get("system", ())),
        names=frozenset(given.get("name[]", ())),
    )
