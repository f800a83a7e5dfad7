"""The format of grafana.com: `__inputs` that the import asks for, and `__requires`."""

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


def with_inputs(dashboard: dict[str, Any]) -> dict[str, Any]:
    """Return the dashboard in the format of grafana.com: the data source is an input."""
    text = json.dumps(dashboard).replace("${datasource}", f"${{{INPUT}}}")
    # Links pass on the variable of the data source, which the input replaces.
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
