"""The types of values in the configuration file, each with its check and message.

Messages say what would be right, and never repeat a value that may be a secret.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from exporter.declare.model import check_encodable, fault, value_schema
from exporter.declare.system import System
from exporter.duration import read_duration
from exporter.secret import Secret
from exporter.toolkit.read_file import read_file
from exporter.toolkit.tls_files import MAX_PEM_BYTES

_VARIABLE = re.compile(r"\$\{(\w+)\}", re.ASCII)
_SHELL_VARIABLE = re.compile(r"\$[A-Z][A-Z0-9_]+", re.ASCII)

ON_PROBE = "on_probe"
"""The interval of a target that is polled only when a probe requests it."""


@dataclass
class Context:
    """What validators need beyond the value; filled while the file is read."""

    folder: Path
    systems: Mapping[str, System]
    environment: Mapping[str, str]
    needs_targets: bool = True
    interval: float = 15.0
    timeout: float = 5.0
    whose_timeout: str = "the default"
    clients: Mapping[str, Any] = field(default_factory=dict)
    """The unchecked clients by name."""
    broken: frozenset[str] = field(default_factory=frozenset)
    """The names of systems whose declaration has a fault."""
    late: list[tuple[tuple[str | int, ...], str]] = field(default_factory=list)
    """Faults and their locations that only the combination of several parts shows."""


REPORTED: Final = "reported"
"""The type of an error that is already reported elsewhere."""


def context_of(info: ValidationInfo) -> Context:
    """Return the context of the validation."""
    return cast("Context", info.context)


def _duration(value: Any) -> float:
    shown = f'"{value}"' if isinstance(value, str) else value
    try:
        return read_duration(value if isinstance(value, str) else "")
    except ValueError as error:
        raise fault(f"{shown} {error}") from None


def _interval(value: Any) -> float:
    if value == ON_PROBE:
        return math.inf
    if isinstance(value, str) and "probe" in value:
        raise fault(f'"{value}" is neither a duration such as 15s nor {ON_PROBE}')
    return _duration(value)


def parse_duration(text: str) -> float:
    """Read a positive duration such as 1m30s as seconds.

    Raises:
        ValueError: The text is no duration, or 0.
    """
    try:
        seconds = _duration(text)
    except PydanticCustomError as error:
        raise ValueError(error.message()) from None
    if not seconds:
        raise ValueError("must be longer than 0s")
    return seconds


def looks_like_variable(text: str) -> bool:
    """Whether a text looks like an environment variable: it contains `${`, or is `$NAME`."""
    return "${" in text or _SHELL_VARIABLE.fullmatch(text) is not None


def _secret(value: Any, info: ValidationInfo) -> Secret:
    if not isinstance(value, str) or not value:
        raise fault("a secret must be a text; quote it")
    if looks_like_variable(_VARIABLE.sub("", value)):
        raise fault(
            "write an environment variable as ${NAME}, with letters, digits and _; put a secret"
            " that contains ${ or looks like $NAME into a file"
        )
    missing = [
        name for name in _VARIABLE.findall(value) if name not in context_of(info).environment
    ]
    if missing:
        raise fault(f"the environment variable {missing[0]} is not set")
    value = _VARIABLE.sub(lambda match: context_of(info).environment[match[1]], value)
    check_encodable(value)
    if not value:
        raise fault("the secret is empty")
    return Secret(value)


def _path(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str) or not value:
        raise fault("must be the path of a file")
    path = context_of(info).folder / value
    try:
        read_file(path, MAX_PEM_BYTES)
    except (OSError, ValueError) as error:
        raise fault(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return path


def _secret_file(value: Any, info: ValidationInfo) -> Secret:
    return Secret(file=_path(value, info))


def _proxy(value: Secret) -> Secret:
    url = value.reveal()
    check_url(url, "proxy_url", userinfo=True)
    if urlsplit(url).scheme != "http":
        # The TLS of an https target passes through the proxy's tunnel unchanged.
        raise fault("a proxy is reached over http://; https:// to a proxy is not supported")
    return value


# Where the parameters of a URL's query belong.
_QUERY_GOES = {
    "target's url": ": a parameter of its system goes into params, any other into query_params of"
    " the client",
    "token_url": ": further fields of the request go into endpoint_params",
}


def check_url(url: str, what: str, *, userinfo: bool, query: bool = False) -> None:
    """Raise a fault unless the text is an http or https URL without fragment."""
    check_encodable(url)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        # The library's message may quote a password if the @ after it is missing.
        part = "a port is at most 65535" if "Port" in str(error) else "no host has such a name"
        raise fault(f"not a URL: {part}") from None
    if parts.scheme not in {"http", "https"} or not host or re.search(r"[\s\x00-\x1f]", url):
        raise fault(f"a {what} begins with http:// or https:// and a host")
    try:
        host.encode("idna")
    except UnicodeError:
        name = "this" if userinfo else f'"{host}"'
        raise fault(f"{name} cannot be the name of a host") from None
    if not userinfo and "@" in parts.netloc:
        raise fault("put the user and password into a client's basic_auth, not into the URL")
    if parts.query and not query:
        raise fault(f"a {what} has no query (?){_QUERY_GOES.get(what, '')}")
    if parts.fragment:
        raise fault(f"a {what} has no fragment (#)")


_SPAN = r"^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$"

Duration = Annotated[float, BeforeValidator(_duration), value_schema("duration", pattern=_SPAN)]
Interval = Annotated[
    float,
    BeforeValidator(_interval),
    value_schema("duration or on_probe", pattern=f"{_SPAN}|^{ON_PROBE}$"),
]
SecretText = Annotated[Secret, PlainValidator(_secret), value_schema("secret", minLength=1)]
SecretFile = Annotated[Secret, PlainValidator(_secret_file), value_schema("file", minLength=1)]
FilePath = Annotated[Path, PlainValidator(_path), value_schema("file", minLength=1)]
ProxyUrl = Annotated[
    Secret, PlainValidator(_secret), AfterValidator(_proxy), value_schema("secret URL", minLength=1)
]
