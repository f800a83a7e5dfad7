"""Convert one module of a json_exporter configuration."""

from typing import Any

import yaml

from exporter.convert.json_exporter import convert


def converted(module: dict[str, Any], name: str = "quay") -> str:
    return convert(yaml.safe_dump({"modules": {name: module}}), "modules.yml")
