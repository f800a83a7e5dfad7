"""Chooses the format and compression of a response from the Accept headers (RFC 9110, 12.5).

A malformed header is treated as missing, so that the scrape works all the same.
"""

import re
from collections.abc import Iterator
from enum import Enum


class Format(Enum):
    """The formats of the metrics page; each value is its Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf'[ \t]*;[ \t]*(?:({_WORD})=({_WORD}|"(?:[^"\\]|\\.)*"))?'
_ELEMENT = re.compile(rf"[ \t]*({_WORD}(?:/{_WORD})?)((?:{_PARAMETER})*)[ \t]*", re.ASCII)
_PARAMETERS = re.compile(_PARAMETER, re.ASCII)
_QUALITY = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)
# Longer ones are treated as malformed, since the work grows with the length.
_MAX_HEADER = 4096

# Drafts of OpenMetrics had version 0.0.1; Prometheus still requests it.
_OPENMETRICS_VERSIONS = {"1.0.0", "0.0.1", ""}


def choose_format(accept: str) -> Format:
    """Return the format that the Accept header prefers; of equal ones the first."""
    best, quality = Format.TEXT, 0.0
    try:
        ranges = list(_elements(accept))
    except ValueError:
        return Format.TEXT
    for media_range, parameters, q in ranges:
        offered = _format_of(media_range, parameters)
        if offered and q > quality:
            best, quality = offered, q
    return best


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether the response may be compressed with gzip."""
    try:
        qualities = {coding: q for coding, _, q in _elements(accept_encoding)}
    except ValueError:
        return False
    return qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0))) > 0


def _format_of(media_range: str, parameters: dict[str, str]) -> Format | None:
    match media_range:
        case "application/openmetrics-text":
            known = parameters.get("version", "") in _OPENMETRICS_VERSIONS
            return Format.OPENMETRICS if known else None
        case "text/plain" | "text/*" | "*/*":
            return Format.TEXT
        case _:
            return None


def _elements(header: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yield each element of a header, lower-case, with its parameters and quality.

    Raises:
        ValueError: The header is malformed.
    """
    if len(header) > _MAX_HEADER:
        raise ValueError(header)
    position = 0
    while position < len(header):
        match = _ELEMENT.match(header, position)
        # Empty elements between commas are allowed.
        position = match.end() if match else position + len(_blank(header, position))
        if match:
            parameters = {
                name.lower(): _unquote(value).lower()
                for name, value in _PARAMETERS.findall(match[2])
            }
            q = parameters.pop("q", "1")
            if not _QUALITY.fullmatch(q):
                raise ValueError(header)
            yield match[1].lower(), parameters, float(q)
        if position < len(header) and header[position] != ",":
            raise ValueError(header)
        position += 1


def _blank(header: str, position: int) -> str:
    rest = header[position:]
    return rest[: len(rest) - len(rest.lstrip(" \t"))]


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
