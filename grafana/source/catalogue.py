"""A dashboard -> the form that grafana.com takes, with `__inputs`.

There the data source is asked for once, at the import, and everything named that it needs.
"""

import json
from typing import Any

INPUT = "DS_PROMETHEUS"
OLDEST = "10.0.0"

_NAMES = {
    "stat": "Stat",
    "timeseries": "Time series",
    "state-timeline": "State timeline",
    "table": "Table",
}


def catalogued(dashboard: dict[str, Any]) -> dict[str, Any]:
    """Return the dashboard as grafana.com takes it."""
    text = json.dumps(dashboard).replace("${datasource}", f"${{{INPUT}}}")
    # Links name the data source's variable, which is not there any more.
    body = json.loads(text.replace("${datasource:queryparam}&", ""))
    variables = [one for one in body["templating"]["list"] if one["type"] != "datasource"]
    kinds = {panel["type"] for panel in body["panels"]} - {"row"}
    source = {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"}
    return {
        "__inputs": [
            {
                "name": INPUT,
                "label": "Prometheus",
                "description": "",
                "type": "datasource",
                "pluginId": "prometheus",
                "pluginName": "Prometheus",
            }
        ],
        "__elements": {},
        "__requires": [
            {"type": "grafana", "id": "grafana", "name": "Grafana", "version": OLDEST},
            source,
            *(
                {"type": "panel", "id": kind, "name": _NAMES[kind], "version": ""}
                for kind in sorted(kinds)
            ),
        ],
        **body,
        "templating": {"list": variables},
    }
