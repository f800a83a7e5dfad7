"""The last answer of an endpoint of a target, with which the next is compared."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from threading import Lock
from typing import Any, ClassVar, NamedTuple
from weakref import WeakSet

import msgspec
from msgspec.structs import replace

from exporter.declare.endpoint import Endpoint
from exporter.declare.extraction import MAX_FAULTS, Extraction
from exporter.declare.leaf_readers import Leaves, UnreadableChangeError
from exporter.declare.list_items import ItemList, ListItem, find_lists
from exporter.declare.shapes import NO_TEXT_LINES, Owner, Shape, shape_of

MAX_KEPT_BYTES = 16 * 1024 * 1024
"""Bytes of all answers with lists that are kept: some forty lists of 1,000 game servers.

Beyond that, further answers with lists are read whole. What was read of an answer takes two to four
times its bytes.
"""


class _KeptBytes:
    """The bytes of one answer that is kept."""

    __slots__ = ("__weakref__", "size")
    _all: ClassVar["WeakSet[_KeptBytes]"] = WeakSet()
    _lock = Lock()

    def __init__(self) -> None:
        self.size = 0

    def resize(self, size: int) -> bool:
        """Count these bytes in place of the former ones; return False if there is no room."""
        if size > self.size:
            # Small answers are read by the event loop, large ones by a thread.
            with self._lock:
                if sum(one.size for one in self._all) - self.size + size > MAX_KEPT_BYTES:
                    return False
                self.size = size
                self._all.add(self)
        self.size = size
        return True


class _ReadList(NamedTuple):
    """A list with its items of the last answer."""

    item_list: ItemList
    cut: int
    """The number of samples before its own, without those of other lists."""
    raws: Sequence[msgspec.Raw] = ()
    items: Sequence[ListItem] = ()

    def read(self, raws: Sequence[msgspec.Raw], params: Mapping[str, str]) -> "_ReadList":
        """Read the list of the next answer; raises the errors of ItemList.read."""
        items = self.item_list.read(raws, params, self.raws, self.items)
        return self._replace(raws=raws, items=items)


_ReadLists = tuple[_ReadList, ...]


class LastAnswer:
    """The last answer of an endpoint of a target, to read the next by its changes."""

    __slots__ = (
        "_kept",
        "_leaves",
        "_params",
        "_plain",
        "_shape",
        "_texts",
        "extraction",
        "lists",
    )

    def __init__(
        self,
        shape: Shape,
        leaves: Leaves,
        plain: Extraction,
        lists: _ReadLists,
        params: Mapping[str, str],
    ) -> None:
        """Keep an answer; `plain` is its extraction without its lists, which are read here."""
        self._shape = shape
        self._leaves = leaves
        self._texts = NO_TEXT_LINES
        self._plain = plain
        self._params = params
        self.lists = _read_lists(lists, leaves, params)
        """Without any, all answers of the shape have as many values."""
        self._kept = _KeptBytes() if lists else None
        self.extraction = _join_lists(plain, self.lists) if lists else plain

    def keeps(self, body: bytes) -> bool:
        """Return whether an answer may be kept beside all others."""
        return self._kept is None or self._kept.resize(len(body))

    def read(self, body: bytes, poll_time: float) -> Extraction | None:
        """Read an answer that may be of the same shape; None if it has to be read whole."""
        plain, lists = self._plain, self.lists
        if lists and not self.keeps(body):
            return None
        values = [*plain.values]
        try:
            leaves = self._shape.leaves(body)
            texts = self._shape.update(self._leaves, leaves, values, poll_time, self._texts)
            if lists:
                lists = _read_lists(lists, leaves, self._params)
        except Exception:  # noqa: BLE001 - the strict reader decides, and logs the bug if it is one
            return None
        plain = extraction = Extraction(plain.series, tuple(values))
        if lists:
            extraction = _join_lists(plain, lists, self.lists, self.extraction)
        self._leaves, self._texts, self._plain, self.lists = leaves, texts, plain, lists
        self.extraction = extraction
        return extraction


def learn(
    endpoint: Endpoint, tree: Any, extraction: Extraction, body: bytes, params: Mapping[str, str]
) -> LastAnswer | None:
    """Return the answer to compare the next with; None if changes cannot be read separately.

    `tree` and `extraction` are the strict reader's results for the body.
    """
    if type(tree) not in {dict, list}:
        return None
    extraction = replace(extraction, unmapped=None)
    lists = find_lists(endpoint.fields, endpoint.mapped_paths, tree)
    metrics = {name for name, _ in extraction.series}
    if any(metrics.isdisjoint(one.metrics) for one in lists):
        return None  # Where its samples belong among the others is not known yet.
    plain, read_lists = _separate_lists(extraction, lists)
    steps = [one.steps for one in lists]
    owner = Owner(endpoint, endpoint.fields, endpoint.mapped_paths)
    shape = shape_of(owner, tree, plain.series, steps)
    if shape is None:
        return None
    try:
        answer = LastAnswer(shape, shape.leaves(body), plain, read_lists, params)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, UnreadableChangeError):
        return None
    # With faults outside of lists or dropped items, it differs.
    return answer if answer.extraction == extraction and answer.keeps(body) else None


def _separate_lists(
    extraction: Extraction, lists: Sequence[ItemList]
) -> tuple[Extraction, _ReadLists]:
    """Return the extraction without faults and samples of these lists, and the lists."""
    if not lists:
        return Extraction(extraction.series, extraction.values), ()
    names = [name for name, _ in extraction.series]
    in_lists = frozenset[str]().union(*(one.metrics for one in lists))
    plain = [one for one in extraction.samples if one.family not in in_lists]
    read_lists = []
    for one in lists:
        start = next(at for at, name in enumerate(names) if name in one.metrics)
        cut = sum(name not in in_lists for name in names[:start])
        read_lists.append(_ReadList(one, cut))
    return Extraction.of(plain), tuple(read_lists)


def _read_lists(lists: _ReadLists, leaves: Leaves, params: Mapping[str, str]) -> _ReadLists:
    return tuple([one.read(raws, params) for one, raws in zip(lists, leaves, strict=False)])


def _join_lists(
    plain: Extraction,
    lists: _ReadLists,
    last_lists: _ReadLists = (),
    last: Extraction | None = None,
) -> Extraction:
    """Return the extraction of an answer with the samples of its lists.

    If the series of all items are those of the last answer, they are the same object.
    """
    series = [[item.series for item in one.items] for one in lists]
    values = [[item.values for item in one.items] for one in lists]
    faults = [fault for one in lists for item in one.items for fault in item.faults]
    if last and series == [[item.series for item in one.items] for one in last_lists]:
        all_series = last.series
    else:
        all_series = tuple(chain.from_iterable(_pieces(plain.series, lists, series)))
    return Extraction(
        all_series,
        tuple(chain.from_iterable(_pieces(plain.values, lists, values))),
        tuple(faults[:MAX_FAULTS]),
    )


def _pieces(plain: tuple[Any, ...], lists: _ReadLists, of_items: Sequence[Any]) -> Iterator[Any]:
    """Yield the pieces of the samples and of the lists' items, in the order of the samples."""
    start = 0
    for one, pieces in zip(lists, of_items, strict=True):
        yield plain[start : one.cut]
        yield from pieces
        start = one.cut
    yield plain[start:]
