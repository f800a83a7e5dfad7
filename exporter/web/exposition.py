"""Snapshots go in; the metrics page comes out, family by family, in either format.

Families are in the order of their systems and declarations, the exporter's own behind them; each
has its HELP and TYPE once, with all of its series below. What is rendered here are the headers
alone: the lines were rendered when they were polled.
"""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of

from exporter.poll.snapshot import TARGET_FAMILIES, Snapshot
from exporter.settings import Target
from exporter.spec import Family, System, family_of
from exporter.web.negotiate import Format

Shown = Sequence[tuple[Target, Snapshot]]
Lines = tuple[bytes, ...]

# Some hundred kilobytes: large enough that a piece costs little, small enough that none holds the
# event loop.
_TARGETS_A_PIECE = 500


def expose_own(registry: CollectorRegistry, form: Format) -> bytes:
    """Return what is about the exporter, and the end of the page."""
    if form is Format.OPENMETRICS:
        page: bytes = openmetrics_of(registry)  # type: ignore[no-untyped-call]
        return page
    return text_of(registry)


def expose_targets(shown: Shown, form: Format) -> Iterator[bytes]:
    """Yield what is about targets, without the end mark that OpenMetrics wants."""
    by_system: dict[str, tuple[System, list[Lines]]] = {}
    for number, (target, snapshot) in enumerate(shown):
        entry = by_system.get(target.system.name)
        if entry is None:
            entry = by_system[target.system.name] = (target.system, [])
        entry[1].append(snapshot.lines)
        if number % _TARGETS_A_PIECE == 0:
            yield b""  # Nothing yet, but whoever takes the pieces can let others have their turn.
    systems = [by_system[name] for name in sorted(by_system)]
    # By name: systems of one prefix share families, each of which has its header once.
    families: dict[str, tuple[Family, list[tuple[int, list[Lines]]]]] = {}
    own: dict[str, tuple[Family, list[tuple[int, list[Lines]]]]] = {}
    for system, lines in systems:
        for at, family in enumerate(system.families):
            families.setdefault(family.name, (family, []))[1].append((at, lines))
        for at, family in enumerate(TARGET_FAMILIES, len(system.families)):
            own.setdefault(family.name, (family, []))[1].append((at, lines))
    for family, places in (*families.values(), *own.values()):
        yield from _family(family, places, form)


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
        name = family_of(family.name, family.kind)
        help_text = help_text.replace('"', '\\"')
    elif kind == "info":
        kind = "gauge"  # The text format does not know the type.
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n".encode()
