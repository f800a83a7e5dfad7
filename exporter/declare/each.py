"""The fields of each item of a list or object, and the count of items."""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, Tag

from exporter.declare.conditions import applies, compile_where
from exporter.declare.extraction import ExtractContext, Get, Read, Series
from exporter.declare.family import Family
from exporter.declare.groups import FieldGroup
from exporter.declare.labels import compile_labels
from exporter.declare.model import MAPPING_TAG, TEXT_OR_MAPPING, TEXT_TAG, Model, NamedKind
from exporter.declare.numbers import NO_LABELS, Merge, Number
from exporter.declare.parts import Metric, Part
from exporter.declare.paths import (
    ANY,
    KEY,
    JmesPath,
    Pointer,
    Steps,
    make_get,
    pointer_steps,
)
from exporter.errors import FieldError
from exporter.text import excerpt

if TYPE_CHECKING:
    from exporter.declare.kinds import AnyField


NUMBER_OF_ITEMS = "number of items"
"""The reading of a count."""


class Count(Metric):
    """The number of items for each combination of labels."""

    named_by: ClassVar[str] = "count"

    count: str
    """The metric's name."""

    def families(self) -> Iterator[Family]:
        """Yield the one metric."""
        yield self._family(source="", reading=NUMBER_OF_ITEMS)

    def compile(self) -> Read:
        """Return the function that counts one item."""
        name, labels = self.metric, compile_labels(self.labels)

        def read(item: Any, context: ExtractContext) -> None:
            own = labels(item, context) if labels else NO_LABELS
            context.add(name, context.labels + own, 1.0)

        return read


class EachQuery(Model):
    """`each` by a query."""

    query: JmesPath
    """A JMESPath expression that selects a list or object."""


class Each(FieldGroup):
    """Fields of each item of a list, or of each value of an object."""

    each: Annotated[
        Annotated[Pointer, Tag(TEXT_TAG)] | Annotated[EachQuery, Tag(MAPPING_TAG)],
        TEXT_OR_MAPPING,
        NamedKind("path or {query: ...}"),
    ]
    """The path of the list or object, "" for the item itself; or {query: ...}."""
    only: Literal["list", "object"] | None = None
    """Read it only if it is a list, or only if it is an object."""
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """The maximum number of items; the rest is dropped and counted."""
    fields: "Annotated[list[AnyField], Field(min_length=1)]"
    """The fields of each item."""

    def inner(self) -> "list[Part]":
        """Return the fields of an item."""
        return list(self.fields)

    @property
    def place(self) -> str:
        """The items, as messages show them."""
        return f"{self.each if isinstance(self.each, str) else self.each.query.source}/*"

    @property
    def source(self) -> str:
        """The items, as the metrics reference shows them."""
        conditions = " and ".join(one.condition_text() for one in self.where or ())
        return f"{self.place}{f' where {conditions}' if conditions else ''}"

    @property
    def uses_key(self) -> bool:
        """Whether a label is the item's key: then a single XML element is an object, not a list."""
        return any(KEY in (rule.path or ()) + rule.parts for rule in self.labels.values())

    def families(self) -> Iterator[Family]:
        """Yield the metrics of the items."""
        yield from self.inner_families(self.source)

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that the group reads."""
        if not isinstance(self.each, str):
            yield from self.each.query.mapped_paths
            return
        base = (*pointer_steps(self.each), ANY)
        for steps in self.item_paths():
            yield (*base, *steps)

    def item_paths(self) -> Iterator[Steps]:
        """Yield the paths that the group reads of an item."""
        yield from super().mapped_paths()
        yield from self.inner_paths(())

    def items_of(self, item: Any, context: ExtractContext) -> "Iterable[tuple[str, Any]]":
        """Return the keys and values of the list; none where it is missing. May raise FieldError."""
        raw = _make_get_items(self.each)(item, context)
        return _items(raw, self.only) if raw is not None else ()

    def compile_guarded(self) -> Read:
        """Return the function that reads the items; `where` is a condition on each of them."""
        read, when = self.compile(), self.when
        if when is None:
            return read

        def read_guarded(item: Any, context: ExtractContext) -> None:
            if applies(when, context.params):
                read(item, context)

        return read_guarded

    @property
    def merges(self) -> Mapping[str, Merge]:
        """How the samples of several items are merged, by their metrics."""
        return dict(_merges(self.inner()))

    def compile_item(self) -> Read:
        """Return the function that reads one item, whose key is in the context."""
        labels, read_inner = compile_labels(self.labels), self.compile_inner()
        holds, metric = compile_where(self.where), self.metric

        def read(item: Any, context: ExtractContext) -> None:
            if holds and not holds(item, context):
                return
            outer = context.labels
            try:
                if labels:
                    context.labels = outer + labels(item, context)
            except FieldError as error:
                context.fault(metric, str(error))
            else:
                read_inner(item, context)
                context.labels = outer

        return read

    def compile(self) -> Read:
        """Return the function that reads the items."""
        get, read_item = _make_get_items(self.each), self.compile_item()
        limit, only, merges = self.limit, self.only, self.merges
        # Without items, a count is 0 unless it needs a label of the items.
        counts = [] if self.labels else [one.metric for one in self.inner() if _is_plain_count(one)]

        def read(item: Any, context: ExtractContext) -> None:
            raw = get(item, context)
            if raw is None:
                return
            items = _items(raw, only)
            context.found = True
            key, start = context.key, len(context.series)
            for name in counts:
                context.add(name, context.labels, 0.0)
            for item_key, one in islice(items, limit):
                context.key = item_key
                read_item(one, context)
            if items:
                context.dropped_items += max(0, len(raw) - limit)
            context.key = key
            if merges:
                _merge(context, start, merges)

        return read


def _make_get_items(each: "str | EachQuery") -> Get:
    if isinstance(each, str):
        return make_get(each)
    find = each.query.find
    return lambda item, _: find(item)


def _items(raw: Any, only: str | None) -> Iterable[tuple[str, Any]]:
    if isinstance(raw, list):
        return () if only == "object" else ((str(at), item) for at, item in enumerate(raw))
    if isinstance(raw, dict):
        return () if only == "list" else raw.items()
    raise FieldError(f"{excerpt(raw)} is neither a list nor an object")


def _is_plain_count(one: Part) -> bool:
    return isinstance(one, Count) and not one.labels and one.when is None


def _merges(parts: Iterable[Part]) -> Iterator[tuple[str, Merge]]:
    for one in parts:
        if isinstance(one, Count):
            yield one.metric, "sum"
        elif isinstance(one, Number) and one.merge:
            yield one.metric, one.merge
        elif isinstance(one, FieldGroup):
            # An inner `each` has merged the samples of each item, which are merged again.
            yield from _merges(one.inner())


_COMBINE: Mapping[Merge, Callable[[float, float], float]] = {
    "sum": operator.add,
    "min": min,
    "max": max,
}


def _merge(context: ExtractContext, start: int, merges: Mapping[str, Merge]) -> None:
    """Merge the samples since `start` that have the same series."""
    series, values = context.series[start:], context.values[start:]
    del context.series[start:], context.values[start:]
    merged: dict[Series, float] = {}
    for one, value in zip(series, values, strict=True):
        merge = merges.get(one[0])
        if merge is None:
            context.add(*one, value)
        elif one in merged:
            merged[one] = _COMBINE[merge](merged[one], value)
        else:
            merged[one] = value
    context.series += merged
    context.values += merged.values()
