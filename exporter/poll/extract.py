"""A plain tree and the declared fields go in; samples come out, and a fault for each bad field.

A place that is missing or null gives no sample. A value that is there and cannot be read gives
no sample and one fault, and costs nothing else.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from exporter.errors import FieldError, PollError, Reason
from exporter.readers import Reader, TextReader, flag, number, text
from exporter.spec import (
    POLL_TIME,
    Difference,
    Endpoint,
    Field,
    Gauge,
    Info,
    Lines,
    Match,
    Part,
    Path,
    Paths,
    Plain,
    States,
)

Labels = tuple[tuple[str, str], ...]

_log = logging.getLogger(__name__)

# FreeSWITCH over its HTTP module breaks lines with tags; over its event socket with line ends.
_LINE_END = re.compile(r"\r\n|\r|\n|<[^<>]{1,20}>")
_UNKNOWN = "unknown"


class Sample(NamedTuple):
    """One value of one series, less the labels of its target."""

    family: str
    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A field that was there and could not be read."""

    metric: str
    message: str


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything one answer said."""

    samples: tuple[Sample, ...]
    faults: tuple[Fault, ...]


def extract(
    tree: dict[str, Any], endpoint: Endpoint, params: Mapping[str, str], middle: float
) -> Reading:
    """Read every field of the endpoint; `middle` is the poll's time in Unix seconds.

    Raises:
        PollError: The vendor reports an error, or nothing declared stands in the answer.
    """
    _check_refusal(tree, endpoint)
    extraction = _Extraction(tree, params, middle)
    extraction.read_labels(endpoint)
    for field in endpoint.fields:
        extraction.read(field)
    if not extraction.found:
        raise PollError(Reason.BAD_SHAPE, "none of the system's fields stand in the answer")
    return Reading(tuple(extraction.samples), tuple(extraction.faults))


@lru_cache(maxsize=4096)
def _steps(pointer: str) -> tuple[str, ...]:
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])


def resolve(tree: Any, pointer: str) -> Any:
    """Return what stands at the JSON Pointer (RFC 6901); None where nothing does, or null."""
    for step in _steps(pointer):
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdecimal() and step.isascii():
            index = int(step[:9])
            tree = tree[index] if index < len(tree) else None
        else:
            return None
    return tree


def _check_refusal(tree: dict[str, Any], endpoint: Endpoint) -> None:
    refusal = endpoint.refusal
    if refusal is None:
        return
    error, success = resolve(tree, refusal.error), resolve(tree, refusal.success)
    if _is_true(error) or (success is not None and not _is_true(success)):
        message = resolve(tree, refusal.message)
        told = message if isinstance(message, str) and message else "no reason"
        raise PollError(Reason.VENDOR_ERROR, f"the vendor reports an error: {told}")


def _is_true(value: Any) -> bool:
    """Take whatever is not empty and does not say false for true, as a sign of error."""
    try:
        return bool(flag(value))
    except FieldError:
        return bool(value)


class _Extraction:
    """The state of reading one answer."""

    def __init__(self, tree: dict[str, Any], params: Mapping[str, str], middle: float) -> None:
        self.samples: list[Sample] = []
        self.faults: list[Fault] = []
        self.found = False
        self._tree: Any = tree
        self._params = params
        self._middle = middle
        self._labels: Labels = ()

    def read_labels(self, endpoint: Endpoint) -> None:
        """Read the labels that every series of the answer bears."""
        for label, paths in endpoint.labels.items():
            self._labels += self._label(label, paths, text, label)

    def read(self, field: Field) -> None:
        """Read one field; whatever goes wrong costs this field alone."""
        before = len(self.samples)
        try:
            self._read(field)
        except FieldError as error:
            self._fail(field.name, str(error), before)
        except Exception:  # noqa: BLE001 - see below
            # A reader must not raise anything else; where one does, the rest is still good.
            _log.exception("reader failed", extra={"facts": {"metric": field.name}})
            self._fail(field.name, "the reader failed, see the log", before)

    def _fail(self, name: str, message: str, before: int) -> None:
        self.found = True
        del self.samples[before:]
        self.faults.append(Fault(name, message))

    def _read(self, field: Field) -> None:
        match field:
            case Gauge():
                value = self._value(field.paths, field.read)
                if value is None:
                    value = field.default
                if value is not None:
                    self._add(field.name, value, tuple(field.labels.items()))
            case Match():
                raw = self._first(field.paths)
                if raw is not None:
                    self._add(field.name, float(text(raw).lower() == field.equals.lower()))
            case States():
                self._states(field)
            case Info():
                self._info(field)
            case Part():
                self._part(field)
            case Lines():
                self._lines(field)

    def _add(self, name: str, value: float, labels: Labels = ()) -> None:
        self.samples.append(Sample(name, self._labels + labels, value))

    def _first(self, paths: Paths) -> Any:
        for path in paths:
            value = resolve(self._tree, path) if isinstance(path, str) else None
            if value is not None:
                self.found = True
                return value
        return None

    def _value(self, paths: Paths, read: Reader) -> float | None:
        for path in paths:
            if isinstance(path, Difference):
                value, less = self._operand(path.of, read), self._operand(path.less, read)
                if value is None or less is None:
                    continue
                if value < less and POLL_TIME not in (path.of, path.less):
                    raise FieldError(f"{path.of} is less than {path.less}")
                return value - less
            raw = resolve(self._tree, path)
            if raw is not None:
                self.found = True
                return read(raw)
        return None

    def _operand(self, path: Path, read: Reader) -> float | None:
        if path == POLL_TIME:
            return self._middle
        return self._value((path,), read)

    def _states(self, field: States) -> None:
        raw = self._first(field.paths)
        if raw is None:
            return
        state = _numbered(raw, field.states) if field.numbered else text(raw).lower()
        if state not in field.states:
            state = _UNKNOWN
        for known in (*field.states, _UNKNOWN):
            self._add(field.name, float(known == state), ((field.label, known),))

    def _info(self, field: Info) -> None:
        if field.when and self._params.get(field.when[0]) != field.when[1]:
            return
        labels: Labels = ()
        for label, paths in field.labels.items():
            read = field.reads.get(label, text)
            labels += self._label(label, paths, read, field.name)
        if labels:
            self._add(field.name, 1.0, labels)

    def _label(self, label: str, paths: Paths, read: TextReader, metric: str) -> Labels:
        raw = self._first(paths)
        if raw is None:
            return ()
        try:
            value = read(raw)
        except FieldError as error:
            self.faults.append(Fault(metric, f"{label}: {error}"))
            return ()
        return ((label, value),) if value else ()

    def _part(self, field: Part) -> None:
        if self._params.get(field.when[0]) != field.when[1]:
            return
        raw = self._first((field.path,))
        good = isinstance(raw, dict) and bool(raw) and not _is_true(resolve(raw, field.error))
        self._add(field.name, float(good))
        if good and not self._is_silent(field):
            self._read_within(raw, field.fields)

    def _is_silent(self, field: Part) -> bool:
        path, value = field.silent
        try:
            return self._value((path,), number) == value
        except FieldError:
            return False

    def _lines(self, field: Lines) -> None:
        raw = self._first((field.path,))
        if raw is None or not isinstance(raw, str):
            self._add(field.name, 0.0)
            self.faults.append(Fault(field.name, f"there is no text at {field.path}"))
            return
        groups = dict(_groups(raw, field))
        if any(name in groups for name in field.shown_by):
            self._add(field.name, 1.0)
            self._read_within(groups, field.fields)
            return
        self._add(field.name, 0.0)
        if not field.absent_pattern.fullmatch(raw.strip()):
            self.faults.append(Fault(field.name, "the text is neither a status nor a known error"))

    def _read_within(self, tree: Any, fields: tuple[Plain, ...]) -> None:
        outside, self._tree = self._tree, tree
        for field in fields:
            self.read(field)
        self._tree = outside


def _numbered(raw: Any, states: tuple[str, ...]) -> str:
    place = number(raw)
    if place < 0 or not place.is_integer():
        return _UNKNOWN
    return states[min(int(place), len(states) - 1)]


def _groups(status: str, field: Lines) -> Iterator[tuple[str, str]]:
    """Yield what the patterns find in the lines, the last line first so that the first one wins."""
    for line in reversed(_LINE_END.split(status)):
        for pattern in field.patterns:
            match = pattern.fullmatch(line.strip())
            if match:
                yield from ((key, value) for key, value in match.groupdict().items() if value)
