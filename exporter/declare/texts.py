"""The fields match and info, which read texts."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from exporter.declare.conditions import Comparison
from exporter.declare.extraction import ExtractContext, Read
from exporter.declare.family import Family, Kind
from exporter.declare.labels import LabelRules, compile_labels
from exporter.declare.numbers import NO_LABELS
from exporter.declare.parts import Metric
from exporter.declare.paths import (
    Selected,
    Steps,
)
from exporter.errors import FieldError


class Match(Selected, Comparison, Metric):
    """A gauge that is 1 if a condition is true for a value, else 0; absent without the value."""

    named_by: ClassVar[str] = "match"

    match: str
    """The metric's name."""

    def families(self) -> Iterator[Family]:
        """Yield the one metric."""
        yield self._family(source=self.place, reading=self.comparison_text())

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that the field reads."""
        yield from super().mapped_paths()
        yield from self.places()

    def compile(self) -> Read:
        """Return the function that compares the value."""
        get, test = self.compile_get(), self.compile_test()
        labels, name = compile_labels(self.labels), self.metric
        reads_missing = self.exists is not None

        def read(item: Any, context: ExtractContext) -> None:
            raw = get(item, context)
            if raw is not None:
                context.found = True
            elif not reads_missing:
                return
            value = 1.0 if test(raw) else 0.0
            own = labels(item, context) if labels else NO_LABELS
            context.add(name, context.labels + own, value)

        return read


class Info(Metric):
    """A constant 1 whose labels are texts of the answer; empty labels are omitted."""

    kind: ClassVar[Kind] = "info"
    named_by: ClassVar[str] = "info"

    info: str
    """The metric's name, which ends in _info."""
    labels: LabelRules = Field(min_length=1)
    """Labels by name: a path, a text, or a mapping; see the keys of a label."""

    def families(self) -> Iterator[Family]:
        """Yield the one metric."""
        sources = ((label, rule.source()) for label, rule in self.labels.items())
        source = "; ".join(f"{label}: {source}" for label, source in sources if source)
        yield self._family(source=source, reading="text")

    def compile(self) -> Read:
        """Return the function that reads the labels."""
        fixed = {label for label, rule in self.labels.items() if rule.fixed is not None}
        readers = [(label, rule.compile()) for label, rule in self.labels.items()]
        name = self.metric

        def read(item: Any, context: ExtractContext) -> None:
            own = []
            for label, text_of in readers:
                try:
                    value = text_of(item, context)
                except FieldError as error:
                    context.found = True
                    context.fault(name, f"label {label}: {error}")
                    return  # The other labels alone may look like those of another item.
                if value:
                    own.append((label, value))
            if len(own) > len(fixed) or (own and not len(readers) > len(fixed)):
                context.found = True
                context.add(name, context.labels + tuple(own), 1.0)

        return read
