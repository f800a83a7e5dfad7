"""The fields of a text whose lines are matched against patterns; paths are names of groups."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Annotated, Any

import msgspec
from pydantic import Field, ValidationInfo, field_validator, model_validator

from exporter.declare.extraction import ExtractContext, Read
from exporter.declare.family import Family
from exporter.declare.groups import PresentGroup
from exporter.declare.labels import compile_labels
from exporter.declare.model import fault
from exporter.declare.numbers import NO_LABELS
from exporter.declare.paths import Pointer, Steps, make_get, pointer_steps
from exporter.declare.patterns import Pattern, Regex, compile_pattern
from exporter.errors import FieldError, suggestion

# Cached lines with their groups.
_MAX_LINES = 1024
# Longer lines are not cached: a thousand of them would take too much memory.
_MAX_KNOWN_LINE = 1024

MAX_TEXT = 64 * 1024
"""Characters of a text that is read line by line."""

# Some servers separate lines with tags such as <br>, for browsers.
_LINE_END = re.compile(r"\r\n|\r|\n|<[^<>]{1,20}>")


class MatchedLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a text."""

    text: str
    groups: Mapping[str, str]
    """What the patterns find in it."""


class Lines(PresentGroup):
    """Fields of the lines of a text, and whether the text has the expected form."""

    lines: Pointer
    """The path of the text; "" for a body that is text."""
    patterns: Annotated[list[Regex], Field(min_length=1)]
    """Regular expressions for whole lines; their named groups are paths for the fields."""
    present_if: Annotated[list[str], Field(min_length=1)] | None = None
    """Groups of which one must be found. The default is any group."""
    absent_if: list[Regex] = Field(default_factory=list)
    """Regular expressions for whole texts that mean that there is no status."""

    @field_validator("patterns")
    @classmethod
    def _check_patterns(cls, value: list[Pattern]) -> list[Pattern]:
        if not any(one.names for one in value):
            raise fault("none has a named group, such as (?P<active>\\d+)")
        return value

    @field_validator("present_if")
    @classmethod
    def _check_groups(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        known = _groups_of(info.data.get("patterns", ()))
        for name in value or ():
            # If the patterns have errors, the names cannot be checked.
            if known and name not in known:
                raise fault(f'no pattern has a group "{name}"; {suggestion(name, known)}')
        return value

    @model_validator(mode="after")
    def _check_fields(self) -> "Lines":
        known = _groups_of(self.patterns)
        for steps in (steps for one in self.fields for steps in one.mapped_paths()):
            if steps and steps[0] not in known:
                hint = suggestion(steps[0], known)
                raise fault(f'fields: no pattern has a group "{steps[0]}"; {hint}')
        return self

    def families(self) -> Iterator[Family]:
        """Yield the gauge, then the metrics within."""
        yield from self.present_families(self.lines or "the text", "is a status text")
        for family in self.inner_families(self.lines or "the text"):
            # The names of groups are not the vendor's.
            yield replace(family, fields=())

    def mapped_paths(self) -> Iterator[Steps]:
        """Yield the path of the text."""
        yield from super().mapped_paths()
        yield pointer_steps(self.lines)

    def split(self, status: str) -> list[str]:
        """Return the lines of a text."""
        if "<" in status:
            return _LINE_END.split(status)
        return status.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    def match_line(self, line: str) -> MatchedLine:
        """Return a line with the groups of the first pattern that matches it."""
        return MatchedLine(line, self._match(line.strip()) or {})

    def groups_of(self, status: str) -> dict[str, str]:
        """Return the groups of all lines; if several lines have a group, the first wins."""
        found: dict[str, str] = {}
        for line in self.split(status):
            match = self._match_known if len(line) <= _MAX_KNOWN_LINE else self._match
            for name, value in (match(line.strip()) or {}).items():
                found.setdefault(name, value)
        return found

    def is_status(self, groups: Collection[str]) -> bool:
        """Return whether a text with these groups is a status."""
        return any(name in groups for name in self.present_if or groups)

    @cached_property
    def _match_known(self) -> Callable[[str], dict[str, str] | None]:
        # More than half of the lines of a status are the same at each poll.
        return lru_cache(maxsize=_MAX_LINES)(self._match)

    def _match(self, line: str) -> dict[str, str] | None:
        """Return the groups of the first pattern that matches the line."""
        for literal, match_whole in self._matchers:
            if literal in line:
                groups = match_whole(line)
                if groups is not None:
                    return groups
        return None

    @cached_property
    def _matchers(self) -> tuple[tuple[str, Callable[[str], dict[str, str] | None]], ...]:
        # A text that every match contains rules out most patterns without a call.
        return tuple(("".join(one.literals[:1]), one.match_whole) for one in self.patterns)

    def unmapped_lines(self, status: Any) -> Iterator[str]:
        """Yield lines that match no pattern, but contain the longest word of one."""
        if not isinstance(status, str) or len(status) > MAX_TEXT:
            return
        words = {
            max("".join(one.literals[:1]).split(), key=len, default="") for one in self.patterns
        }
        for part in self.split(status):
            line = part.strip()
            if not words.isdisjoint(line.split()) and self._match(line) is None:
                yield line

    def _is_known_absence(self, status: str) -> bool:
        # A known error may have several lines.
        return any(
            compile_pattern(f"(?s){one.source}").match_whole(status) is not None
            for one in self.absent_if
        )

    def compile(self) -> Read:
        """Return the function that reads the text."""
        get, read_inner, labels = (
            make_get(self.lines),
            self.compile_inner(),
            compile_labels(self.labels),
        )
        where = self.lines or "the answer"
        metric, present = self.metric, self.present

        def add_absent(context: ExtractContext) -> None:
            if present:
                # Labels cannot be read without the groups of a status.
                with suppress(FieldError):
                    own = labels({}, context) if labels else NO_LABELS
                    context.add(present, context.labels + own, 0.0)

        def read(item: Any, context: ExtractContext) -> None:
            raw = get(item, context)
            if not isinstance(raw, str):
                add_absent(context)
                if present or raw is not None:
                    found = context.found
                    context.fault(metric, f"there is no text at {where}")
                    context.found = found or raw is not None
                return
            if len(raw) > MAX_TEXT:
                raise FieldError(f"a text of {len(raw)} characters is too long for a status")
            context.found = True
            groups = self.groups_of(raw)
            if not self.is_status(groups):
                add_absent(context)
                if not self._is_known_absence(raw.strip()):
                    context.fault(metric, "the text is neither a status nor a known error")
                return
            outer = context.labels
            try:
                context.labels = outer + (labels(groups, context) if labels else NO_LABELS)
                if present:
                    context.add(present, context.labels, 1.0)
                read_inner(groups, context)
            finally:
                context.labels = outer

        return read


def _groups_of(patterns: Iterable[Pattern]) -> frozenset[str]:
    return frozenset(group for one in patterns for group in one.names)
