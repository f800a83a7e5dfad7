"""The kinds of values that a system's fields have: paths, conditions, patterns and named readings."""

import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from exporter.config.values import fault, shaped
from exporter.errors import suggestion
from exporter.readers import READERS, TEXT_READERS, Reader, TextReader
from exporter.spec import KEY, POLL_TIME

_STRAY_TILDE = re.compile(r"~(?![01])")
_READINGS = {read.__name__: read for read in READERS}
_TEXT_READINGS = {read.__name__: read for read in TEXT_READERS}


def pointer(value: Any) -> str:
    """Return the path, which must be one."""
    if not isinstance(value, str) or not (value.startswith("/") or value in {KEY, POLL_TIME}):
        raise fault('a path begins with /, such as "/queue/length"')
    if _STRAY_TILDE.search(value):
        raise fault("in a path ~1 stands for a slash within a key, and ~0 for ~")
    return value


def _pointers(value: Any) -> tuple[str, ...]:
    if value == []:
        raise fault("must not be empty")
    return tuple(pointer(one) for one in (value if isinstance(value, list) else [value]))


def _reader(value: Any) -> Reader:
    if not isinstance(value, str) or value not in _READINGS:
        raise fault(f'there is no reading "{value}"; {suggestion(str(value), _READINGS)}')
    return _READINGS[value]


def _text_reader(value: Any) -> TextReader:
    if not isinstance(value, str) or value not in _TEXT_READINGS:
        raise fault(f'there is no reading "{value}"; {suggestion(str(value), _TEXT_READINGS)}')
    return _TEXT_READINGS[value]


def _condition(value: Any) -> tuple[str, str]:
    if not isinstance(value, dict) or len(value) != 1 or not all(map(_is_text, *value.items())):
        raise fault('must be one name with one text, such as {detail: "true"}')
    return next(iter(value.items()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def as_float(value: Any) -> Any:
    """Return a whole number as the float it stands for, and all else as it is."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _pattern(value: Any) -> str:
    try:
        re.compile(value, re.ASCII)
    except (re.error, TypeError) as error:
        raise fault(f"not a regular expression: {error}") from None
    return str(value)


_PATH: dict[str, Any] = {"type": "string", "pattern": "^(/|@key$|@poll_time$)"}
_PATHS = [_PATH, {"type": "array", "items": _PATH, "minItems": 1}]

Pointer = Annotated[str, PlainValidator(pointer), shaped("path", **_PATH)]
Pointers = Annotated[
    tuple[str, ...],
    PlainValidator(_pointers),
    WithJsonSchema({"title": "path or paths", "anyOf": _PATHS}),
]
Condition = Annotated[
    tuple[str, str],
    PlainValidator(_condition),
    shaped("name: text", type="object", minProperties=1, maxProperties=1),
]
Pattern = Annotated[str, PlainValidator(_pattern), shaped("regular expression")]
ReaderName = Annotated[Reader, PlainValidator(_reader), shaped("reading", enum=sorted(_READINGS))]
TextReaderName = Annotated[
    TextReader, PlainValidator(_text_reader), shaped("reading", enum=sorted(_TEXT_READINGS))
]
