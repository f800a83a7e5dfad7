"""Declared fields that hold others go in; steps come out: an object, a text's lines, each of many."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from exporter.errors import FieldError
from exporter.poll.pointer import make_getter
from exporter.poll.steps import (
    Fault,
    Gathering,
    Labels,
    Sample,
    Step,
    attempt,
    is_true,
    make_label,
    make_plain,
    sample,
)
from exporter.readers import number, shown, text
from exporter.spec import Count, Each, Field, Gauge, Lines, Merge, Part

# FreeSWITCH over its HTTP module breaks lines with tags; over its event socket with line ends.
_LINE_END = re.compile(r"\r\n|\r|\n|<[^<>]{1,20}>")
# FreeSWITCH's longest has 500 characters; each line of it is held against each pattern.
_LONGEST_STATUS = 4096


def make_step(field: Field) -> Step:
    """Make the step that reads the field, adding its samples; it may raise FieldError."""
    match field:
        case Part():
            return _part(field)
        case Lines():
            return _lines(field)
        case Each():
            return _each(field)
        case Count():
            return _count(field)
        case _:
            return make_plain(field)


def _part(field: Part) -> Step:
    get = make_getter(field.path)
    get_error = make_getter(field.error) if field.error else _nothing
    silent_at, silence = field.silent or ("", 0.0)
    get_silent = make_getter(silent_at) if silent_at else _nothing
    inner = [(one, make_step(one)) for one in field.fields]

    def step(tree: Any, out: Gathering) -> None:
        if field.when and out.params.get(field.when[0]) != field.when[1]:
            return
        raw = get(tree)
        out.found = out.found or raw is not None
        good = isinstance(raw, dict) and bool(raw) and not is_true(get_error(raw))
        out.samples.append(sample((field.name, out.labels, float(good))))
        if good and not _says(get_silent(tree), silence):
            for one, read in inner:
                attempt(one.name, read, raw, out)

    return step


def _nothing(_tree: Any) -> None:
    return None


def _says(raw: Any, value: float) -> bool:
    try:
        return raw is not None and number(raw) == value
    except FieldError:
        return False


def _lines(field: Lines) -> Step:
    get = make_getter(field.path)
    inner = [(one, make_step(one)) for one in field.fields]

    def step(tree: Any, out: Gathering) -> None:
        raw = get(tree)
        if raw is None or not isinstance(raw, str):
            out.found = out.found or raw is not None
            out.samples.append(sample((field.name, out.labels, 0.0)))
            out.faults.append(Fault(field.name, f"there is no text at {field.path}"))
            return
        out.found = True
        if len(raw) > _LONGEST_STATUS:
            raise FieldError(f"a status text of {len(raw)} characters is no status")
        groups = groups_of(raw, field)
        shown = any(name in groups for name in field.shown_by)
        out.samples.append(sample((field.name, out.labels, float(shown))))
        if shown:
            for one, read in inner:
                attempt(one.name, read, groups, out)
        elif not field.absent_pattern.fullmatch(raw.strip()):
            told = "the text is neither a status nor a known error"
            out.faults.append(Fault(field.name, told))

    return step


# A FreeSWITCH that is away says the same at each poll.
@lru_cache(maxsize=256)
def groups_of(status: str, field: Lines) -> dict[str, str]:
    """Return what the patterns find in the lines; of one name, the first line wins."""
    found: dict[str, str] = {}
    for line in reversed([line.strip() for line in _LINE_END.split(status)]):
        for pattern in field.patterns:
            match = pattern.fullmatch(line)
            if match:
                found |= {key: value for key, value in match.groupdict().items() if value}
    return found


def _count(field: Count) -> Step:
    def step(_tree: Any, out: Gathering) -> None:
        out.samples.append(sample((field.name, out.labels, 1.0)))

    return step


def _each(field: Each) -> Step:
    get = make_getter(field.path) if field.path else _whole
    labels = [make_label(name, paths, text, field.name) for name, paths in field.labels.items()]
    inner = [(one.name, make_step(one)) for one in field.fields]
    merges = dict(_merges(field))
    # What counts items says 0 where there are none, if it needs no label of theirs.
    counts = [one.name for one in field.fields if isinstance(one, Count) and not field.labels]
    is_taken = _condition(field)

    def step(tree: Any, out: Gathering) -> None:
        raw = get(tree)
        if raw is None:
            return
        items = _items(raw)
        out.found = True
        out.dropped += max(0, len(raw) - field.most)
        common, key, start = out.labels, out.key, len(out.samples)
        out.samples += [sample((name, common, 0.0)) for name in counts]
        try:
            for out.key, item in islice(items, field.most):
                if not is_taken(item):
                    continue
                out.labels = common
                for one in labels:
                    one(item, out)
                for name, read in inner:
                    attempt(name, read, item, out)
        finally:
            # What comes after has none of these, even where a reader failed in its own way.
            out.labels, out.key = common, key
        if merges:
            out.samples[start:] = _merged(out.samples[start:], merges)

    return step


def taken_items(raw: Any, field: Each) -> list[Any]:
    """Return the items that the field takes of what stands at its path."""
    if not isinstance(raw, list | dict):
        return []
    is_taken = _condition(field)
    return [item for _, item in islice(_items(raw), field.most) if is_taken(item)]


def _whole(tree: Any) -> Any:
    return tree


def _items(raw: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(raw, list):
        return ((str(place), item) for place, item in enumerate(raw))
    if isinstance(raw, dict):
        return raw.items()
    raise FieldError(f"{shown(raw)} is neither a list nor an object")


def _condition(field: Each) -> Callable[[Any], bool]:
    if field.where is None:
        return lambda _: True
    get, wanted = make_getter(field.where[0]), field.where[1].lower()

    def is_taken(item: Any) -> bool:
        try:
            return text(get(item)).lower() == wanted
        except FieldError:
            return False  # Nothing there, or nothing that could be the text.

    return is_taken


def _merges(field: Each) -> Iterator[tuple[str, Merge]]:
    for one in field.fields:
        if isinstance(one, Count):
            yield one.name, "sum"
        elif isinstance(one, Gauge) and one.merge:
            yield one.name, one.merge


_COMBINE: Mapping[Merge, Callable[[float, float], float]] = {
    "sum": operator.add,
    "least": min,
    "most": max,
}


def _merged(samples: list[Sample], merges: Mapping[str, Merge]) -> list[Sample]:
    """Make one sample of those that are to be merged and bear the same labels."""
    found: dict[tuple[str, Labels], float] = {}
    rest = []
    for one in samples:
        merge, series = merges.get(one.family), one[:2]
        if merge is None:
            rest.append(one)
        elif series in found:
            found[series] = _COMBINE[merge](found[series], one.value)
        else:
            found[series] = one.value
    return rest + [sample((family, labels, value)) for (family, labels), value in found.items()]
