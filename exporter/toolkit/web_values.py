"""The kinds of values a web configuration file has, each named once, with its rule and message."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BeforeValidator, PlainValidator, ValidationInfo

from exporter.declare.model import fault
from exporter.errors import suggestion
from exporter.secret import Secret, read_file
from exporter.tls import VERSIONS
from exporter.toolkit.server_tls import CIPHERS, CLIENT_AUTH, CURVES, LARGEST_FILE

# A salt of 16 bytes leaves four bits of its last character unused, which are zero.
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_LOWEST_COST, _HIGHEST_COST = 4, 17
_DURATION = re.compile(r"([-+])?((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)", re.ASCII)
_DURATION_PART = re.compile(r"([\d.]+)([a-zµμ]+)")
_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
# Go counts nanoseconds in 63 bits.
_LONGEST_DURATION = 2**63 / 1e9


@dataclass(frozen=True, kw_only=True)
class WebContext:
    """What the validators need to know beyond the value; later, certificates are others' business."""

    folder: Path
    certificates: bool


def web_context_of(info: ValidationInfo) -> WebContext:
    """Return the context the file is validated in."""
    return cast("WebContext", info.context)


def _path(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str):
        raise fault("must be the path of a file")
    context = web_context_of(info)
    path = context.folder / value
    if context.certificates:
        try:
            read_file(path, LARGEST_FILE)
        except (OSError, ValueError) as error:
            raise fault(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return path


def _key(value: Any) -> Secret:
    if not isinstance(value, str):
        raise fault("must be a text; quote it")
    return Secret(value)


def _hash(value: Any) -> Secret:
    match = _HASH.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise fault("not a bcrypt hash such as `htpasswd -nBC 10 NAME` writes behind the colon")
    if not _LOWEST_COST <= int(match[1]) <= _HIGHEST_COST:
        raise fault(f"the cost of a bcrypt hash is between {_LOWEST_COST} and {_HIGHEST_COST} here")
    return Secret(match[0])


def _go_duration(value: Any) -> float:
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value}ns"
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match:
        shown = f'"{value}"' if isinstance(value, str) else value
        raise fault(f"{shown} is not a duration such as 1s, 1m30s or 500ms")
    parts = _DURATION_PART.findall(match[2])
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _LONGEST_DURATION:
        raise fault(f"{value} is longer than a duration can be: 292 years")
    return -seconds if match[1] == "-" else seconds


def _one_of(known: Any, what: str) -> PlainValidator:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise fault(f"unknown {what}; {suggestion(str(value), known)}")
        return value

    return PlainValidator(check)


Pem = Annotated[Path, PlainValidator(_path)]
Key = Annotated[Secret, PlainValidator(_key)]
Hash = Annotated[Secret, PlainValidator(_hash)]
Interval = Annotated[float, BeforeValidator(_go_duration)]
Version = Annotated[str, _one_of(VERSIONS, "TLS version")]
ClientAuth = Annotated[str, _one_of(CLIENT_AUTH, "client_auth_type")]
Cipher = Annotated[str, _one_of(CIPHERS, "cipher suite")]
Curve = Annotated[str, _one_of(CURVES, "curve")]
