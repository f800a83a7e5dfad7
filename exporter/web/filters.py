"""The query of a scrape goes in; which targets, families and own metrics it wants comes out.

A target that is not there has no series, and is no fault: it may have gone with a reload, which
must not fail a whole job.
"""

from collections.abc import Collection
from dataclasses import dataclass

from multidict import MultiMapping

from exporter.web.exposition import Shown
from exporter.web.query import check_systems, read_query


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a scrape wants; an empty set stands for everything."""

    targets: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @property
    def wants_own(self) -> bool:
        """Whether the exporter's own metrics are wanted: one of the jobs that share it has them."""
        return not (self.targets or self.systems)

    def choose(self, shown: Shown) -> Shown:
        """Return what is wanted of the targets."""
        if self.targets:
            shown = [one for one in shown if one[0].name in self.targets]
        if self.systems:
            shown = [one for one in shown if one[0].system.name in self.systems]
        return shown


EVERYTHING = Filter()


def read_filter(query: MultiMapping[str], systems: Collection[str]) -> Filter:
    """Return the filter of a scrape.

    Raises:
        QueryError: A parameter or a system is not known.
    """
    given = read_query(query, often=("target", "system", "name[]"))
    check_systems(given.get("system", ()), systems)
    return Filter(
        targets=frozenset(given.get("target", ())),
        systems=frozenset(given.get("system", ())),
        names=frozenset(given.get("name[]", ())),
    )
