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


def expose(shown: Shown, registry: CollectorRegistry, form: Format) -> Iterator[bytes]:
    """Yield the whole page in pieces; every piece ends with a line."""
    yield from expose_targets(shown, form)
    if form is Format.OPENMETRICS:
        page: bytes = openmetrics_of(registry)  # type: ignore[no-untyped-call]
        yield page
    else:
        yield text_of(registry)


def expose_targets(shown: Shown, form: Format) -> Iterator[bytes]:
    """Yield what is about targets, without the end mark that OpenMetrics wants."""
    by_system: dict[str, tuple[System, list[tuple[bytes, ...]]]] = {}
    for target, snapshot in shown:
        entry = by_system.setdefault(target.system.name, (target.system, []))
        entry[1].append(snapshot.lines)
    systems = [by_system[name] for name in sorted(by_system)]
    for system, lines in systems:
        for at, family in enumerate(system.families):
            yield from _family(family, [one[at] for one in lines], form)
    for number, family in enumerate(TARGET_FAMILIES):
        # They stand behind the system's own families in each snapshot.
        parts = [one[len(system.families) + number] for system, lines in systems for one in lines]
        yield from _family(family, parts, form)


def _family(family: Family, parts: Sequence[bytes], form: Format) -> Iterator[bytes]:
    lines = b"".join(parts)
    if lines:
        yield _header(family, form)
        yield lines


def _header(family: Family, form: Format) -> bytes:
    name, kind = family.name, str(family.kind)
    help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    if form is Format.OPENMETRICS:
        name = family_of(family.name, family.kind)
        help_text = help_text.replace('"', '\\"')
    elif kind == "info":
        kind = "gauge"  # The text format does not know the type.
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n".encode()
