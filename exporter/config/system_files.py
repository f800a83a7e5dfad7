"""`systems`: custom and built-in systems are declared alike, checked alike and compiled once."""

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
"""What pydantic adds to a location for the kind of a value."""


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


def _problems_of_the_rest(
    name: str, data: Any, check: ValidatorFunctionWrapHandler, error: ValidationError
) -> Iterator[Problem]:
    """Yield what is wrong with the metrics that are written correctly, beside what is not."""
    faulty = {
        _faulty_part(one["loc"], one["type"]) for one in error.errors() if one["loc"][:1] == (name,)
    }
    rest, indices = _without(data, faulty)
    try:
        system: System = check({name: rest})[name].set_name(name)
    except ValidationError:
        return  # What is left is no declaration.
    for location, text in system.metric_problems():
        yield ("systems", name, *_original(location, indices)), text


def _faulty_part(given: Iterable[str | int], kind: str) -> Location:
    """Return the smallest part without which the rest can be checked: a key, or a whole field."""
    _, *location = [part for part in given if part not in TAGS]
    if kind == "extra_forbidden":
        return tuple(location)
    for at in range(len(location) - 1, 0, -1):
        if location[at - 1] == "fields" and isinstance(location[at], int):
            return tuple(location[: at + 1])
    return tuple(location[: 3 if location[:1] == ["endpoints"] else 2])


def _without(data: Any, faulty: set[Location]) -> tuple[Any, Mapping[Location, list[int]]]:
    """Return a copy without these parts, and of each list in it the original indices."""
    indices: dict[Location, list[int]] = {}

    def copied(node: Any, was: Location, now: Location) -> Any:
        if isinstance(node, dict):
            kept = (key for key in node if (*was, key) not in faulty)
            return {key: copied(node[key], (*was, key), (*now, key)) for key in kept}
        if isinstance(node, list):
            indices[now] = [at for at in range(len(node)) if (*was, at) not in faulty]
            numbered = enumerate(indices[now])
            return [copied(node[at], (*was, at), (*now, number)) for number, at in numbered]
        return node

    return copied(data, (), ()), indices


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
