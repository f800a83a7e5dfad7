"""The base of all fields: conditions, and the help and labels of a metric."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from exporter.declare.conditions import When, Where, applies, compile_where
from exporter.declare.extraction import ExtractContext, Read
from exporter.declare.family import Family, Kind
from exporter.declare.labels import LabelRules, label_paths
from exporter.declare.model import Model, sentence
from exporter.declare.paths import BELOW, Steps, is_index, mapped_steps


class Part(Model):
    """The base of fields and groups of fields."""

    where: Where | None = None
    """Conditions that must all hold for it to be read; in an `each`, for an item to be read."""
    when: When | None = None
    """Parameters of the target and their values for which it is read."""

    @property
    @abstractmethod
    def metric(self) -> str:
        """The metric that its faults are reported under."""

    @abstractmethod
    def families(self) -> Iterator[Family]:
        """Yield the metrics of this part."""

    @abstractmethod
    def compile(self) -> Read:
        """Return the function that reads this part, without its `when` and `where`."""

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that this part reads, relative to the current item."""
        for condition in self.where or ():
            yield from condition.places()

    def compile_guarded(self) -> Read:
        """Return the function that reads this part if its conditions hold."""
        read, holds, when = self.compile(), compile_where(self.where), self.when
        if holds is None and when is None:
            return read

        def read_guarded(item: Any, context: ExtractContext) -> None:
            if applies(when, context.params) and (holds is None or holds(item, context)):
                read(item, context)

        return read_guarded


class Metric(Part):
    """A field that is one metric, named by the key of its kind."""

    kind: ClassVar[Kind] = "gauge"
    named_by: ClassVar[str]

    help: str | None = None
    """A description of the metric, in one sentence. The default is the path."""
    labels: LabelRules = Field(default_factory=dict)
    """Labels by name: a path, a text, or a mapping; see the keys of a label."""

    @property
    def metric(self) -> str:
        """The metric's name."""
        return str(getattr(self, self.named_by))

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that the field reads."""
        yield from super().mapped_paths()
        yield from label_paths(self.labels)

    def _family(self, *, source: str, reading: str, labels: tuple[str, ...] = ()) -> Family:
        return Family(
            name=self.metric,
            kind=self.kind,
            labels=(*self.labels, *labels),
            source=source,
            reading=reading,
            help=sentence(self.help) if self.help else "",
            fields=self._field_names(),
            location=(self.named_by,),
        )

    def _field_names(self) -> tuple[str, ...]:
        """Return the vendor's names of the values, or of the labels if it reads no value."""
        places = [
            *mapped_steps(getattr(self, "path", None), getattr(self, "query", None)),
        ] or label_paths(self.labels)
        names = (
            next((one for one in reversed(steps) if one != BELOW and not is_index(one)), "")
            for steps in places
        )
        return tuple(name for name in names if name)
