"""What each vendor says: one declaration a module beside this one, data only; here they are found.

A module's one SYSTEM bears the module's name. Metrics of two systems never share a family.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from exporter.errors import SpecError
from exporter.spec import System


def _find() -> Mapping[str, System]:
    found: dict[str, System] = {}
    for module in sorted(module.name for module in iter_modules(__path__)):
        system = import_module(f"{__name__}.{module}").SYSTEM
        if not isinstance(system, System) or system.name != module:
            raise SpecError(f"{__name__}.{module}: SYSTEM is not a System named {module}")
        found[module] = system
    return MappingProxyType(found)


SYSTEMS = _find()
"""Every known system by its name, in the order of the names."""
