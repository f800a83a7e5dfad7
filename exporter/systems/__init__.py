"""What each vendor says: one declaration a module beside this one, data only; here they are found.

A module holds one SYSTEM that bears its name, or several SYSTEMS of which the first does. Systems
that share a family declare it alike.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from exporter.errors import SpecError
from exporter.spec import System, check_shared


def _find() -> Mapping[str, System]:
    found: dict[str, System] = {}
    for name in sorted(module.name for module in iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        systems = getattr(module, "SYSTEMS", None) or (module.SYSTEM,)
        if systems[0].name != name:
            raise SpecError(f"{__name__}.{name}: its first system is not named {name}")
        found |= {system.name: system for system in systems}
    check_shared(found.values())
    return MappingProxyType(found)


SYSTEMS = _find()
"""Every known system by its name, in the order of the names."""
