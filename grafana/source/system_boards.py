"""The dashboard of each built-in system: BOARD of the module here that is named like its YAML file."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

_SYSTEMS = Path(__file__).parent.parent.parent / "exporter" / "systems"
_MODULES = [f"{__package__}.{file.stem}" for file in sorted(_SYSTEMS.glob("*.yaml"))]

SYSTEM_BOARDS = tuple(import_module(name).BOARD for name in _MODULES if find_spec(name))
"""In the order of the files."""
