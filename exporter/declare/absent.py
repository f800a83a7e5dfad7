"""Declared paths that an answer does not have, each with a suggestion."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from exporter.declare.conditions import applies
from exporter.declare.each import Each
from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import ExtractContext
from exporter.declare.groups import Within
from exporter.declare.labels import LabelRule
from exporter.declare.lines import Lines
from exporter.declare.parts import Metric, Part
from exporter.declare.paths import (
    Query,
    Steps,
    mapped_steps,
    pointer_steps,
    pointer_text,
    resolve,
)
from exporter.errors import FieldError


@dataclass(frozen=True)
class Absent:
    """A path or query that found nothing."""

    place: str
    suggestion: str = ""
    """The nearest path that exists, "" if none is near."""

    def __str__(self) -> str:
        if not self.place.startswith("/"):
            return f"{self.place}: selects nothing"
        meant = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        return f"{self.place}: no such key{meant}"


def find_absent(tree: Any, endpoint: Endpoint, params: Mapping[str, str]) -> tuple[Absent, ...]:
    """Return the paths that find nothing, each once; paths within a list find nothing in any item."""
    found = _absent_fields(endpoint.fields, [tree], "", params)
    return tuple(dict.fromkeys(found))


def _absent_fields(
    parts: Iterable[Part], items: list[Any], prefix: str, params: Mapping[str, str]
) -> Iterator[Absent]:
    for one in parts:
        if not items or not applies(one.when, params):
            continue
        if isinstance(one, Each):
            inner = list(islice(_items_of(one, items), one.limit))
            if not inner and isinstance(one.each, str):
                yield from _absent_places([pointer_steps(one.each)], items, prefix)
            elif not isinstance(one.each, str):
                yield from _absent_value(None, one.each.query, items, prefix)
            yield from _absent_labels(one.labels.values(), inner, f"{prefix}{one.place}")
            yield from _absent_fields(one.inner(), inner, f"{prefix}{one.place}", params)
        elif isinstance(one, Within):
            steps = pointer_steps(one.within)
            inner = [found for item in items if (found := _within(one, resolve(item, steps)))]
            yield from _absent_places([steps], items, prefix)
            yield from _absent_labels(one.labels.values(), inner, prefix + one.within)
            yield from _absent_fields(one.inner(), inner, prefix + one.within, params)
        elif isinstance(one, Lines):
            yield from _absent_places([pointer_steps(one.lines)], items, prefix)
        elif isinstance(one, Metric):
            yield from _absent_labels(one.labels.values(), items, prefix)
            yield from _absent_value(
                getattr(one, "path", None), getattr(one, "query", None), items, prefix
            )


def _items_of(one: Each, items: list[Any]) -> Iterator[Any]:
    for item in items:
        try:
            for _, value in one.items_of(item, ExtractContext({}, 0.0)):
                yield value
        except FieldError:
            continue


def _within(one: Within, raw: Any) -> Any:
    try:
        return one.parse_object(raw) if one.parse else raw
    except FieldError:
        return None


def _absent_labels(rules: Iterable[LabelRule], items: list[Any], prefix: str) -> Iterator[Absent]:
    for rule in rules:
        if rule.path or rule.query:
            yield from _absent_value(rule.path, rule.query, items, prefix)
        for pointer in rule.parts[1::2]:
            yield from _absent_value((pointer,), None, items, prefix)


def _absent_value(path: Any, query: Any, items: list[Any], prefix: str) -> Iterator[Absent]:
    if query is not None:
        if all(_selects_nothing(query, item) for item in items):
            yield Absent(query.source)
        return
    yield from _absent_places(list(mapped_steps(path, None)), items, prefix)


def _absent_places(places: list[Steps], items: list[Any], prefix: str) -> Iterator[Absent]:
    """Yield the first of some paths if none of them exists in any item; null exists."""
    if not places or not items or any(_has(item, steps) for steps in places for item in items):
        return
    steps = places[0]
    near = _nearest(items[0], steps)
    yield Absent(prefix + pointer_text(steps), f"{prefix}{pointer_text(near)}" if near else "")


def _has(item: Any, steps: Steps) -> bool:
    if resolve(item, steps) is not None or not steps:
        return True
    above = resolve(item, steps[:-1])
    return isinstance(above, dict) and steps[-1] in above


def _nearest(item: Any, steps: Steps) -> Steps:
    """Return the steps with the first missing key replaced by the most similar one."""
    for at, step in enumerate(steps):
        above = resolve(item, steps[:at])
        if not isinstance(above, dict):
            return ()
        if step not in above:
            by_lower = {key.lower(): key for key in above}
            close = difflib.get_close_matches(step.lower(), by_lower, n=1)
            return (*steps[:at], by_lower[close[0]], *steps[at + 1 :]) if close else ()
    return ()


def _selects_nothing(query: Query, item: Any) -> bool:
    try:
        return query.find(item) is None
    except FieldError:
        return False  # It takes too long, which is reported as a fault.
