"""Explains to people what each field finds in an answer."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from exporter.declare.conditions import compile_where
from exporter.declare.each import Each
from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import ExtractContext, Fault, Sample, attempt
from exporter.declare.groups import Within
from exporter.declare.labels import LabelRule
from exporter.declare.lines import Lines
from exporter.declare.parts import Part
from exporter.declare.paths import make_get, mapped_steps, resolve
from exporter.declare.texts import Info
from exporter.errors import FieldError
from exporter.text import excerpt, printable

_MAX_SAMPLES = 8
_MAX_FAULTS = 8
ABSENT = "not in the answer"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A field with its metric, path, value, samples and faults."""

    metric: str
    place: str
    raw: str
    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class _Item:
    """The item that fields read, and its path for people."""

    value: Any
    place: str
    params: Mapping[str, str]
    poll_time: float
    key: str = ""

    def context(self) -> ExtractContext:
        context = ExtractContext(self.params, self.poll_time)
        context.key = self.key
        return context


def explain(
    tree: Any, endpoint: Endpoint, params: Mapping[str, str], poll_time: float
) -> tuple[Explanation, ...]:
    """Return what each field of the endpoint finds; fields of a list, in its first item."""
    return tuple(_explain_fields(endpoint.fields, _Item(tree, "", params, poll_time)))


def _explain_fields(parts: Iterable[Part], item: _Item) -> Iterator[Explanation]:
    for one in parts:
        context = item.context()
        attempt(one.metric, one.compile_guarded(), item.value, context)
        if isinstance(one, Each):
            yield from _explain_each(one, item, context)
            continue
        if isinstance(one, Within | Lines):
            yield from _explain_group(one, item, context)
            continue
        family = next(one.families())
        yield _explanation(
            one.metric, item.place + family.source, _raw_text(one, item.value), context
        )


def _explanation(metric: str, place: str, raw: str, context: ExtractContext) -> Explanation:
    return Explanation(
        metric=metric,
        place=printable(place),
        raw=raw,
        samples=tuple(one for one in context.samples() if one.family == metric)[:_MAX_SAMPLES],
        faults=tuple(one for one in context.faults if one.metric == metric)[:_MAX_FAULTS],
    )


def _explain_group(
    one: Within | Lines, item: _Item, context: ExtractContext
) -> Iterator[Explanation]:
    at = one.lines if isinstance(one, Lines) else one.within
    raw = make_get(at)(item.value, context)
    if one.present:
        yield _explanation(one.present, item.place + at, _value_text(raw), context)
    if isinstance(one, Lines):
        raw = one.groups_of(raw) if isinstance(raw, str) else None
    elif one.parse:
        with suppress(FieldError):  # The group has the fault.
            raw = one.parse_object(raw)
    if isinstance(raw, dict | list):
        inner = replace(item, value=raw, place=f"{item.place}{at} > ")
        yield from _explain_fields(one.inner(), inner)


def _explain_each(one: Each, item: _Item, context: ExtractContext) -> Iterator[Explanation]:
    holds, fresh = compile_where(one.where), item.context()
    place = f"{item.place}{one.source}"
    try:
        items = [
            (key, value)
            for key, value in one.items_of(item.value, fresh)
            if holds is None or holds(value, fresh)
        ]
    except FieldError:
        items = []
    if not items:
        yield _explanation(one.metric, place, "no items", context)
        return
    key, value = items[0]
    for line in _explain_fields(
        one.inner(), replace(item, value=value, place=f"{place} > ", key=key)
    ):
        # Faults are those of the whole list, samples those of the first item.
        faults = tuple(fault for fault in context.faults if fault.metric == line.metric)
        raw = f"{line.raw} (first of {len(items)})"
        yield replace(line, raw=raw, faults=faults[:_MAX_FAULTS])


def _raw_text(one: Part, value: Any) -> str:
    read = one.labels.values() if isinstance(one, Info) else (one,)
    found: list[Any] = []
    for each in read:
        query = getattr(each, "query", None)
        if query is not None:
            # A query that takes too long is a fault, which is shown as well.
            with suppress(FieldError):
                found.append(query.find(value))
        inserted = each.parts[1::2] if isinstance(each, LabelRule) else ()
        places = mapped_steps((*(getattr(each, "path", None) or ()), *inserted), None)
        found += [resolve(value, steps) for steps in places]
    return ", ".join(excerpt(raw) for raw in found if raw is not None) or ABSENT


def _value_text(value: Any) -> str:
    return ABSENT if value is None else excerpt(value)
