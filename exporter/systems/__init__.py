"""The built-in systems: the YAML files beside this one, loaded as `system_files` are."""

from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from exporter.config import load_systems
from exporter.declare.system import System


def declaration(name: str) -> str:
    """Return the YAML text that declares a built-in system, which may declare others as well."""
    for text in _texts().values():
        if f"\n  {name}:\n" in text:
            return text
    raise KeyError(name)


def _texts() -> dict[str, str]:
    found = sorted(files(__name__).iterdir(), key=lambda one: one.name)
    return {one.name: one.read_text("utf-8") for one in found if one.name.endswith(".yaml")}


SYSTEMS: Mapping[str, System] = MappingProxyType(load_systems(_texts()))
"""Every built-in system by its name, in the order of the files."""
