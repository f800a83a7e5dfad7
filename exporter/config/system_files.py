"""Checks and compiles the systems of a file; built-in and custom systems are treated alike."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any

from pydantic import ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator

from exporter.config.values import Context, context_of
from exporter.declare.family import Location, Problem
from exporter.declare.kinds import FIELD_MODELS
from exporter.declare.model import MAPPING_TAG, TEXT_TAG, Model
from exporter.declare.system import NAME, System, clashes

TAGS = frozenset({*FIELD_MODELS, TEXT_TAG, MAPPING_TAG})
"""The parts that pydantic adds to a location for the type of a value."""


def _validate_systems(
    value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo
) -> dict[str, System]:
    """Check systems and add them to the context, in which targets look them up.

    An unchanged declaration returns the same System: a reload does not restart its targets.
    """
    context = context_of(info)
    names = value if isinstance(value, dict) else ()
    faulty: ValidationError | None = None
    try:
        checked: dict[str, System] = check(value)
    except ValidationError as error:
        faulty = error
        # A faulty system is not a fault of the targets that use it.
        wrong = {one["loc"][0] for one in error.errors() if one["loc"]}
        context.broken = context.broken | {name for name in names if name in wrong}
        checked = check({name: value[name] for name in names if name not in wrong})
        for name in (name for name in names if name in wrong):
            context.late += _problems_of_the_rest(name, value[name], check, error)
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


Systems = Annotated[dict[str, System], WrapValidator(_validate_systems)]
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


def _problems_of_the_rest(
    name: str, data: Any, check: ValidatorFunctionWrapHandler, error: ValidationError
) -> Iterator[Problem]:
    """Yield the faults of the valid fields of a system that has an invalid part."""
    faulty = {
        _faulty_part(one["loc"], one["type"]) for one in error.errors() if one["loc"][:1] == (name,)
    }
    rest, indices = _without(data, faulty)
    try:
        system: System = check({name: rest})[name].set_name(name)
    except ValidationError:
        return  # The rest is no declaration.
    for location, text in system.metric_problems():
        yield ("systems", name, *_original(location, indices)), text


def _faulty_part(given: Iterable[str | int], kind: str) -> Location:
    """Return the location of the smallest part to remove so that the rest can be checked."""
    _, *location = [part for part in given if part not in TAGS]
    if kind == "extra_forbidden":
        return tuple(location)
    for at in range(len(location) - 1, 0, -1):
        if location[at - 1] == "fields" and isinstance(location[at], int):
            return tuple(location[: at + 1])
    return tuple(location[: 3 if location[:1] == ["endpoints"] else 2])


def _without(data: Any, faulty: set[Location]) -> tuple[Any, Mapping[Location, list[int]]]:
    """Return a copy without these parts, and the original indices of each list in it."""
    indices: dict[Location, list[int]] = {}

    def copy(node: Any, was: Location, now: Location) -> Any:
        if isinstance(node, dict):
            kept = (key for key in node if (*was, key) not in faulty)
            return {key: copy(node[key], (*was, key), (*now, key)) for key in kept}
        if isinstance(node, list):
            indices[now] = [at for at in range(len(node)) if (*was, at) not in faulty]
            numbered = enumerate(indices[now])
            return [copy(node[at], (*was, at), (*now, number)) for number, at in numbered]
        return node

    return copy(data, (), ()), indices


def _original(location: Location, indices: Mapping[Location, list[int]]) -> Location:
    found: list[str | int] = []
    for at, part in enumerate(location):
        above = indices.get(location[:at])
        found.append(above[part] if above is not None and isinstance(part, int) else part)
    return tuple(found)


def _compiled_once(name: str, written: str, model: System) -> System:
    slot = _slot(f"{name} {written}")
    if not slot:
        slot.append(model.set_name(name))
    return slot[0]


@lru_cache(maxsize=1024)
def _slot(_written: str) -> list[System]:
    return []
