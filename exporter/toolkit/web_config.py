"""The web configuration file of Prometheus' exporter-toolkit, read again whenever it is used.

There are no variables in it: bcrypt hashes contain dollar signs.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType

from exporter.toolkit.exceptions import WebConfigError
from exporter.toolkit.read_file import read_file, reason_of
from exporter.toolkit.server_tls import (
    CIPHERS,
    CLIENT_AUTH,
    CURVES,
    MAX_FILE_BYTES,
    ServerTls,
    make_server_context,
)
from exporter.toolkit.tls_files import VERSIONS
from exporter.toolkit.yaml_parts import Faults, YamlPart, parse_yaml, suggest

# A salt of 16 bytes leaves four bits of its last character unused, which are zero.
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_MIN_COST, _MAX_COST = 4, 17
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
_MAX_DURATION = 2**63 / 1e9
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# TLS is on if any of these has a value.
_TURN_TLS_ON = frozenset(
    {"cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type"}
)
_REQUIRE_CLIENT_CERT = ("RequireAnyClientCert", "RequireClientCert", "RequireAndVerifyClientCert")


@dataclass(frozen=True, kw_only=True)
class RequestLimit:
    """`rate_limit`: one request each `interval` seconds, and `burst` at once."""

    interval: float
    burst: int


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """A whole web configuration file, checked; `users` maps names to bcrypt hashes."""

    tls: ServerTls | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate_limit: RequestLimit | None = None


ReadWebConfig = Callable[[], WebSettings]
"""Returns the current settings, the same object until they change; raises WebConfigError."""


class WebConfigFile:
    """A web configuration file that is read again for each request."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: bytes | None = None
        self._outcome: WebSettings | WebConfigError = WebSettings()

    def check(self) -> None:
        """Check the file, and the certificates and keys that it names.

        Raises:
            WebConfigError: All faults, each with its line and column.
        """
        _parse(self._content_now(), self._path, check_files=True)

    def read(self) -> WebSettings:
        """Return the current settings, the same object until the file changes.

        Certificates are not checked: each TLS handshake does that.

        Raises:
            WebConfigError: The file cannot be read or has faults.
        """
        # Reading a thousand bytes is as fast as reading the file's time, and detects every change.
        content = self._content_now()
        if self._content and not content.strip():
            # An editor may empty the file before writing it: do not drop all protection meanwhile.
            raise WebConfigError(f"{self._path}: the file has become empty")
        if content != self._content:
            try:
                self._outcome = _parse(content, self._path, check_files=False)
            except WebConfigError as error:
                self._outcome = error
            self._content = content
        if isinstance(self._outcome, WebConfigError):
            raise WebConfigError(*self._outcome.faults)
        return self._outcome

    def _content_now(self) -> bytes:
        try:
            return read_file(self._path, MAX_FILE_BYTES)
        except (OSError, ValueError) as error:
            raise WebConfigError(f"{self._path}: {reason_of(error)}") from None


def _parse(content: bytes, path: Path, *, check_files: bool) -> WebSettings:
    try:
        part = parse_yaml(content.decode(), str(path))
        if part is None:
            return WebSettings()
        found = part.fields(
            {
                "tls_server_config": partial(_tls, folder=path.parent, check_files=check_files),
                "http_server_config": _http_headers,
                "basic_auth_users": lambda users: users.entries(_hash),
                "rate_limit": _rate_limit,
            }
        )
    except UnicodeDecodeError as error:
        raise WebConfigError(f"{path}: not UTF-8 at byte {error.start}") from None
    except Faults as error:
        raise WebConfigError(*(message for *_, message in error.faults)) from None
    return WebSettings(
        tls=found.get("tls_server_config"),
        headers=found.get("http_server_config", ()),
        users=MappingProxyType(found.get("basic_auth_users", {})),
        rate_limit=found.get("rate_limit"),
    )


def _tls(part: YamlPart, folder: Path, *, check_files: bool) -> ServerTls | None:
    path = partial(_path, folder=folder, check_files=check_files)
    given = part.fields(
        {
            "cert": _pem,
            "cert_file": path,
            "key": _pem,
            "key_file": path,
            "client_ca": _pem,
            "client_ca_file": path,
            "client_auth_type": _client_auth_type,
            "client_allowed_sans": lambda sans: sans.items(_text),
            "min_version": _one_of(VERSIONS, "TLS version"),
            "max_version": _one_of(VERSIONS, "TLS version"),
            "cipher_suites": lambda suites: suites.items(_one_of(CIPHERS, "cipher suite")),
            "prefer_server_cipher_suites": _boolean,
            "curve_preferences": lambda curves: curves.items(_one_of(CURVES, "curve")),
        }
    )
    tls = ServerTls(**given)
    is_on = bool(given.keys() & _TURN_TLS_ON)
    fault = _tls_fault(tls) if is_on else None
    if not is_on and tls.client_allowed_sans is not None:
        fault = "client_allowed_sans needs a certificate: give cert_file and key_file"
    elif is_on and not fault and check_files:
        try:
            make_server_context(tls)
        except ValueError as error:
            fault = str(error)
    if fault:
        raise part.fault(fault)
    return tls if is_on else None


def _tls_fault(tls: ServerTls) -> str | None:
    """Return the first rule that the settings break together."""
    for kind, text, file in (
        ("cert", tls.cert, tls.cert_file),
        ("key", tls.key, tls.key_file),
        ("client_ca", tls.client_ca, tls.client_ca_file),
    ):
        if text and file:
            return f"give either {kind} or {kind}_file, not both"
        if kind != "client_ca" and not (text or file):
            return f"needs {kind} or {kind}_file"
    if VERSIONS[tls.max_version] < VERSIONS[tls.min_version]:
        return "max_version is below min_version"
    return _client_auth_fault(tls)


def _client_auth_fault(tls: ServerTls) -> str | None:
    auth_type, has_ca = tls.client_auth_type, bool(tls.client_ca or tls.client_ca_file)
    if has_ca and auth_type == "NoClientCert":
        return "a client CA needs a client_auth_type such as RequireAndVerifyClientCert"
    if auth_type in {"RequireAnyClientCert", "RequireClientCert"} and not has_ca:
        return f"{auth_type} needs a client CA: an unverified certificate proves nothing"
    if tls.client_allowed_sans is not None and auth_type not in _REQUIRE_CLIENT_CERT:
        return "client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert"
    return None


def _http_headers(part: YamlPart) -> tuple[tuple[str, str], ...]:
    found = part.fields({"http2": _boolean, "headers": lambda headers: headers.fields(_HEADERS)})
    return tuple(found.get("headers", {}).items())


def _rate_limit(part: YamlPart) -> RequestLimit | None:
    found = part.fields({"interval": _go_duration, "burst": _integer})
    limit = RequestLimit(interval=found.get("interval", 0.0), burst=found.get("burst", 0))
    return limit if limit.interval > 0 else None


def _text(part: YamlPart) -> str:
    value = part.scalar
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise part.fault("must be a text; quote it")
    return str(value)


def _pem(part: YamlPart) -> str | None:
    value = part.scalar
    if not isinstance(value, str):
        raise part.fault("must be a text; quote it")
    # Templates write an empty text for what is not set.
    return value or None


def _path(part: YamlPart, folder: Path, *, check_files: bool) -> Path | None:
    value = part.scalar
    if not isinstance(value, str):
        raise part.fault("must be the path of a file")
    if not value:
        return None
    path = folder / value
    if check_files:
        try:
            read_file(path, MAX_FILE_BYTES)
        except (OSError, ValueError) as error:
            raise part.fault(f"{path}: {reason_of(error)}") from None
    return path


def _boolean(part: YamlPart) -> bool:
    value = part.scalar
    if not isinstance(value, bool):
        raise part.fault("must be true or false")
    return value


def _integer(part: YamlPart) -> int:
    value = part.scalar
    if isinstance(value, bool) or not isinstance(value, int):
        raise part.fault("must be a whole number")
    return value


def _one_of(known: Collection[str], what: str) -> Callable[[YamlPart], str]:
    def read(part: YamlPart) -> str:
        value = part.scalar
        if not isinstance(value, str) or value not in known:
            raise part.fault(f"unknown {what}; {suggest(str(value), known)}")
        return value

    return read


def _client_auth_type(part: YamlPart) -> str | None:
    return _one_of(CLIENT_AUTH, "client_auth_type")(part) if part.scalar != "" else None


def _header(*allowed: str) -> Callable[[YamlPart], str]:
    def read(part: YamlPart) -> str:
        value = _text(part)
        if _CONTROL.search(value):
            raise part.fault("a header's value cannot have control characters or line ends")
        if allowed and value not in allowed:
            raise part.fault(f'must be {" or ".join(allowed)}, not "{value}"')
        return value

    return read


_HEADERS = {
    "Strict-Transport-Security": _header(),
    "X-Content-Type-Options": _header("nosniff"),
    "X-Frame-Options": _header("deny", "sameorigin"),
    "X-XSS-Protection": _header(),
    "Content-Security-Policy": _header(),
}


def _hash(part: YamlPart) -> str:
    value = part.scalar
    match = _HASH.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise part.fault(
            "not a bcrypt hash, such as `htpasswd -nBC 10 NAME` writes after the colon"
        )
    if not _MIN_COST <= int(match[1]) <= _MAX_COST:
        raise part.fault(f"the cost of a bcrypt hash must be from {_MIN_COST} to {_MAX_COST}")
    return match[0]


def _go_duration(part: YamlPart) -> float:
    value = part.scalar
    text = f"{value}ns" if isinstance(value, int) and not isinstance(value, bool) else value
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not match:
        shown = f'"{value}"' if isinstance(value, str) else "this"
        raise part.fault(f"{shown} is not a duration such as 1s, 1m30s or 500ms")
    parts = _DURATION_PART.findall(match[2])
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > _MAX_DURATION:
        raise part.fault(f"{text} is longer than the maximum duration, 292 years")
    return -seconds if match[1] == "-" else seconds
