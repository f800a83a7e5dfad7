"""The dashboards as JSON, and values for their variables."""

import json
import re
from collections.abc import Iterator
from typing import Any

from grafana.source.system_boards import SYSTEM_BOARDS
from grafana.source.words import Board
from support.repository import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
# Values for the variables, as Grafana inserts them if "All" is selected.
VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "6h",
    "$__interval": "1m",
    "$job": ".+",
    "$instance": ".+",
    "$target": ".+",
    "$profileid": ".*",
    "$locationid": ".*",
    "$top": "10",
}


Json = dict[str, Any]


def written(board: Board) -> Json:
    found: Json = json.loads((FOLDER / f"{board.name}.json").read_text(encoding="utf-8"))
    return found


def panels_of(dashboard: Json) -> list[Json]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def filled(query: str) -> str:
    """Fill in the variables of a query."""
    for variable, value in VARIABLES.items():
        query = query.replace(variable, value)
    assert not re.search(r"\$[a-z_]", query)
    return query


def queries_of(dashboard: Json) -> Iterator[str]:
    """Yield the queries of all panels and annotations."""
    for panel in panels_of(dashboard):
        yield from (target["expr"] for target in panel["targets"])
    yield from (mark["expr"] for mark in dashboard["annotations"]["list"])


def board_of(system: str) -> str:
    """Return the name of the dashboard of a system."""
    return next(
        (board.name for board in SYSTEM_BOARDS if re.fullmatch(board.systems, system)), "overview"
    )
