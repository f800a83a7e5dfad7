"""Answers that are learned, to compare reading the next by its changes with reading it whole."""

import json
from typing import Any

from exporter.declare.extraction import Extraction
from exporter.declare.last_answer import LastAnswer, learn
from exporter.declare.system import System
from support.declarations import system_of
from support.polling import NOW


def learned(fields: list[dict[str, Any]], answer: Any) -> tuple[System, LastAnswer | None]:
    """Declare a system with these fields, and learn an answer."""
    system = system_of({"endpoints": [{"path": "/x", "fields": fields}]})
    endpoint = system.endpoints[0]
    return system, learn(endpoint, answer, endpoint.extract(answer, {}, NOW), as_json(answer), {})


def as_json(answer: Any) -> bytes:
    """Return the body of an answer."""
    return json.dumps(answer).encode()


def whole(system: System, answer: Any, now: float = NOW) -> Extraction:
    """Read all of an answer."""
    return system.endpoints[0].extract(answer, {}, now)
