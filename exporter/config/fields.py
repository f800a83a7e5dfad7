"""The shape of a system's `fields`, in the words of `spec`; each becomes one of its fields."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exporter import spec
from exporter.config.field_values import (
    Condition,
    Pattern,
    Pointer,
    Pointers,
    ReaderName,
    TextReaderName,
    as_float,
    pointer,
)
from exporter.config.values import Model, Text, fault, one_of
from exporter.errors import suggestion
from exporter.readers import number


class DifferenceModel(Model):
    """One place less another."""

    of: Pointer
    """The one place."""
    less: Pointer
    """The other, which is taken off."""


class _Named(Model):
    help: str | None = None
    """What the metric says; the field's place where nothing is said."""

    def sentence(self, paths: str) -> str:
        """Return the help as one sentence; without one it names the place."""
        text = (self.help or f"Read from {paths}").strip().rstrip(".")
        return f"{text[:1].upper()}{text[1:]}."


class _Placed(_Named):
    path: Pointers
    """Where it stands; of several the first that is there."""

    def told(self) -> str:
        """Return the help."""
        return self.sentence(", ".join(self.path))


class _Number(_Named):
    path: Pointers | None = None
    """Where it stands; of several the first that is there."""
    difference: DifferenceModel | None = None
    """Two places, of which the one less the other is the value."""
    read: ReaderName = number
    """How it is read: into bytes, seconds, ratios or Unix time."""
    labels: dict[str, Text] = Field(default_factory=dict)
    """Fixed labels."""
    default: Annotated[float | None, BeforeValidator(as_float)] = None
    """The value where the vendor leaves it out."""
    merge: Literal["sum", "least", "most"] | None = None
    """What becomes of several items with the same labels."""

    @model_validator(mode="after")
    def _whole(self) -> "_Number":
        one_of(self, "path", "difference")
        return self

    def _make(self, kind: type[spec.Gauge], name: str) -> spec.Gauge:
        places: spec.Paths = self.path or ()
        if self.difference:
            places = (spec.Difference(self.difference.of, self.difference.less),)
        return kind(
            name,
            places,
            help=self.sentence(", ".join(self.path or ()) or "the answer"),
            read=self.read,
            labels=self.labels,
            default=self.default,
            merge=self.merge,
        )


class GaugeModel(_Number):
    """A `gauge`."""

    gauge: str
    """The metric's name."""

    def make(self) -> spec.Gauge:
        """Return the field."""
        return self._make(spec.Gauge, self.gauge)


class CounterModel(_Number):
    """A `counter`."""

    counter: str
    """The metric's name, which ends in _total."""

    def make(self) -> spec.Gauge:
        """Return the field."""
        return self._make(spec.Counter, self.counter)


class MatchModel(_Placed):
    """A `match`."""

    match: str
    """The metric's name."""
    equals: Text
    """The text that makes it 1, in any case."""

    def make(self) -> spec.Match:
        """Return the field."""
        return spec.Match(self.match, self.path, help=self.told(), equals=self.equals)


class StatesModel(_Placed):
    """A list of `states`, each a series."""

    states: str
    """The metric's name."""
    known: Annotated[list[Annotated[Text, Field(min_length=1)]], Field(min_length=1)]
    """Every state there is, besides `unknown`."""
    label: str = "state"
    """The label that holds the state."""
    numbered: bool = False
    """Whether the answer has the place of the state, from 0."""

    def make(self) -> spec.States:
        """Return the field."""
        return spec.States(
            self.states,
            self.path,
            help=self.told(),
            states=tuple(state.lower() for state in self.known),
            label=self.label,
            numbered=self.numbered,
        )


class InfoModel(_Named):
    """An `info`."""

    info: str
    """The metric's name, which ends in _info."""
    labels: Annotated[dict[str, Pointers], Field(min_length=1)]
    """Labels with the places they are read from."""
    reads: dict[str, TextReaderName] = Field(default_factory=dict)
    """How labels are read that are not plain text."""
    when: Condition | None = None
    """The parameter and value for which it is read."""

    def make(self) -> spec.Info:
        """Return the field."""
        told = self.sentence(", ".join(path for paths in self.labels.values() for path in paths))
        return spec.Info(self.info, self.labels, help=told, reads=self.reads, when=self.when)


class CountModel(_Named):
    """A `count` of items."""

    count: str
    """The metric's name."""

    def make(self) -> spec.Count:
        """Return the field."""
        return spec.Count(self.count, help=self.sentence("") if self.help else "Number of items.")


class SilentModel(Model):
    """When an object's fields are not read."""

    path: Pointer
    """A place."""
    is_: Annotated[float, BeforeValidator(as_float)] = Field(alias="is")
    """The number there."""


class PartModel(_Named):
    """A `part`: an object that is there or not."""

    part: str
    """The metric's name: 1 where the object is there."""
    path: Pointer
    """Where the object stands."""
    fields: "list[PlainField]"
    """What is read within."""
    error: Pointer | None = None
    """The place within whose presence makes it a failure."""
    silent: SilentModel | None = None
    """When the fields within are not read."""
    when: Condition | None = None
    """The parameter and value for which it is read."""

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
    """The metric's name: 1 where the text is a status."""
    path: Pointer
    """Where the text stands."""
    patterns: Annotated[list[Pattern], Field(min_length=1)]
    """Regular expressions for whole lines; their named groups are places for the fields."""
    shown_by: Annotated[list[str], Field(min_length=1)]
    """The groups of which one must be found."""
    absent: list[Pattern] = Field(default_factory=list)
    """What a text is like that says there is nothing."""
    fields: "list[PlainField]"
    """What is read of the groups."""

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
    """A place in the item."""
    is_: Text = Field(alias="is")
    """The text there, in any case."""


class EachModel(Model):
    """The fields of `each` item."""

    each: str
    """Where the list or object stands; empty for the whole answer."""
    labels: dict[str, Pointers] = Field(default_factory=dict)
    """Labels with the places in the item they are read from; @key is its key or place."""
    where: WhereModel | None = None
    """Which items are taken."""
    most: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """How many items are taken."""
    fields: "Annotated[list[ItemField], Field(min_length=1)]"
    """What is read of each item."""

    @field_validator("each")
    @classmethod
    def _each(cls, value: str) -> str:
        return pointer(value) if value else value

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

for _model in FIELD_MODELS.values():
    _model.model_rebuild()  # Their fields are fields, which were named before they were there.
