"""Kubernetes resources that Kubernetes itself does not define, compared with their definitions."""

from typing import Any

import jsonschema

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_OBJECTS = {"type": "array", "items": {"type": "object"}, "minItems": 1}
_DURATION = {"type": "string", "pattern": r"^((\d+h)?(\d+m)?(\d+s)?(\d+ms)?|0)$"}
_SELECTOR = {
    "type": "object",
    "properties": {"matchLabels": _TEXTS},
    "additionalProperties": False,
}
_RELABEL = {
    "type": "object",
    "properties": {
        "sourceLabels": {"type": "array", "items": {"type": "string"}},
        "targetLabel": {"type": "string"},
        "regex": {"type": "string"},
        "replacement": {"type": "string"},
        "action": {"enum": ["replace", "keep", "drop", "labelmap", "labeldrop", "labelkeep"]},
    },
    "additionalProperties": False,
}
_SCRAPE = {
    "path": {"type": "string"},
    "interval": _DURATION,
    "scrapeTimeout": _DURATION,
    "scheme": {"enum": ["http", "https"]},
    "params": {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}},
    },
    "honorLabels": {"type": "boolean"},
    "tlsConfig": {"type": "object"},
    "basicAuth": {"type": "object"},
    "relabelings": {"type": "array", "items": _RELABEL},
    "metricRelabelings": {"type": "array", "items": _RELABEL},
}
_ENDPOINTS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"port": {"type": "string"}, **_SCRAPE},
        "required": ["port"],
        "additionalProperties": False,
    },
}
_RULE = {
    "type": "object",
    "properties": {
        "alert": {"type": "string"},
        "record": {"type": "string"},
        "expr": {"type": "string"},
        "for": _DURATION,
        "keep_firing_for": _DURATION,
        "labels": _TEXTS,
        "annotations": _TEXTS,
    },
    "required": ["expr"],
    "additionalProperties": False,
}
# By kind, the part that is used here: of the operator 0.93, of the Gateway API 1.5, and of the
# autoscaler 1.8.
_SPECS: dict[str, dict[str, Any]] = {
    "ServiceMonitor": {
        "properties": {
            "selector": _SELECTOR,
            "namespaceSelector": {"type": "object"},
            "jobLabel": {"type": "string"},
            "endpoints": _ENDPOINTS,
        },
        "required": ["endpoints", "selector"],
    },
    "PodMonitor": {
        "properties": {"selector": _SELECTOR, "podMetricsEndpoints": _ENDPOINTS},
        "required": ["podMetricsEndpoints", "selector"],
    },
    "Probe": {
        "properties": {
            "jobName": {"type": "string"},
            "prober": {
                "type": "object",
                "properties": {
                    "url": {"type": "string"},
                    "path": {"type": "string"},
                    "scheme": {"enum": ["http", "https"]},
                },
                "required": ["url"],
                "additionalProperties": False,
            },
            "interval": _DURATION,
            "scrapeTimeout": _DURATION,
            "tlsConfig": {"type": "object"},
            "authorization": {"type": "object"},
            "targets": {
                "type": "object",
                "properties": {
                    "staticConfig": {
                        "type": "object",
                        "properties": {"static": {"type": "array", "items": {"type": "string"}}},
                        "additionalProperties": False,
                    }
                },
                "additionalProperties": False,
            },
        },
        "required": ["prober", "targets"],
    },
    "PrometheusRule": {
        "properties": {
            "groups": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "minLength": 1},
                        "interval": _DURATION,
                        "rules": {"type": "array", "items": _RULE},
                    },
                    "required": ["name"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["groups"],
    },
    "HTTPRoute": {
        "properties": {
            "parentRefs": _OBJECTS,
            "hostnames": {"type": "array", "items": {"type": "string"}},
            "rules": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"backendRefs": _OBJECTS},
                    "additionalProperties": False,
                },
            },
        },
        "required": ["parentRefs", "rules"],
    },
    "VerticalPodAutoscaler": {
        "properties": {
            "targetRef": _TEXTS,
            "updatePolicy": {"type": "object"},
            "resourcePolicy": {"type": "object"},
        },
        "required": ["targetRef"],
    },
}
GROUPS = frozenset({"monitoring.coreos.com", "gateway.networking.k8s.io", "autoscaling.k8s.io"})
"""The API groups of these resources."""


def check_custom_resource(document: dict[str, Any]) -> None:
    """Check such a resource; a fault fails the test."""
    assert document["metadata"]["name"]
    assert set(document) <= {"apiVersion", "kind", "metadata", "spec"}
    schema = _SPECS[document["kind"]]
    jsonschema.validate(document["spec"], {"additionalProperties": False, **schema})
