"""The keys that a configuration has, and a custom system that one declares."""

from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Yield every key a file may have, those of parts too."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from keys(kind)


HUB = """
  hub:
    endpoints:
      - path: /status
        fields:
          - {gauge: hub_calls, path: /calls}
"""
LISTED = """
  hub:
    endpoints:
      - path: /status
        fields:
          - each: /lines
            labels: {line: /id}
            where: {path: /state, is: up}
            limit: 4
            fields:
              - {gauge: hub_calls, path: /calls}
              - {count: hub_lines}
"""
LINES = """{"lines": [
    {"id": 1, "state": "down", "calls": "none"}, {"id": 2, "state": "up", "calls": 7},
    {"id": 3, "state": "up", "calls": "many"}, {"id": 2, "state": "up", "calls": 8}, {"id": 4}]}
"""
