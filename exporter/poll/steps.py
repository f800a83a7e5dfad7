"""Declared plain fields go in; steps come out, functions that each read one field of a tree.

What a declaration says is looked up once, when a step is made, and not at each poll: with ten
thousand targets the reading of fields is most of the work.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from exporter.errors import FieldError
from exporter.poll.pointer import Getter, make_getter
from exporter.readers import Reader, TextReader, flag, number, text
from exporter.spec import (
    KEY,
    POLL_TIME,
    Difference,
    Gauge,
    Info,
    Match,
    Path,
    Paths,
    Plain,
    States,
)

Labels = tuple[tuple[str, str], ...]

_UNKNOWN = "unknown"


class Sample(NamedTuple):
    """One value of one series, less the labels of its target."""

    family: str
    labels: Labels
    value: float


sample: Callable[[tuple[str, Labels, float]], Sample] = partial(tuple.__new__, Sample)
"""The constructor of a NamedTuple is a function written in Python; this is the one beneath it."""


class Fault(NamedTuple):
    """A field that was there and could not be read."""

    metric: str
    message: str


class Gathering:
    """What the steps have gathered of one answer so far."""

    __slots__ = ("dropped", "faults", "found", "key", "labels", "middle", "params", "samples")

    def __init__(self, params: Mapping[str, str], middle: float) -> None:
        self.params = params
        self.middle = middle
        self.samples: list[Sample] = []
        self.faults: list[Fault] = []
        self.labels: Labels = ()
        self.found = False
        self.key = ""
        """The item's own, within an Each."""
        self.dropped = 0
        """Items beyond what their Each takes."""


Step = Callable[[Any, Gathering], None]


def make_plain(field: Plain) -> Step:
    """Make the step that reads the field, adding its samples; it may raise FieldError."""
    match field:
        case Gauge():
            return _gauge(field)
        case Match():
            return _match(field)
        case States():
            return _states(field)
        case Info():
            return _info(field)


def make_label(label: str, paths: Paths, read: TextReader, metric: str) -> Step:
    """Make the step that adds a label to all that comes after it."""
    get, is_key = _first(tuple(path for path in paths if path != KEY)), KEY in paths

    def step(tree: Any, out: Gathering) -> None:
        raw = get(tree)
        if raw is None and is_key:
            raw = out.key
        if raw is None:
            return
        out.found = True
        try:
            value = read(raw)
        except FieldError as error:
            out.faults.append(Fault(metric, f"{label}: {error}"))
            return
        if value:
            out.labels = (*out.labels, (label, value))

    return step


def is_true(value: Any) -> bool:
    """Take whatever is not empty and does not say false for true, as a sign of error."""
    try:
        return bool(flag(value))
    except FieldError:
        return bool(value)


def _first(paths: Paths) -> Getter:
    getters = [make_getter(path) for path in paths if isinstance(path, str)]
    if not getters:
        return lambda _: None
    get, *others = getters
    if not others:
        return get

    def first(tree: Any) -> Any:
        value = get(tree)
        if value is not None:
            return value
        for other in others:
            value = other(tree)
            # Where an alias is a part of another, an object there is not what it names.
            if value is not None and not isinstance(value, dict | list):
                return value
        return None

    return first


def _gauge(field: Gauge) -> Step:
    name, labels, default = field.name, tuple(field.labels.items()), field.default
    values = [_value(path, field.read) for path in field.paths]
    only = values[0] if len(values) == 1 else None

    def step(tree: Any, out: Gathering) -> None:
        value: float | None = None
        if only:
            value = only(tree, out)
        else:
            for one in values:
                value = one(tree, out)
                if value is not None:
                    break
        if value is None:
            value = default
        if value is not None:
            if value - value != 0.0:  # Infinite, or not a number.
                raise FieldError("the number is too large")
            own = out.labels + labels if out.labels else labels
            out.samples.append(sample((name, own, value)))

    return step


Value = Callable[[Any, Gathering], float | None]


def _value(path: Path, read: Reader) -> Value:
    if path == POLL_TIME:
        return lambda _, out: out.middle
    if isinstance(path, Difference):
        return _difference(path, read)
    get = make_getter(path)

    def value(tree: Any, out: Gathering) -> float | None:
        raw = get(tree)
        if raw is None:
            return None
        out.found = True
        return read(raw)

    return value


def _difference(path: Difference, read: Reader) -> Value:
    get_of, get_less = _value(path.of, read), _value(path.less, read)
    # A clock may be ahead or behind; nothing else that is subtracted here may.
    signed = POLL_TIME in (path.of, path.less)

    def value(tree: Any, out: Gathering) -> float | None:
        of, less = get_of(tree, out), get_less(tree, out)
        if of is None or less is None:
            return None
        if of < less and not signed:
            raise FieldError(f"{path.of} is less than {path.less}")
        return of - less

    return value


def _match(field: Match) -> Step:
    get, name, equals = _first(field.paths), field.name, field.equals.lower()

    def step(tree: Any, out: Gathering) -> None:
        raw = get(tree)
        if raw is not None:
            out.found = True
            value = float(text(raw).lower() == equals)
            out.samples.append(sample((name, out.labels, value)))

    return step


def _states(field: States) -> Step:
    get, name, states = _first(field.paths), field.name, field.states
    labelled = {state: ((field.label, state),) for state in (*states, _UNKNOWN)}

    def step(tree: Any, out: Gathering) -> None:
        raw = get(tree)
        if raw is None:
            return
        out.found = True
        state = _numbered(raw, states) if field.numbered else text(raw).lower()
        if not state:
            return
        if state not in states:
            state = _UNKNOWN
        for known, labels in labelled.items():
            value = 1.0 if known == state else 0.0
            out.samples.append(sample((name, out.labels + labels, value)))

    return step


_WRITTEN_FLAGS = ("true", "false")


def _numbered(raw: Any, states: tuple[str, ...]) -> str:
    place = flag(raw) if raw in _WRITTEN_FLAGS else number(raw)
    if place < 0 or not place.is_integer():
        return _UNKNOWN
    return states[min(int(place), len(states) - 1)]


def _info(field: Info) -> Step:
    steps = [
        make_label(label, paths, field.reads.get(label, text), field.name)
        for label, paths in field.labels.items()
    ]
    name, when = field.name, field.when

    def step(tree: Any, out: Gathering) -> None:
        if when and out.params.get(when[0]) != when[1]:
            return
        common = out.labels
        for one in steps:
            one(tree, out)
        if len(out.labels) > len(common):
            out.samples.append(sample((name, out.labels, 1.0)))
        out.labels = common

    return step


def attempt(name: str, step: Step, tree: Any, out: Gathering) -> None:
    """Take a step; whatever goes wrong costs its field alone.

    No step adds a sample before it has read all of its own.
    """
    try:
        step(tree, out)
    except FieldError as error:
        out.found = True
        out.faults.append(Fault(name, str(error)))
