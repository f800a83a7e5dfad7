"""An endpoint: its request and the fields of its answer."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from exporter.declare.conditions import Holds, When, Where, compile_where, is_true
from exporter.declare.each import Each
from exporter.declare.extraction import (
    ExtractContext,
    Extraction,
    Fault,
    Read,
)
from exporter.declare.family import Family
from exporter.declare.groups import FieldGroup
from exporter.declare.kinds import AnyField
from exporter.declare.model import Model, one_of
from exporter.declare.parts import Part
from exporter.declare.paths import (
    ANY,
    BELOW,
    Pointer,
    Pointers,
    Steps,
    is_index,
    make_first,
    make_get,
    pointer_steps,
)
from exporter.declare.requests import Request
from exporter.errors import FieldError, PollError, Reason

_log = logging.getLogger(__name__)

Format = Literal["json", "xml", "text"]


class Refusal(Model):
    """How to recognize an error with status 200."""

    error: Pointer | None = None
    """A path whose value is true in an error."""
    success: Pointer | None = None
    """A path whose value is false in an error."""
    message: Pointers | None = None
    """The path of the reason, which is a text or a list of texts."""
    where: Where | None = None
    """Conditions that are all true for an error."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "Refusal":
        if self.error is None and self.success is None:
            one_of(self, "error", "where")
        return self

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the paths that the refusal reads."""
        for pointer in (self.error, self.success, *(self.message or ())):
            if pointer is not None:
                yield pointer_steps(pointer)
        for condition in self.where or ():
            yield from condition.places()

    @cached_property
    def _is_refused(self) -> Holds:
        get_error = make_get(self.error) if self.error else None
        get_success = make_get(self.success) if self.success else None
        holds = compile_where(self.where)

        def is_refused(tree: Any, context: ExtractContext) -> bool:
            success = get_success(tree, context) if get_success else None
            return (
                (get_error is not None and is_true(get_error(tree, context)))
                or (success is not None and not is_true(success))
                or (holds is not None and holds(tree, context))
            )

        return is_refused

    def check(self, tree: Any, context: ExtractContext) -> None:
        """Raise PollError if the answer is an error."""
        if self._is_refused(tree, context):
            reason = self._message(tree, context)
            raise PollError(Reason.VENDOR_ERROR, f"the vendor reports an error: {reason}")

    def _message(self, tree: Any, context: ExtractContext) -> str:
        for pointer in self.message or ():
            found = make_first((pointer,))(tree, context)
            texts = found if isinstance(found, list) else [found]
            said = "; ".join(one for one in texts if isinstance(one, str) and one)
            if said:
                return said
        return "no reason"


class Endpoint(Request):
    """One status URL and the fields of its answer."""

    method: Literal["GET", "POST"] = "GET"
    """The HTTP method. The request must not change anything on the server."""
    when: When | None = None
    """Parameters of the target and their values for which it is requested."""
    optional: bool = False
    """Whether the target is up even if this endpoint fails."""
    accept_status: list[Annotated[int, Field(ge=300, le=599)]] = Field(default_factory=list)
    """Statuses besides 2xx whose answer is read, such as 503 of a health endpoint."""
    formats: Annotated[list[Format], Field(min_length=1)] = ["json"]  # noqa: RUF012
    """The formats of its answer, the preferred one first."""
    roots: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Keys with which paths begin. They may be in a wrapper object; in XML, at any depth."""
    refusal: Refusal | None = None
    """How to recognize an error with status 200."""
    fields: Annotated[list[AnyField], Field(min_length=1)]
    """The fields of the answer."""

    def families(self) -> Iterator[Family]:
        """Yield the metrics of the endpoint."""
        for index, one in enumerate(self.fields):
            for family in one.families():
                yield replace(family, location=("fields", index, *family.location))

    @cached_property
    def mapped_paths(self) -> tuple[Steps, ...]:
        """The path of every value that a field, a label or a condition reads."""
        refusal = self.refusal.mapped_paths() if self.refusal else ()
        return (*refusal, *(steps for one in self.fields for steps in one.mapped_paths()))

    @cached_property
    def takes_list(self) -> bool:
        """Whether the answer may be a list: a path begins with an index, or with any item."""
        firsts = {steps[0] if steps else ANY for steps in self.mapped_paths}
        return any(one in {ANY, BELOW} or is_index(one) for one in firsts)

    @cached_property
    def list_paths(self) -> tuple[Steps, ...]:
        """The paths of lists, which in XML are no lists if they have a single item.

        With ANY at the end, the path of an object whose children are the items.
        """
        return tuple(_list_paths(self.fields, ()))

    @cached_property
    def _has_items(self) -> bool:
        """Whether a list is read: an answer is readable even if none of its items is."""
        return any(isinstance(one, Each) for one in parts_of(self.fields))

    @cached_property
    def reads(self) -> tuple[tuple[str, Read], ...]:
        """The function that reads each field, with the metric of its faults."""
        return tuple((one.metric, one.compile_guarded()) for one in self.fields)

    def extract(
        self,
        tree: Any,
        params: Mapping[str, str],
        poll_time: float,
        broken: tuple[str, ...] = (),
    ) -> Extraction:
        """Read every field; `poll_time` is the middle of the request in Unix seconds.

        `broken` are faults of the whole answer, such as bytes that are no text. They count as
        faults of the first metric.

        Raises:
            PollError: The vendor reports an error, or the answer has no declared field.
        """
        context = ExtractContext(params, poll_time)
        if self.refusal:
            self.refusal.check(tree, context)
        for message in broken:
            context.faults.append(Fault(self.fields[0].metric, message))
        for metric, read in self.reads:
            try:
                read(tree, context)
            except FieldError as error:
                context.fault(metric, str(error))
            except Exception:  # noqa: BLE001 - see below
                # A bug: readings raise only FieldError. All other fields are still readable.
                _log.exception("reading failed", extra={"facts": {"metric": metric}})
                context.fault(metric, "the reading failed, see the log")
                context.labels = ()  # They may be those of the item with the bug.
        if not context.found:
            raise PollError(Reason.BAD_SHAPE, "none of the system's fields are in the answer")
        if context.faults and not context.series and not self._has_items:
            detail = f"no field can be read: {context.faults[0].message}"
            raise PollError(Reason.BAD_SHAPE, detail)
        return Extraction(
            tuple(context.series),
            tuple(context.values),
            tuple(context.faults),
            context.dropped_items,
        )


def _list_paths(fields: "list[Any]", base: Steps) -> Iterator[Steps]:
    for one in fields:
        if isinstance(one, Each):
            if isinstance(one.each, str):
                at = (*base, *pointer_steps(one.each))
                if at:
                    yield (*at, ANY) if one.uses_key else at
                yield from _list_paths(one.fields, (*at, ANY))
        elif isinstance(one, FieldGroup):
            within = pointer_steps(getattr(one, "within", ""))
            yield from _list_paths(one.inner(), (*base, *within))


def parts_of(fields: "list[Any]") -> Iterator[Part]:
    """Yield every field and group, those within groups included."""
    for one in fields:
        yield one
        if isinstance(one, FieldGroup):
            yield from parts_of(one.inner())
