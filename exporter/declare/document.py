"""Parses YAML into plain data, with the line and column of each part.

YAML 1.1 reads `on` as true, `0012` as 10 and `1:30` as 90. Here everything is text except plain
numbers, true and false. A repeated key is an error.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from exporter.errors import ConfigError
from exporter.text import printable
from exporter.toolkit.yaml_parts import key_text, yaml_problem

Location = tuple[str | int, ...]
LocatedMessage = tuple[tuple[int, int], str]
"""The line and column, to sort by, and the message with its location."""

_DEEPEST = 50
# The explicit tags "!" and !!str are harmless: they make a value a text.
_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str"})
# The maximum number of parts with all aliases expanded, and its maximum multiple of the parts in the
# file. A declaration of ten thousand parts takes 0.15 s, however short its file is.
_MAX_ALIASED_PARTS = 10_000
_MAX_ALIASED_RATIO = 20
# A file of a hundred thousand targets has some two million.
_MAX_PARTS = 4_000_000

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc] # The C loader is not there on every platform.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    # A longer number is an identifier: Python refuses to convert thousands of digits.
    ("int", r"-?(?:0|[1-9][0-9]{0,999})", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$", re.ASCII), list(_first)
    )


class Document:
    """The data of a configuration file, with the locations of its parts.

    `faults` are repeated keys; `data` has the last value of each.
    """

    def __init__(
        self,
        text: str,
        name: str,
        kind: type[dict[Any, Any] | list[Any]] = dict,
        max_parts: int = _MAX_PARTS,
    ) -> None:
        """Read the text, a mapping or a list; `name` is the file's, for messages.

        Raises:
            ConfigError: The text is not YAML, not of the kind, or has more than `max_parts` keys
                and values.
        """
        self.name = name
        loader = _Loader(text)
        try:
            self._check_events(text, max_parts)
            self._root = loader.get_single_node()
            self._walked: set[int] = set()
            self.faults = list(self._repeated_keys(self._root, (), frozenset()))
            self._check_aliases()
            self.data: Any = loader.construct_document(self._root) if self._root else None
        except yaml.MarkedYAMLError as error:
            mark, problem = yaml_problem(error, text)
            place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
            raise ConfigError((f"{place}: not valid YAML: {problem}",)) from None
        except yaml.YAMLError as error:
            reason = str(getattr(error, "reason", "it cannot be decoded"))
            raise ConfigError((f"{name}: not valid YAML: {reason}",)) from None
        finally:
            loader.dispose()
        if self.data is None and kind is dict:
            self.data = {}
        if not isinstance(self.data, kind):
            what = "mapping of keys to values" if kind is dict else "list of groups; [] for none"
            raise ConfigError((f"{name}:1:1: the file must be a {what}",))

    def _check_events(self, text: str, max_parts: int) -> None:
        # PyYAML builds its tree by recursion, and its C library crashes if the tree is too deep.
        depth = parts = 0
        for event in yaml.parse(text, Loader=_Loader):
            if getattr(event, "tag", None) not in _TAGS:
                raise self._refusal(event, "a tag such as !!int is not allowed; leave it out")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise self._refusal(event, f"more than {_DEEPEST} levels deep")
            parts += isinstance(event, yaml.NodeEvent)
            if parts > max_parts:
                raise self._refusal(event, f"more than {max_parts} keys and values")

    def _refusal(self, event: Any, why: str) -> ConfigError:
        mark = event.start_mark or yaml.Mark(self.name, 0, 0, 0, None, 0)
        return ConfigError((self._locate(mark, (), why)[1],))

    def _check_aliases(self) -> None:
        """Reject aliases of aliases that make a small file a huge or deep declaration.

        A merge key adds the parts of its mappings.
        """
        measured: dict[int, tuple[int, int]] = {}

        def measure(node: Any) -> tuple[int, int]:
            """Return the number of parts and levels with the aliases expanded."""
            if id(node) not in measured:
                parts = node.value if isinstance(node.value, list) else ()
                inner = [
                    measure(one)
                    for part in parts
                    for one in (part if isinstance(part, tuple) else [part])
                ]
                levels = max((depth for _, depth in inner), default=0)
                measured[id(node)] = 1 + sum(size for size, _ in inner), 1 + levels
            return measured[id(node)]

        total, levels = measure(self._root) if self._root else (0, 0)
        limit = _MAX_ALIASED_PARTS + _MAX_ALIASED_RATIO * len(measured)
        measured.clear()  # The function refers to itself: a cycle, which is freed late.
        if total > limit:
            raise ConfigError(
                (f"{self.name}: its aliases stand for {total} parts, which is too many",)
            )
        if levels > _DEEPEST + 1:  # The last is that of scalars.
            raise ConfigError((f"{self.name}: its aliases make more than {_DEEPEST} levels",))

    def locate(self, location: Location, message: str) -> LocatedMessage:
        """Return a message with the location of the nearest part that exists."""
        return self._locate(self._mark(location), location, message)

    def _locate(self, mark: Any, location: Location, message: str) -> LocatedMessage:
        place = f"{self.name}:{mark.line + 1}:{mark.column + 1}"
        key = f": {location_text(location)}" if location else ""
        return (mark.line, mark.column), printable(f"{place}{key}: {message}")

    def _mark(self, location: Location) -> Any:
        node = self._root
        if node is None:
            return yaml.Mark(self.name, 0, 0, 0, None, 0)
        mark = node.start_mark
        for depth, part in enumerate(location):
            last = depth == len(location) - 1
            step = _step(node, part)
            if step is None:
                break
            key, node = step
            # The location of a section is that of its key; a value has its own.
            mark = key.start_mark if last and key is not None else node.start_mark
        return mark

    def _repeated_keys(
        self, node: Any, location: Location, above: frozenset[int]
    ) -> Iterator[LocatedMessage]:
        if id(node) in above:
            _, fault = self._locate(node.start_mark, location, "an alias that contains itself")
            raise ConfigError((fault,))
        if id(node) in self._walked:
            return  # An alias of a part that was checked.
        self._walked.add(id(node))
        above |= {id(node)}
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, Any] = {}
            for key, value in node.value:
                at = (*location, str(key.value))
                first = seen.setdefault(str(key.value), key)
                if first is not key:
                    line = first.start_mark.line + 1
                    yield self._locate(key.start_mark, at, f"given twice, first in line {line}")
                yield from self._repeated_keys(value, at, above)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                yield from self._repeated_keys(value, (*location, index), above)


def location_text(location: Location) -> str:
    """Return a location as text: `targets[2].labels.site`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{key_text(part)}" for part in location)
    return "".join(parts).removeprefix(".")


def _step(node: Any, part: str | int) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return None, node.value[part]
    return None
