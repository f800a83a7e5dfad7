"""Links between the pages: paths and queries, with every text encoded for a URL."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from exporter.web.target_query import SORT_KEYS, TargetQuery

ROWS_PER_PAGE = 100
"""Rows of one page: a reader has no use for ten thousand."""


def query_text(pairs: Iterable[tuple[str, object]]) -> str:
    """Return names and values as the query of a URL, without its question mark."""
    return urlencode(list(pairs))


def target_link(name: str) -> str:
    """Return the path of a target's page."""
    return f"/target?{query_text([('name', name)])}"


def list_link(query: TargetQuery | None = None, **changes: Any) -> str:
    """Return the path of the list for a query with some of it changed, from its first row on."""
    changed = replace(query or TargetQuery(limit=ROWS_PER_PAGE), **{"offset": 0} | changes)
    text = query_text(_parameters(changed))
    return f"/?{text}" if text else "/"


def _parameters(query: TargetQuery) -> Iterator[tuple[str, object]]:
    """Yield the parameters that differ from their defaults."""
    for name in ("state", "system", "reason", "search"):
        if value := getattr(query, name):
            yield name, value
    for name, text in query.labels:
        yield "label", f"{name}={text}"
    if query.sort != SORT_KEYS[0]:
        yield "sort", query.sort
    if 0 < query.limit < ROWS_PER_PAGE:
        yield "limit", query.limit
    if query.offset:
        yield "offset", query.offset
