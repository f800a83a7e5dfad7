"""`systems`: custom and built-in systems are declared alike, checked alike and compiled once."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Any

from pydantic import ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator

from exporter.config.values import Context, context_of
from exporter.declare.family import Problem
from exporter.declare.model import Model
from exporter.declare.system import NAME, System, clashes


def _declared(
    value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
) -> dict[str, System]:
    """Check systems and add them to those that targets may name.

    The same declaration gives the same System again, so that a reload leaves its targets alone.
    """
    context = context_of(info)
    names = value if isinstance(value, dict) else ()
    faulty: ValidationError | None = None
    try:
        checked: dict[str, System] = check(value)
    except ValidationError as error:
        faulty = error
        # A fault of a system is not a fault of the targets that use it.
        wrong = {one["loc"][0] for one in error.errors() if one["loc"]}
        context.broken = context.broken | {name for name in names if name in wrong}
        checked = check({name: value[name] for name in names if name not in wrong})
    systems = {}
    for name, model in checked.items():
        system = _compiled_once(name, repr(value[name]), model)
        problems = list(_problems(name, system, context))
        if problems:
            context.late += [(("systems", name, *location), text) for location, text in problems]
            context.broken |= {name}
        else:
            context.systems = {**context.systems, name: system}
            systems[name] = system
    if faulty:
        raise faulty
    return systems


Systems = Annotated[dict[str, System], WrapValidator(_declared)]
"""Systems by their names."""


class SystemsFile(Model):
    """A file of `system_files`, or of a built-in system."""

    systems: Systems


def _problems(name: str, system: System, context: Context) -> Iterator[Problem]:
    if not NAME.fullmatch(name):
        yield (), f'"{name}" cannot be a system: small letters, digits and _'
        return
    if name in context.systems:
        yield (), f'there is a system "{name}" already'
        return
    yield from system.problems()
    yield from clashes(system, context.systems.values())


def _compiled_once(name: str, written: str, model: System) -> System:
    slot = _slot(f"{name} {written}")
    if not slot:
        slot.append(model.named(name))
    return slot[0]


@lru_cache(maxsize=1024)
def _slot(_written: str) -> list[System]:
    return []
