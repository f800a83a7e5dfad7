"""Where values stand in an answer, and the families of metrics that come of them."""

from dataclasses import dataclass
from typing import Literal

from exporter.errors import SpecError

Kind = Literal["gauge", "counter", "info"]

POLL_TIME = "@poll_time"
"""A pseudo path: the middle of the request by this machine's clock, in Unix seconds."""

KEY = "@key"
"""A pseudo path within Each: the item's key in its object, or its place in its list, from 0."""


@dataclass(frozen=True)
class Difference:
    """One place less another, both of the field's own reading; there only when both are."""

    of: str
    less: str


Path = str | Difference
Paths = tuple[Path, ...]


@dataclass(frozen=True)
class Family:
    """One metric as Prometheus sees it; `labels` are those beyond the target's own."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    source: str
    reading: str


def family_of(name: str, kind: Kind) -> str:
    """Return the name OpenMetrics gives the family: a counter's and an info's lose their suffix."""
    return name.removesuffix({"counter": "_total", "info": "_info", "gauge": ""}[kind])


def source_of(paths: Paths) -> str:
    """Write the places as the reference shows them."""
    return " or ".join(
        f"{path.of} - {path.less}" if isinstance(path, Difference) else path for path in paths
    )


def check_paths(name: str, paths: Paths, *pseudo: str) -> None:
    """Raise SpecError where a place is neither a JSON Pointer nor one of these pseudo paths."""
    for path in paths:
        for pointer in (path.of, path.less) if isinstance(path, Difference) else (path,):
            if pointer in {POLL_TIME, KEY} and pointer not in pseudo:
                raise SpecError(f"{name}: {pointer} cannot stand here")
            if pointer not in pseudo and not pointer.startswith("/"):
                raise SpecError(f"{name}: the path {pointer!r} does not begin with /")
