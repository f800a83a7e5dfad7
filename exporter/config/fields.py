"""The shape of a system's `fields`, in the words of `spec`; each becomes one of its fields."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exporter import spec
from exporter.config.values import Model, Text, fault
from exporter.errors import suggestion
from exporter.readers import READERS, TEXT_READERS, Reader, TextReader
from exporter.spec import KEY, POLL_TIME

_STRAY_TILDE = re.compile(r"~(?![01])")
_READERS = {read.__name__: read for read in READERS}
_TEXT_READERS = {read.__name__: read for read in TEXT_READERS}


def _pointer(value: Any) -> str:
    if not isinstance(value, str) or not (value.startswith("/") or value in {KEY, POLL_TIME}):
        raise fault('a path begins with /, such as "/queue/length"')
    if _STRAY_TILDE.search(value):
        raise fault("in a path ~1 stands for a slash within a key, and ~0 for ~")
    return value


def _pointers(value: Any) -> tuple[str, ...]:
    if value == []:
        raise fault("must not be empty")
    return tuple(_pointer(one) for one in (value if isinstance(value, list) else [value]))


def _reader(value: Any) -> Reader:
    if not isinstance(value, str) or value not in _READERS:
        raise fault(f'there is no reading "{value}"; {suggestion(str(value), _READERS)}')
    return _READERS[value]


def _text_reader(value: Any) -> TextReader:
    if not isinstance(value, str) or value not in _TEXT_READERS:
        raise fault(f'there is no reading "{value}"; {suggestion(str(value), _TEXT_READERS)}')
    return _TEXT_READERS[value]


def _condition(value: Any) -> tuple[str, str]:
    if not isinstance(value, dict) or len(value) != 1 or not all(map(_is_text, *value.items())):
        raise fault('must be one name with one text, such as {detail: "true"}')
    return next(iter(value.items()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _whole_number(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _pattern(value: Any) -> str:
    try:
        re.compile(value, re.ASCII)
    except (re.error, TypeError) as error:
        raise fault(f"not a regular expression: {error}") from None
    return str(value)


Pointer = Annotated[str, PlainValidator(_pointer)]
Pointers = Annotated[tuple[str, ...], PlainValidator(_pointers)]
Condition = Annotated[tuple[str, str], PlainValidator(_condition)]
Pattern = Annotated[str, PlainValidator(_pattern)]


class DifferenceModel(Model):
    """One place less another."""

    of: Pointer
    less: Pointer


class _Named(Model):
    help: str | None = None

    def sentence(self, paths: str) -> str:
        """Return the help as one sentence; without one it names the place."""
        text = (self.help or f"Read from {paths}").strip().rstrip(".")
        return f"{text[:1].upper()}{text[1:]}."


class _Placed(_Named):
    path: Pointers | None = None
    difference: DifferenceModel | None = None

    def places(self) -> spec.Paths:
        """Return where the value stands."""
        if self.difference:
            return (spec.Difference(self.difference.of, self.difference.less),)
        return self.path or ()

    @model_validator(mode="after")
    def _whole(self) -> "_Placed":
        if (self.path is None) == (self.difference is None):
            raise fault("needs path or difference")
        return self

    def told(self) -> str:
        """Return the help."""
        return self.sentence(", ".join(map(str, self.path or ())) or "the answer")


class _Number(_Placed):
    read: Annotated[Reader, PlainValidator(_reader)] = _READERS["number"]
    labels: dict[str, Text] = Field(default_factory=dict)
    default: Annotated[float | None, BeforeValidator(_whole_number)] = None
    merge: Literal["sum", "least", "most"] | None = None

    def _make(self, kind: type[spec.Gauge], name: str) -> spec.Gauge:
        return kind(
            name,
            self.places(),
            help=self.told(),
            read=self.read,
            labels=self.labels,
            default=self.default,
            merge=self.merge,
        )


class GaugeModel(_Number):
    """A `gauge`."""

    gauge: str

    def make(self) -> spec.Gauge:
        """Return the field."""
        return self._make(spec.Gauge, self.gauge)


class CounterModel(_Number):
    """A `counter`."""

    counter: str

    def make(self) -> spec.Gauge:
        """Return the field."""
        return self._make(spec.Counter, self.counter)


class MatchModel(_Placed):
    """A `match`."""

    match: str
    equals: Text

    def make(self) -> spec.Match:
        """Return the field."""
        return spec.Match(self.match, self.places(), help=self.told(), equals=self.equals)


class StatesModel(_Placed):
    """A list of `states`, each a series."""

    states: str
    known: Annotated[list[Annotated[Text, Field(min_length=1)]], Field(min_length=1)]
    label: str = "state"
    numbered: bool = False

    def make(self) -> spec.States:
        """Return the field."""
        return spec.States(
            self.states,
            self.places(),
            help=self.told(),
            states=tuple(state.lower() for state in self.known),
            label=self.label,
            numbered=self.numbered,
        )


class InfoModel(_Named):
    """An `info`."""

    info: str
    labels: Annotated[dict[str, Pointers], Field(min_length=1)]
    reads: dict[str, Annotated[TextReader, PlainValidator(_text_reader)]] = Field(
        default_factory=dict
    )
    when: Condition | None = None

    def make(self) -> spec.Info:
        """Return the field."""
        told = self.sentence(", ".join(path for paths in self.labels.values() for path in paths))
        return spec.Info(self.info, self.labels, help=told, reads=self.reads, when=self.when)


class CountModel(_Named):
    """A `count` of items."""

    count: str

    def make(self) -> spec.Count:
        """Return the field."""
        return spec.Count(self.count, help=self.sentence("") if self.help else "Number of items.")


class SilentModel(Model):
    """When an object's fields are not read."""

    path: Pointer
    is_: Annotated[float, BeforeValidator(_whole_number)] = Field(alias="is")


class PartModel(_Named):
    """A `part`: an object that is there or not."""

    part: str
    path: Pointer
    fields: "list[PlainField]"
    error: Pointer | None = None
    silent: SilentModel | None = None
    when: Condition | None = None

    def make(self) -> spec.Part:
        """Return the field."""
        return spec.Part(
            self.part,
            self.path,
            help=self.sentence(self.path),
            fields=tuple(one.make() for one in self.fields),
            error=self.error,
            silent=(self.silent.path, self.silent.is_) if self.silent else None,
            when=self.when,
        )


class LinesModel(_Named):
    """The `lines` of a text."""

    lines: str
    path: Pointer
    patterns: Annotated[list[Pattern], Field(min_length=1)]
    shown_by: Annotated[list[str], Field(min_length=1)]
    absent: list[Pattern] = Field(default_factory=list)
    fields: "list[PlainField]"

    @field_validator("shown_by")
    @classmethod
    def _shown_by(cls, value: list[str], info: ValidationInfo) -> list[str]:
        patterns = info.data.get("patterns", [])
        groups = {name for one in patterns for name in re.compile(one).groupindex}
        for name in value:
            if name not in groups:
                raise fault(f'no pattern has a group "{name}"; {suggestion(name, groups)}')
        return value

    def make(self) -> spec.Lines:
        """Return the field."""
        return spec.Lines(
            self.lines,
            self.path,
            help=self.sentence(self.path),
            fields=tuple(one.make() for one in self.fields),
            lines=tuple(self.patterns),
            shown_by=tuple(self.shown_by),
            absent=tuple(self.absent),
        )


class WhereModel(Model):
    """Which items are taken."""

    path: Pointer
    is_: Text = Field(alias="is")


class EachModel(Model):
    """The fields of `each` item."""

    each: str
    labels: dict[str, Pointers] = Field(default_factory=dict)
    where: WhereModel | None = None
    most: Annotated[int, Field(ge=1, le=10_000)] = 1000
    fields: "Annotated[list[ItemField], Field(min_length=1)]"

    @field_validator("each")
    @classmethod
    def _each(cls, value: str) -> str:
        return _pointer(value) if value else value

    def make(self) -> spec.Each:
        """Return the field."""
        return spec.Each(
            self.each,
            labels=self.labels,
            where=(self.where.path, self.where.is_) if self.where else None,
            most=self.most,
            fields=tuple(one.make() for one in self.fields),
        )


KINDS = ("gauge", "counter", "match", "states", "info", "count", "part", "lines", "each")
"""The keys one of which makes a mapping a field, of its kind."""


def _kind(value: Any) -> str | None:
    named = [kind for kind in KINDS if kind in value] if isinstance(value, dict) else []
    return f"[{named[0]}]" if named else None


_Plain = (
    Annotated[GaugeModel, Tag("[gauge]")]
    | Annotated[CounterModel, Tag("[counter]")]
    | Annotated[MatchModel, Tag("[match]")]
    | Annotated[StatesModel, Tag("[states]")]
    | Annotated[InfoModel, Tag("[info]")]
)
_Item = (
    _Plain
    | Annotated[CountModel, Tag("[count]")]
    | Annotated[PartModel, Tag("[part]")]
    | Annotated[EachModel, Tag("[each]")]
)
PlainField = Annotated[_Plain, Discriminator(_kind)]
ItemField = Annotated[_Item, Discriminator(_kind)]
AnyField = Annotated[_Item | Annotated[LinesModel, Tag("[lines]")], Discriminator(_kind)]
"""One of `fields`; what is between brackets shows in locations, and is taken out of messages."""

FIELD_MODELS: Mapping[str, type[Model]] = {
    "[gauge]": GaugeModel,
    "[counter]": CounterModel,
    "[match]": MatchModel,
    "[states]": StatesModel,
    "[info]": InfoModel,
    "[count]": CountModel,
    "[part]": PartModel,
    "[lines]": LinesModel,
    "[each]": EachModel,
}
"""The models by what stands for them in a location."""
