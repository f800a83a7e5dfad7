"""Renders the lines of the metrics page from the snapshots of targets, family by family.

Sample lines are the same in the text format 0.0.4 and in OpenMetrics 1.0.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from operator import is_
from typing import Any, NamedTuple, Protocol

from msgspec.json import encode

from exporter.declare.extraction import Extraction
from exporter.declare.family import Family, Kind
from exporter.declare.system import System
from exporter.pipeline.snapshot import Layout, ServedSeries, Snapshot, escaped
from exporter.settings import Target


def _own(name: str, kind: Kind, help_text: str, *labels: str) -> Family:
    return Family(name=name, kind=kind, help=help_text, labels=labels, source="", reading="")


TARGET_FAMILIES = (
    _own(
        "status_exporter_target_up",
        "gauge",
        "Whether the last poll of the target succeeded.",
        "system",
    ),
    _own("status_exporter_poll_duration_seconds", "gauge", "How long the last poll took."),
    _own(
        "status_exporter_polls_total", "counter", "Polls of the target since the exporter started."
    ),
    _own(
        "status_exporter_poll_failures_total",
        "counter",
        "Polls that failed, by reason; a reason that never occurred has no series.",
        "reason",
    ),
    _own(
        "status_exporter_last_success_timestamp_seconds",
        "gauge",
        "When the last successful poll ended, in Unix seconds; absent before the first one.",
    ),
    _own(
        "status_exporter_field_faults",
        "gauge",
        "Fields of the last answer that were present and could not be read.",
    ),
    _own(
        "status_exporter_untaken_fields",
        "gauge",
        "Values of the answer that no field maps; if it rises, the vendor changed something."
        " Counted with the first good poll and every 240th.",
    ),
)
"""The exporter's own families about each target; they follow those of its system on the page."""

_UP, _DURATION, _POLLS, _FAILURES, _SUCCESS, _FAULTS, _UNMAPPED = range(len(TARGET_FAMILIES))
_EXACT = 2.0**53
# A block with more series is split, unless it is one target.
_MAX_SERIES = 5000


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

    block: "Block | None"
    """Its block, whose `changes` count its new snapshots."""


class Block:
    """Some targets of one system, and the lines of each family as last rendered."""

    __slots__ = ("_last", "changes", "sources", "system")

    def __init__(self, system: System, sources: Iterable[BlockSource]) -> None:
        self.system = system
        self.sources = list(sources)
        self.changes = 0
        """How many snapshots of its targets were replaced. Finding this out from ten thousand targets
        takes a scrape longer than sending a page."""
        count = len(system.families) + len(TARGET_FAMILIES)
        # Replaced as a whole: several scrapes may render the block in threads at the same time.
        self._last = _RenderedBlock(-1, None, (b"",) * count)

    @property
    def families(self) -> Sequence[bytes]:
        """The lines of each family of the system, then of TARGET_FAMILIES."""
        return self._last.families

    @property
    def is_stale(self) -> bool:
        """Whether a target was polled after the lines were rendered."""
        return self.changes != self._last.changes

    @property
    def is_large(self) -> bool:
        """Whether rendering it would hold the event loop for too long."""
        snapshots = [one.snapshot for one in self.sources]
        return sum([len(one.values) for one in snapshots if one]) > _MAX_SERIES

    def add(self, source: BlockSource) -> None:
        """Add a target, which is rendered at the next refresh."""
        self.sources.append(source)
        self.changes += 1

    def without(self, gone: "AbstractSet[BlockSource]") -> "Block":
        """Return a block of the other targets, in place of this one."""
        return self._part([one for one in self.sources if one not in gone])

    def split(self) -> "tuple[Block, Block]":
        """Return two blocks of half the targets each, in place of this one."""
        half = len(self.sources) // 2
        return self._part(self.sources[:half]), self._part(self.sources[half:])

    def _part(self, sources: Sequence[BlockSource]) -> "Block":
        part = Block(self.system, sources)
        for one in sources:
            if one.block is self:
                one.block = part
        return part

    def refresh(self) -> None:
        """Render the families in which a line has changed."""
        last = self._last
        # Before the snapshots, which a poll may replace while a thread runs this.
        changes = self.changes
        families, table = [*last.families], None
        polled = [(one.base, one.snapshot) for one in self.sources if one.snapshot is not None]
        if polled:
            bases, snapshots = zip(*polled, strict=True)
            table = make_table(self.system, bases, snapshots, last.table)
            for index in table.changed_families(last.table):
                families[index] = table.render(index)
        self._last = _RenderedBlock(changes, table, families)


class _RenderedBlock(NamedTuple):
    """The lines of a block, and what they were rendered from."""

    changes: int
    """Those of the block."""
    table: "Table | None"
    """None if no target had been polled."""
    families: Sequence[bytes]
    """The lines of each family."""


class SeriesGroup:
    """Targets whose series belong to the same families, in the same order."""

    __slots__ = ("_bases", "_common", "_suffixes", "layout", "rows")

    def __init__(
        self, rows: list[int], bases: Sequence[str], served: Sequence[ServedSeries]
    ) -> None:
        self.rows = rows
        """The indexes of the targets in their table."""
        self.layout = served[rows[0]].layout
        self._bases = [bases[row] for row in rows]
        self._suffixes = [served[row].suffixes for row in rows]
        self._common: dict[int, str | None] = {}

    def render(self, name: str, index: int, columns: Sequence[Sequence[float]]) -> str:
        """Return the lines of one family; `columns` has the values of each series."""
        positions = self.layout.by_family.get(index, ())
        if len(positions) == 1:
            (at,) = positions
            suffix = self._common_suffix(at)
            if suffix is not None:
                return _lines(name, self._bases, columns[at], suffix)
        rows = [*zip(self._bases, self._suffixes, strict=True)]
        labels = [base + suffixes[at] for at in positions for base, suffixes in rows]
        return _lines(name, labels, [value for at in positions for value in columns[at]])

    def _common_suffix(self, at: int) -> str | None:
        """Return the labels that a series has for all targets; None if they differ."""
        if at not in self._common:
            found = {suffixes[at] for suffixes in self._suffixes}
            self._common[at] = found.pop() if len(found) == 1 else None
        return self._common[at]


class Table(NamedTuple):
    """The series of several targets of one system, column by column."""

    system: System
    bases: Sequence[str]
    served: Sequence[ServedSeries]
    groups: list[SeriesGroup]
    columns: list[list[tuple[float, ...]]]
    """The values of each group, by series."""
    own: tuple[Sequence[Any], ...]
    """The values of TARGET_FAMILIES; None where a target has none."""

    def changed_families(self, last: "Table | None") -> Iterable[int]:
        """Return the indexes of the families, TARGET_FAMILIES last, in which a line has changed."""
        first_own = len(self.system.families)
        if last is None or last.groups is not self.groups:
            return range(first_own + len(TARGET_FAMILIES))
        own = enumerate(zip(last.own, self.own, strict=True), first_own)
        changed = {index for index, (before, after) in own if before != after}
        for group, before, after in zip(self.groups, last.columns, self.columns, strict=True):
            values = zip(group.layout.families, before, after, strict=True)
            changed.update([index for index, old, new in values if old != new])
        return changed

    def render(self, index: int) -> bytes:
        """Return the lines of one family.

        `index` is the position of the family among those of the system, TARGET_FAMILIES last.
        """
        own = index - len(self.system.families)
        if own >= 0:
            return self._render_own(own).encode()
        name, groups = self.system.families[index].name, zip(self.groups, self.columns, strict=True)
        return "".join([group.render(name, index, columns) for group, columns in groups]).encode()

    def _render_own(self, own: int) -> str:
        name, values = TARGET_FAMILIES[own].name, self.own[own]
        if own == _UP:
            return _lines(name, self.bases, values, f',system="{self.system.name}"')
        if own != _FAILURES and None not in values:
            return _lines(name, self.bases, values)
        samples = [pair for pair in zip(self.bases, values, strict=True) if pair[1] is not None]
        if own == _FAILURES:
            samples = [
                (f'{base},reason="{reason}"', count)
                for base, failures in samples
                for reason, count in failures.items()
            ]
        return _lines(name, [labels for labels, _ in samples], [value for _, value in samples])


def make_table(
    system: System, bases: Sequence[str], snapshots: Sequence[Snapshot], last: Table | None
) -> Table:
    """Return the table of one or more targets of a system.

    `bases` are the labels that the series of each target begin with, see `base_labels`, and `last`
    is the last table of these targets: while the series are the same, so are the groups.
    """
    # Comprehensions without calls, also of round: this is done for ten thousand targets at a time.
    polls = [one.poll for one in snapshots]
    counts = [one.counts for one in snapshots]
    served = [one.served for one in snapshots]
    outcomes = [poll.outcome for poll in polls]
    faults = [len(one.faults) if type(one) is Extraction else None for one in outcomes]
    own = (
        [count is not None for count in faults],
        [(poll.duration * 1e6 + 0.5) // 1 / 1e6 for poll in polls],
        [count.polls for count in counts],
        [count.failures for count in counts],
        [count.last_success and (count.last_success * 1e3 + 0.5) // 1 / 1e3 for count in counts],
        faults,
        [one.unmapped for one in snapshots],
    )
    if last and bases == last.bases and all(map(is_, served, last.served)):
        groups = last.groups
    else:
        by_layout: dict[Layout, list[int]] = {}
        for row, one in enumerate(served):
            by_layout.setdefault(one.layout, []).append(row)
        groups = [SeriesGroup(rows, bases, served) for rows in by_layout.values()]
    columns = [[*zip(*[snapshots[row].values for row in one.rows], strict=True)] for one in groups]
    return Table(system, bases, served, groups, columns, own)


def _lines(name: str, labels: Sequence[str], values: Sequence[float], suffix: str = "") -> str:
    """Return the lines of samples, whose labels end in `suffix`; all have base labels or none."""
    if not values:
        return ""
    if not labels[0] or labels[0][0] == ",":
        bare = [(text + suffix)[1:] for text in labels]
        template = "".join([f"{name}{{{text}}} %s\n" if text else f"{name} %s\n" for text in bare])
    else:
        end = f"{suffix}}} %s\n"
        template = f"{name}{{{f'{end}{name}{{'.join(labels)}{end}"
    return template % tuple(_value_texts(values))


def _value_texts(values: Sequence[float]) -> Iterable[object]:
    """Return the value_text of each value, several times as fast."""
    if min(values) > -_EXACT and max(values) < _EXACT:
        whole = [*map(int, values)]
        if whole == [*values]:
            return whole
        # The shortest form that reads back, as repr() writes it unless it is below 0.0001.
        texts = f"{encode(values)[1:-1].decode()},"
        if "e" not in texts and "0.0000" not in texts:
            return texts.replace(".0,", ",").replace("-0,", "0,")[:-1].split(",")
    return map(value_text, values)


def base_labels(target: Target) -> str:
    """Return the labels that all series of the target begin with, as in a format string."""
    labels = target.all_labels
    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels).replace("%", "%%")


def value_text(value: float) -> str:
    """Write a number: whole ones without a point, others in the shortest form that reads back."""
    text = repr(value + 0.0)  # Without the sign of -0.0.
    # A float above 2^53 does not distinguish neighbouring integers.
    return text[:-2] if text[-2:] == ".0" and -_EXACT < value < _EXACT else text
