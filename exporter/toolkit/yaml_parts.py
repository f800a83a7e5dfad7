"""YAML with positions: every fault is reported as file:line:column: key: what.

A file is read by functions that take a part and return its value, or raise `Faults`.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# PyYAML composes by recursion; its C library crashes if that is too deep.
_MAX_LEVELS = 50
# "!" and !!str only say that a value is a text.
_HARMLESS_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str"})
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
# YAML 1.1 also reads `on` and `yes` as true.
_BOOLEANS = {"true": True, "True": True, "TRUE": True} | dict.fromkeys(
    ("false", "False", "FALSE"), False
)
# Python refuses to convert numbers of thousands of digits.
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,999})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
_WORD = re.compile(r"[\w./-]+")
_OUTSIDE = "this is not part of the block that begins in line {line}: correct the indentation or the quotes"
# By a part of the library's message: that of libyaml, or that of the parser in Python.
_REMEDIES = (
    (
        "mapping values are not allowed",
        'a colon is not expected here: correct the indentation, or quote a text with ": " in it',
    ),
    ("expected '-' indicator", _OUTSIDE),
    ("expected key", _OUTSIDE),
    ("expected <block end>", _OUTSIDE),
    ("expected node content", "a value is missing, or must be quoted"),
    ("expected the node content", "a value is missing, or must be quoted"),
    ("expected ',' or", "a bracket that opens in line {line} is not closed, or a comma is missing"),
)

Fault = tuple[int, int, str]
"""Line and column, by which faults are sorted, and the message."""


class Faults(Exception):  # noqa: N818 - it has several
    """All faults of a part and the parts within it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__("; ".join(message for *_, message in self.faults))


@dataclass(frozen=True)
class YamlPart:
    """A part of a file: its node, the mark where its faults are reported, and its path."""

    file: str
    node: Any
    mark: Any
    path: str = ""

    @property
    def scalar(self) -> Any:
        """The text, bool, int, float or None of a scalar; the node of anything else."""
        node = self.node
        if not isinstance(node, yaml.ScalarNode):
            return node
        if node.style:  # Quoted, or a block.
            return node.value
        text: str = node.value
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        return float(text) if _NUMBER.fullmatch(text) else text

    @property
    def is_null(self) -> bool:
        """Whether it has no value, as a key whose lines are commented out."""
        return self.scalar is None

    def fault(self, message: str) -> Faults:
        """Return the error that reports the message at this part."""
        line, column = self.mark.line, self.mark.column
        position = f"{self.file}:{line + 1}:{column + 1}"
        text = ": ".join(filter(None, (position, self.path, message)))
        return Faults([(line, column, _printable(text))])

    def fields(self, readers: Mapping[str, Callable[["YamlPart"], Any]]) -> dict[str, Any]:
        """Return the values that the readers return for the keys; null is the same as no key.

        Raises:
            Faults: All faults within, unknown and repeated keys included.
        """
        return self._read(lambda part, key: None if part.is_null else readers[key](part), readers)

    def entries(self, reader: Callable[["YamlPart"], Any]) -> dict[str, Any]:
        """Return the value that the reader returns for each key."""
        return self._read(lambda part, _: reader(part), None)

    def items(self, reader: Callable[["YamlPart"], Any]) -> tuple[Any, ...]:
        """Return the value that the reader returns for each item of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.fault("must be a list")
        found, faults = [], list[Fault]()
        for index, node in enumerate(self.node.value):
            try:
                found.append(
                    reader(YamlPart(self.file, node, node.start_mark, f"{self.path}[{index}]"))
                )
            except Faults as error:
                faults += error.faults
        if faults:
            raise Faults(faults)
        return tuple(found)

    def _read(
        self, reader: Callable[["YamlPart", str], Any], known: Collection[str] | None
    ) -> dict[str, Any]:
        found, faults = dict[str, Any](), list[Fault]()
        first_keys = dict[str, Any]()
        if not isinstance(self.node, yaml.MappingNode):
            raise self.fault("must be a mapping of keys to values")
        for key, node in self.node.value:
            name, mark = str(key.value), key.start_mark
            part = YamlPart(
                self.file, node, mark, f"{self.path}.{key_text(name)}".removeprefix(".")
            )
            first = first_keys.setdefault(name, key)
            try:
                if first is not key:
                    line = first.start_mark.line + 1
                    raise part.fault(f"given twice, first in line {line}")
                if known is not None and name not in known:
                    raise part.fault(f"unknown key; {suggest(name, known)}")
                value = reader(part, name)
            except Faults as error:
                faults += error.faults
            else:
                if value is not None:
                    found[name] = value
        if faults:
            raise Faults(faults)
        return found


def parse_yaml(text: str, file: str) -> YamlPart | None:
    """Return the mapping in the file, or None if it is empty.

    Raises:
        Faults: The text is not YAML, or not a mapping.
    """
    loader = _Loader(text)
    try:
        _check_events(text, file)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark, problem = yaml_problem(error, text)
        part = YamlPart(file, None, mark or _start(file))
        raise part.fault(f"not valid YAML: {problem}") from None
    except yaml.YAMLError as error:
        reason = str(getattr(error, "reason", "it cannot be decoded"))
        raise Faults([(0, 0, _printable(f"{file}: not valid YAML: {reason}"))]) from None
    finally:
        loader.dispose()
    part = YamlPart(file, node, node.start_mark if node else _start(file))
    if node is None or part.is_null:
        return None
    if not isinstance(node, yaml.MappingNode):
        raise part.fault("the file must be a mapping of keys to values")
    return part


def yaml_problem(error: yaml.MarkedYAMLError, text: str) -> tuple[Any, str]:
    """Return the mark and a message of a fault of YAML.

    PyYAML's own messages may quote a secret, and do not say what to do.
    """
    problem, begin = str(error.problem), error.context_mark
    mark = error.problem_mark or begin
    character = text[mark.index : mark.index + 1] if mark else ""
    if character == "\t":
        return mark, "a tab; indent with spaces"
    if begin and problem == "found unexpected end of stream":
        return begin, "this quote is not closed"
    for sign, kind in (("!", "tag"), ("*", "alias"), (character, "cannot start any token")):
        if kind in problem:
            return mark, f"a text that begins with {sign} must be quoted"
    for part, remedy in _REMEDIES:
        if part in problem:
            return mark, remedy.format(line=begin.line + 1 if begin else 1)
    return mark, problem


def suggest(word: str, known: Collection[str]) -> str:
    """Return the known word that is meant, or else all of them."""
    close = difflib.get_close_matches(word, known, n=1)
    return f'did you mean "{close[0]}"?' if close else f"known: {', '.join(sorted(known))}"


def _check_events(text: str, file: str) -> None:
    level = 0
    for event in yaml.parse(text, Loader=_Loader):
        part = YamlPart(file, None, event.start_mark or _start(file))
        if getattr(event, "tag", None) not in _HARMLESS_TAGS:
            raise part.fault("a tag such as !!int is not allowed; leave it out")
        level += isinstance(event, yaml.CollectionStartEvent)
        level -= isinstance(event, yaml.CollectionEndEvent)
        if level > _MAX_LEVELS:
            raise part.fault(f"more than {_MAX_LEVELS} levels deep")


def _start(file: str) -> yaml.Mark:
    return yaml.Mark(file, 0, 0, 0, None, 0)


def key_text(key: str) -> str:
    """Return a key for a message; after a forgotten colon or blank, the rest may be a secret."""
    word = _WORD.match(key)
    return key if word and word.end() == len(key) else f"{word[0] if word else ''}..."


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "\ufffd" for one in text)
