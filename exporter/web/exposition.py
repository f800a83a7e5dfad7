"""Snapshots go in; the metrics page comes out, family by family, in either format.

Families are in the order of their systems and declarations, the exporter's own behind them; each
has its HELP and TYPE once, with all of its series below. What is rendered here are the headers
alone: the lines were rendered when they were polled.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of
from prometheus_client.registry import Collector

from exporter.declare.family import Family, open_metrics_name
from exporter.declare.system import System
from exporter.poll.snapshot import TARGET_FAMILIES, Snapshot
from exporter.settings import Target
from exporter.toolkit.negotiate import Format

Shown = Sequence[tuple[Target, Snapshot]]
Lines = tuple[bytes, ...]

# Some hundred kilobytes: large enough that a piece costs little, small enough that none holds the
# event loop.
_TARGETS_A_PIECE = 500

END = {Format.TEXT: b"", Format.OPENMETRICS: b"# EOF\n"}
"""What a page ends with."""


class _Named(Collector):
    """The families of a registry that are asked for by their name or that of a sample."""

    def __init__(self, registry: CollectorRegistry, names: Collection[str]) -> None:
        self._registry = registry
        self._names = names

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            samples = {sample.name for sample in family.samples}
            if not samples.isdisjoint(self._names) or family.name in self._names:
                yield family


def expose_own(registry: CollectorRegistry, form: Format, names: Collection[str] = ()) -> bytes:
    """Return what is about the exporter, and the end of the page; `names` are all if there is none."""
    chosen = _Named(registry, names) if names else registry
    if form is Format.OPENMETRICS:
        page: bytes = openmetrics_of(chosen)  # type: ignore[no-untyped-call]
        return page
    return text_of(chosen)


def expose_targets(shown: Shown, form: Format, names: Collection[str] = ()) -> Iterator[bytes]:
    """Yield what is about targets, without the end mark; `names` are all if there is none."""
    # Not by name: while a reload comes in, there are targets of a declaration as it was and as it is.
    by_system: dict[System, list[Lines]] = {}
    for number, (target, snapshot) in enumerate(shown):
        entry = by_system.get(target.system)
        if entry is None:
            entry = by_system[target.system] = []
        entry.append(snapshot.lines)
        if number % _TARGETS_A_PIECE == 0:
            yield b""  # Nothing yet, but whoever takes the pieces can let others have their turn.
    systems = sorted(by_system.items(), key=lambda one: one[0].name)
    # By name: systems of one prefix share families, each of which has its header once.
    families: dict[str, tuple[Family, list[tuple[int, list[Lines]]]]] = {}
    own: dict[str, tuple[Family, list[tuple[int, list[Lines]]]]] = {}
    for system, lines in systems:
        for at, family in enumerate(system.families):
            if not names or _is_named(family, names):
                families.setdefault(family.name, (family, []))[1].append((at, lines))
        for at, family in enumerate(TARGET_FAMILIES, len(system.families)):
            if not names or _is_named(family, names):
                own.setdefault(family.name, (family, []))[1].append((at, lines))
    for family, places in (*families.values(), *own.values()):
        yield from _family(family, places, form)


def _is_named(family: Family, names: Collection[str]) -> bool:
    return family.name in names or open_metrics_name(family.name, family.kind) in names


def _family(
    family: Family, places: Sequence[tuple[int, list[Lines]]], form: Format
) -> Iterator[bytes]:
    header = _header(family, form)
    for at, lines in places:
        for start in range(0, len(lines), _TARGETS_A_PIECE):
            piece = b"".join([one[at] for one in lines[start : start + _TARGETS_A_PIECE]])
            if piece:
                yield header + piece
                header = b""


def _header(family: Family, form: Format) -> bytes:
    name, kind = family.name, str(family.kind)
    help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    if form is Format.OPENMETRICS:
        name = open_metrics_name(family.name, family.kind)
        help_text = help_text.replace('"', '\\"')
    elif kind == "info":
        kind = "gauge"  # The text format does not know the type.
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n".encode()
