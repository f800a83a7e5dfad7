"""The dashboards as JSON, and values for their variables."""

import json
from typing import Any

from grafana.source.words import Board
from support.paths import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
# Stand in for what Grafana puts in, as it does for a choice of all.
VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "6h",
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
