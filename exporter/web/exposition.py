"""The metrics page in the text format or in OpenMetrics.

Families are in the order of their systems and declarations, followed by the exporter's own. Each has
one HELP and TYPE line, with all of its series below.
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from time import monotonic

from aiohttp import web
from isal import isal_zlib
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest as text_of
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_of
from prometheus_client.registry import Collector

from exporter.declare.family import Family, open_metrics_name
from exporter.declare.system import System
from exporter.errors import QueryError
from exporter.pipeline.render import TARGET_FAMILIES, Block, base_labels
from exporter.pipeline.snapshot import Snapshot
from exporter.runtime.blocks import Blocks
from exporter.runtime.targets import Targets
from exporter.settings import Target
from exporter.toolkit.negotiate import Format, accepts_gzip, choose_format
from exporter.web.filters import EVERYTHING, read_filter

SystemLines = tuple[System, Sequence[bytes]]
"""A system, and the lines of some of its targets for each of its families and TARGET_FAMILIES."""

# Bytes that are written at once: enough that a write costs little, few enough that compressing them
# does not hold the event loop.
_WRITE_SIZE = 256 * 1024
_MAX_SECONDS_PER_LOOP_TURN = 0.002

# Level 1 of this library compresses as well as level 6 of zlib, ten times as fast.
_GZIP_LEVEL = 1
_GZIP_WINDOW = 16 + 15

END = {Format.TEXT: b"", Format.OPENMETRICS: b"# EOF\n"}
"""The end of a page."""


async def serve_metrics(
    targets: Targets, registry: CollectorRegistry, request: web.Request
) -> web.StreamResponse:
    """Serve the metrics of all selected targets at one moment, in pieces."""
    wanted = EVERYTHING
    if request.query:
        try:
            wanted = read_filter(request.query, targets.systems)
        except QueryError as error:
            return web.Response(status=400, text=f"{error}\n")
    form = choose_format(", ".join(request.headers.getall("Accept", [])))
    response = web.StreamResponse(
        headers={"Content-Type": form.value, "Vary": "Accept, Accept-Encoding"}
    )
    gzip = accepts_gzip(", ".join(request.headers.getall("Accept-Encoding", [])))
    if gzip:
        response.headers["Content-Encoding"] = "gzip"
    if request.method == "HEAD":
        return response
    own = END[form]
    if wanted.wants_own:
        # Before Linux 6.2, counting ten thousand open files takes 9 ms.
        own = await asyncio.to_thread(expose_own, registry, form, wanted.names)
    targets.age()
    lines = await refreshed(wanted.blocks(targets))
    page = [*expose(lines, form, wanted.names), own]
    packer = None
    if gzip:
        packer = isal_zlib.compressobj(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WINDOW)
    else:
        response.content_length = sum(map(len, page))
    with suppress(ConnectionError):  # The scraper closed the connection.
        await response.prepare(request)
        for piece in joined(page):
            packed = packer.compress(piece) if packer else piece
            if packed:
                await response.write(packed)
            # Writing waits only for a slow reader; let polls run.
            await asyncio.sleep(0)
        if packer:
            await response.write(packer.flush())
    return response


class _SelectedFamilies(Collector):
    """The families of a registry that have samples and one of the names, if there are any names."""

    def __init__(self, registry: CollectorRegistry, names: Collection[str]) -> None:
        self._registry = registry
        self._names = names

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            samples = {sample.name for sample in family.samples}
            if samples and (not self._names or {family.name, *samples}.intersection(self._names)):
                yield family


def expose_own(registry: CollectorRegistry, form: Format, names: Collection[str] = ()) -> bytes:
    """Return the metrics about the exporter, and the end of the page; no names select all.

    A family without samples is omitted: strict parsers of OpenMetrics refuse it.
    """
    chosen = _SelectedFamilies(registry, names)
    if form is Format.OPENMETRICS:
        page: bytes = openmetrics_of(chosen)  # type: ignore[no-untyped-call]
        return page
    return text_of(chosen)


@dataclass(slots=True, eq=False)
class _PageSource:
    base: str
    snapshot: Snapshot
    block: Block | None = None


def expose_targets(
    shown: Iterable[tuple[Target, Snapshot]],
    form: Format,
    names: Collection[str] = (),
    *,
    with_base: bool = True,
) -> list[bytes]:
    """Return the metrics of a few targets, without the end of the page; no names select all.

    Without the base, the labels of the target are omitted.
    """
    blocks = Blocks()
    for target, snapshot in shown:
        base = base_labels(target) if with_base else ""
        blocks.add(target.system, _PageSource(base, snapshot))
    lines = []
    for block in blocks.of_system():
        block.refresh()
        lines.append((block.system, block.families))
    return expose(lines, form, names)


async def refreshed(blocks: Sequence[Block]) -> list[SystemLines]:
    """Render what has changed, yielding to the event loop, and return the lines of each block."""
    lines: list[SystemLines] = []
    until = monotonic() + _MAX_SECONDS_PER_LOOP_TURN
    for block in blocks:
        if block.is_stale:
            if block.is_large:
                await asyncio.to_thread(block.refresh)
            else:
                block.refresh()
        lines.append((block.system, block.families))
        if monotonic() > until:
            await asyncio.sleep(0)
            until = monotonic() + _MAX_SECONDS_PER_LOOP_TURN
    return lines


def expose(lines: Sequence[SystemLines], form: Format, names: Collection[str] = ()) -> list[bytes]:
    """Return the page in pieces, without its end; no names select all families.

    The header of a family is in one piece with the first of its lines.
    """
    # By name: systems with the same prefix share families, each of which has one header.
    vendor: dict[str, tuple[Family, list[bytes]]] = {}
    own = [(family, list[bytes]()) for family in TARGET_FAMILIES]
    for system, blocks in groupby(lines, key=itemgetter(0)):
        columns = [*zip(*[families for _, families in blocks], strict=True)]
        for family, column in zip(system.families, columns, strict=False):
            vendor.setdefault(family.name, (family, []))[1].extend(column)
        of_targets = columns[len(system.families) :]
        for (_, pieces), column in zip(own, of_targets, strict=True):
            pieces.extend(column)
    return [
        piece
        for family, pieces in (*vendor.values(), *own)
        if not names or _is_named(family, names)
        for piece in _family(family, pieces, form)
    ]


def joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join the pieces into parts of a size that is efficient to write."""
    part: list[bytes] = []
    size = 0
    for piece in pieces:
        part.append(piece)
        size += len(piece)
        if size >= _WRITE_SIZE:
            yield b"".join(part)
            part.clear()
            size = 0
    yield b"".join(part)


def _is_named(family: Family, names: Collection[str]) -> bool:
    return family.name in names or open_metrics_name(family.name, family.kind) in names


def _family(family: Family, lines: Sequence[bytes], form: Format) -> list[bytes]:
    pieces = [piece for piece in lines if piece]
    return [_header(family, form) + pieces[0], *pieces[1:]] if pieces else []


def _header(family: Family, form: Format) -> bytes:
    name, kind = family.name, str(family.kind)
    help_text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    if form is Format.OPENMETRICS:
        name = open_metrics_name(family.name, family.kind)
        help_text = help_text.replace('"', '\\"')
    elif kind == "info":
        kind = "gauge"  # The text format has no such type.
    return f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n".encode()
