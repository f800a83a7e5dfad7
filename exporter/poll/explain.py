"""A tree and its endpoint go in; what becomes of each declared field comes out, for a person."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from exporter.poll.extract import Fault, Sample
from exporter.poll.pointer import make_getter
from exporter.poll.steps import Gathering, attempt
from exporter.poll.structure import groups_of, make_step, taken_items
from exporter.readers import shown
from exporter.spec import (
    KEY,
    POLL_TIME,
    Count,
    Difference,
    Each,
    Endpoint,
    Field,
    Info,
    Lines,
    Part,
    Paths,
)

# What a person can take in; a list says how many there are.
_MOST_SERIES = 8
_MOST_FAULTS = 8


@dataclass(frozen=True, kw_only=True)
class Line:
    """One field: where it stands, what stands there, and what became of it."""

    metric: str
    place: str
    raw: str
    readings: tuple[Sample, ...]
    faults: tuple[Fault, ...]


def explain(tree: Any, endpoint: Endpoint, params: dict[str, str], middle: float) -> Iterator[Line]:
    """Yield what each field of the endpoint finds; of a list, what it finds in the first item taken."""
    for one in endpoint.fields:
        yield from _lines(one, tree, "", params, middle)


def _lines(
    one: Field, tree: Any, prefix: str, params: dict[str, str], middle: float
) -> Iterator[Line]:
    out = Gathering(params, middle)
    attempt(one.name, make_step(one), tree, out)
    if isinstance(one, Each):
        raw = make_getter(one.path)(tree) if one.path else tree
        where = f"{prefix}{one.path or '/'}[*]"
        items = taken_items(raw, one)
        if not items:
            yield Line(
                metric=one.name, place=where, raw=_shown(raw), readings=(), faults=tuple(out.faults)
            )
            return
        for inner in one.fields:
            # Labels and faults need the whole list; the readings of the first item do not.
            for line in _lines(inner, items[0], where, params, middle):
                faults = [fault for fault in out.faults if fault.metric == line.metric]
                raw = f"{line.raw} (first of {len(items)})"
                yield replace(line, raw=raw, faults=tuple(faults[:_MOST_FAULTS]))
        return
    own = [sample for sample in out.samples if sample.family == one.name]
    yield Line(
        metric=one.name,
        place=prefix + _place(one),
        raw=_raw(one, tree),
        readings=tuple(own[:_MOST_SERIES]),
        faults=tuple(fault for fault in out.faults if fault.metric == one.name),
    )
    if isinstance(one, Part | Lines):
        raw = make_getter(one.path)(tree)
        found = groups_of(raw, one) if isinstance(one, Lines) and isinstance(raw, str) else raw
        if isinstance(found, dict):
            for inner in one.fields:
                yield from _lines(inner, found, f"{prefix}{one.path} > ", params, middle)


def _paths(one: Field) -> Paths:
    match one:
        case Info():
            return tuple(path for paths in one.labels.values() for path in paths)
        case Part() | Lines():
            return (one.path,)
        case Count() | Each():
            return ()
        case _:
            return one.paths


def _place(one: Field) -> str:
    return " or ".join(
        f"{path.of} - {path.less}" if isinstance(path, Difference) else path for path in _paths(one)
    )


def _raw(one: Field, tree: Any) -> str:
    found = []
    for path in _paths(one):
        for pointer in (path.of, path.less) if isinstance(path, Difference) else (path,):
            if pointer not in {POLL_TIME, KEY}:
                value = make_getter(pointer)(tree)
                if value is not None:
                    found.append(_shown(value))
    return ", ".join(found) or "nothing there"


def _shown(value: Any) -> str:
    return "nothing there" if value is None else shown(value)
