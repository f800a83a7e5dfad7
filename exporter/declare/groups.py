"""Groups of fields: the base of all groups, and the fields within an object."""

import json
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from exporter.declare.conditions import Holds, Where, compile_where, is_true
from exporter.declare.extraction import ExtractContext, Read, attempt
from exporter.declare.family import Family
from exporter.declare.labels import LabelRules, compile_labels, label_paths
from exporter.declare.model import Model, one_of, sentence
from exporter.declare.parts import Part
from exporter.declare.paths import Pointer, Steps, make_get, pointer_steps
from exporter.errors import FieldError
from exporter.text import excerpt

if TYPE_CHECKING:
    from exporter.declare.kinds import AnyField

MAX_NESTED_TEXT = 64 * 1024
"""Characters of JSON within a text."""


class FieldGroup(Part):
    """The base of groups of fields."""

    labels: LabelRules = Field(default_factory=dict)
    """Labels for every metric of the group."""

    @abstractmethod
    def inner(self) -> "list[Part]":
        """Return the fields within."""

    @property
    def metric(self) -> str:
        """The first metric within, which faults of the group are reported under."""
        return self.inner()[0].metric

    def compile_inner(self) -> Read:
        """Return the function that reads all fields within; a fault affects only its field."""
        reads = [(one.metric, one.compile_guarded()) for one in self.inner()]

        def read(item: Any, context: ExtractContext) -> None:
            for metric, one in reads:
                attempt(metric, one, item, context)

        return read

    def inner_families(self, source: str) -> Iterator[Family]:
        """Yield the metrics of the fields within, with the group's labels and source."""
        for index, one in enumerate(self.inner()):
            for family in one.families():
                yield replace(
                    family,
                    labels=(*self.labels, *family.labels),
                    source=_join_paths(source, family.source),
                    location=("fields", index, *family.location),
                )

    def inner_paths(self, base: Steps) -> Iterator[Steps]:
        """Yield the paths that the labels and fields within read."""
        for steps in label_paths(self.labels):
            yield (*base, *steps)
        for one in self.inner():
            for steps in one.mapped_paths():
                yield (*base, *steps)


class PartRefusal(Model):
    """What makes an object a failure."""

    error: Pointer | None = None
    """A path within the object whose value is true in a failure."""
    where: Where | None = None
    """Conditions within the object that are all true for a failure."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "PartRefusal":
        one_of(self, "error", "where")
        return self


class PresentGroup(FieldGroup):
    """A group with a gauge of whether it is there."""

    present: str | None = None
    """A gauge that is 1 if the group is present, else 0."""
    help: str | None = None
    """A description of the gauge `present`."""
    fields: "Annotated[list[AnyField], Field(min_length=1)]"
    """The fields of the group."""

    def inner(self) -> "list[Part]":
        """Return the fields within."""
        return list(self.fields)

    @property
    def metric(self) -> str:
        """The gauge `present`, or the first metric within."""
        return self.present or super().metric

    def present_families(self, source: str, reading: str) -> Iterator[Family]:
        """Yield the gauge, if there is one."""
        if self.present:
            yield Family(
                name=self.present,
                kind="gauge",
                labels=tuple(self.labels),
                source=source,
                reading=reading,
                help=sentence(self.help) if self.help else "",
                location=("present",),
            )


class Within(PresentGroup):
    """Fields of an object, and whether the object is present."""

    within: Pointer
    """The path of the object; the paths of its fields begin there."""
    refusal: PartRefusal | None = None
    """How to recognize a failure. The fields of the object are not read then."""
    unless: Where | None = None
    """Conditions outside of the object under which its fields are not read."""
    parse: Literal["json"] | None = None
    """`json` if the value is a text that contains JSON."""

    def families(self) -> Iterator[Family]:
        """Yield the gauge, then the metrics within."""
        yield from self.present_families(self.within, "is there, without error")
        yield from self.inner_families(self.within)

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that the group reads."""
        yield from super().mapped_paths()
        base = pointer_steps(self.within)
        yield base
        for condition in self.unless or ():
            yield from condition.places()
        for steps in self._refusal_steps():
            yield (*base, *steps)
        if self.parse is None:
            yield from self.inner_paths(base)

    def _refusal_steps(self) -> Iterator[Steps]:
        if self.refusal and self.refusal.error:
            yield pointer_steps(self.refusal.error)
        for condition in (self.refusal.where if self.refusal else None) or ():
            yield from condition.places()

    def compile(self) -> Read:
        """Return the function that reads the object."""
        get, read_inner = make_get(self.within), self.compile_inner()
        labels, unless = compile_labels(self.labels), compile_where(self.unless)
        present, is_good = self.present, self._compile_check()

        def read(item: Any, context: ExtractContext) -> None:
            raw = self.parse_object(get(item, context))
            context.found = context.found or raw is not None
            good = raw is not None and is_good(raw, context)
            if not good and not present:
                return
            outer = context.labels
            try:
                if labels:
                    context.labels = outer + labels(raw, context)
                if present:
                    context.add(present, context.labels, float(good))
                if good and not (unless and unless(item, context)):
                    read_inner(raw, context)
            except FieldError:
                if raw is not None:  # A missing object has no labels, which is no fault.
                    raise
            finally:
                context.labels = outer

        return read

    def parse_object(self, raw: Any) -> Any:
        """Return the object, parsed where it is written in a text; may raise FieldError."""
        if raw is not None and self.parse is not None:
            raw = _parse_json(raw)
        # Some languages serialize an empty object as [].
        return None if raw in ([], {}) else raw

    def _compile_check(self) -> Holds:
        """Return the function that checks that an object is not a failure."""
        must_hold_keys = self.present is not None
        error = self.refusal.error if self.refusal else None
        get_error = make_get(error) if error is not None else None
        refused = compile_where(self.refusal.where if self.refusal else None)

        def is_good(raw: Any, context: ExtractContext) -> bool:
            if must_hold_keys and not isinstance(raw, dict | list):
                return False
            if get_error and is_true(get_error(raw, context)):
                return False
            return not (refused and refused(raw, context))

        return is_good


def _parse_json(raw: Any) -> Any:
    if not isinstance(raw, str):
        raise FieldError(f"{excerpt(raw)} is not a text with JSON")
    if len(raw) > MAX_NESTED_TEXT:
        raise FieldError(f"a text of {len(raw)} characters is too long for JSON")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise FieldError(f"{excerpt(raw)} is not JSON") from None


def _join_paths(outer: str, inner: str) -> str:
    """Join the paths of a group and a field: to one pointer if both are pointers."""
    if not inner or (inner.startswith("/") and " " not in inner + outer):
        return outer + inner
    return f"{outer} > {inner}"
