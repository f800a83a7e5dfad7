"""A web configuration file, in exporter-toolkit's format, becomes WebSettings, or every fault of it.

Unlike the configuration itself it has no variables: a hash is full of dollar signs.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, cast

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from exporter.config.document import Document
from exporter.config.load import validated
from exporter.config.values import Model, Text, fault, one_of
from exporter.errors import ConfigError, suggestion
from exporter.secret import Secret, read_file
from exporter.server_tls import CIPHERS, CLIENT_AUTH, CURVES, make_server_context
from exporter.tls import VERSIONS
from exporter.web_settings import RequestLimit, ServerTls, WebSettings

# Certificates may stand in the file itself; the authorities of a whole system are a quarter of it.
_LARGEST_FILE = 1024 * 1024
# A salt of 16 bytes leaves four bits of its last character unused, which are zero.
_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}", re.ASCII)
_LOWEST_COST, _HIGHEST_COST = 4, 17
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
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
_VERIFYING = ("RequireAnyClientCert", "RequireClientCert", "RequireAndVerifyClientCert")
# An empty text in one of these is as good as none, as templates write it.
_MAY_BE_EMPTY = frozenset(
    {"cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type"}
)


@dataclass(frozen=True, kw_only=True)
class _Context:
    folder: Path
    certificates: bool


def _context_of(info: ValidationInfo) -> _Context:
    return cast("_Context", info.context)


def _path(value: Any, info: ValidationInfo) -> Path:
    if not isinstance(value, str):
        raise fault("must be the path of a file")
    context = _context_of(info)
    path = context.folder / value
    if context.certificates:
        try:
            read_file(path, _LARGEST_FILE)
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
Version = Annotated[str, _one_of(VERSIONS, "TLS version")]


class TlsServerModel(Model):
    """`tls_server_config`."""

    cert: str | None = None
    cert_file: Pem | None = None
    key: Annotated[Secret, PlainValidator(_key)] | None = None
    key_file: Pem | None = None
    client_ca: str | None = None
    client_ca_file: Pem | None = None
    client_auth_type: Annotated[str, _one_of(CLIENT_AUTH, "client_auth_type")] | None = None
    client_allowed_sans: list[Text] | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: list[Annotated[str, _one_of(CIPHERS, "cipher suite")]] = Field(
        default_factory=list
    )
    prefer_server_cipher_suites: bool = True
    curve_preferences: list[Annotated[str, _one_of(CURVES, "curve")]] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: one for key, one in value.items() if one != "" or key not in _MAY_BE_EMPTY}
        return value

    @model_validator(mode="after")
    def _whole(self, info: ValidationInfo) -> "TlsServerModel":
        tls = self.make()
        if tls is None:
            if self.client_allowed_sans is not None:
                raise fault("client_allowed_sans needs a certificate: give cert_file and key_file")
            return self
        for kind in ("cert", "key"):
            one_of(self, kind, f"{kind}_file")
        one_of(self, "client_ca", "client_ca_file", required=False)
        self._check_clients()
        if VERSIONS[self.max_version] < VERSIONS[self.min_version]:
            raise fault("max_version is below min_version")
        if _context_of(info).certificates:
            try:
                make_server_context(tls)
            except ValueError as error:
                raise fault(str(error)) from None
        return self

    def _check_clients(self) -> None:
        kind = self.client_auth_type or "NoClientCert"
        has_ca = bool(self.client_ca or self.client_ca_file)
        if has_ca and kind == "NoClientCert":
            raise fault("a client CA needs a client_auth_type such as RequireAndVerifyClientCert")
        if kind in {"RequireAnyClientCert", "RequireClientCert"} and not has_ca:
            raise fault(
                f"{kind} needs a client CA here: a certificate that nobody verifies proves nothing"
            )
        if self.client_allowed_sans is not None and kind not in _VERIFYING:
            raise fault("client_allowed_sans needs client_auth_type: RequireAndVerifyClientCert")

    def make(self) -> ServerTls | None:
        """Return the checked data; None where TLS stays off."""
        if all(getattr(self, name) is None for name in _MAY_BE_EMPTY):
            return None
        sans = self.client_allowed_sans
        return ServerTls(
            cert_file=self.cert_file,
            cert=self.cert,
            key_file=self.key_file,
            key=self.key,
            client_ca_file=self.client_ca_file,
            client_ca=self.client_ca,
            client_auth=self.client_auth_type or "NoClientCert",
            allowed_sans=None if sans is None else tuple(sans),
            min_version=self.min_version,
            max_version=self.max_version,
            cipher_suites=tuple(self.cipher_suites),
            prefer_own_order=self.prefer_server_cipher_suites,
            curves=tuple(self.curve_preferences),
        )


class HeadersModel(Model):
    """`headers` of `http_server_config`: these five, written like this, and no other."""

    sts: Text | None = Field(alias="Strict-Transport-Security", default=None)
    content_type: Text | None = Field(alias="X-Content-Type-Options", default=None)
    frame: Text | None = Field(alias="X-Frame-Options", default=None)
    xss: Text | None = Field(alias="X-XSS-Protection", default=None)
    csp: Text | None = Field(alias="Content-Security-Policy", default=None)

    @field_validator("*")
    @classmethod
    def _value(cls, value: str | None) -> str | None:
        if value and _CONTROL.search(value):
            raise fault("a header's value cannot hold control characters or line ends")
        return value

    @field_validator("content_type")
    @classmethod
    def _content_type(cls, value: str | None) -> str | None:
        if value not in {None, "nosniff"}:
            raise fault(f'must be nosniff, not "{value}"')
        return value

    @field_validator("frame")
    @classmethod
    def _frame(cls, value: str | None) -> str | None:
        if value not in {None, "deny", "sameorigin"}:
            raise fault(f'must be deny or sameorigin, not "{value}"')
        return value

    def make(self) -> tuple[tuple[str, str], ...]:
        """Return the headers that are given."""
        return tuple(self.model_dump(by_alias=True, exclude_none=True).items())


class HttpServerModel(Model):
    """`http_server_config`."""

    http2: bool = True
    headers: HeadersModel = Field(default_factory=HeadersModel)


class RateLimitModel(Model):
    """`rate_limit`."""

    interval: Annotated[float, BeforeValidator(_go_duration)] = 0.0
    burst: int = 0

    def make(self) -> RequestLimit | None:
        """Return the checked data; None where there is no limit."""
        return RequestLimit(interval=self.interval, burst=self.burst) if self.interval > 0 else None


class WebFileModel(Model):
    """The whole file."""

    tls_server_config: TlsServerModel = Field(default_factory=TlsServerModel)
    http_server_config: HttpServerModel = Field(default_factory=HttpServerModel)
    basic_auth_users: dict[Text, Annotated[Secret, PlainValidator(_hash)]] = Field(
        default_factory=dict
    )
    rate_limit: RateLimitModel = Field(default_factory=RateLimitModel)

    def make(self) -> WebSettings:
        """Return the checked data."""
        return WebSettings(
            tls=self.tls_server_config.make(),
            headers=self.http_server_config.headers.make(),
            users=MappingProxyType(self.basic_auth_users),
            rate_limit=self.rate_limit.make(),
        )


class WebFile:
    """A web configuration file that is looked at again and again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: bytes | None = None
        self._outcome: WebSettings | ConfigError = WebSettings()

    def check(self) -> None:
        """Check all there is to check, certificates and keys too.

        Raises:
            ConfigError: Every fault of it, each with its line and column.
        """
        _load(_read(self._path), self._path, certificates=True)

    def read(self) -> WebSettings:
        """Return what the file says now, the same object for as long as that stays.

        Certificates are not looked at: whoever uses them does that.

        Raises:
            ConfigError: The file cannot be read, or every fault of it.
        """
        # A thousand bytes are read as fast as a changed file is told by its time, and for certain.
        content = _read(self._path)
        if self._content and not content.strip():
            # An editor that empties the file before it writes must not open the door meanwhile.
            raise ConfigError((f"{self._path}: the file has become empty",))
        if content != self._content:
            try:
                self._outcome = _load(content, self._path, certificates=False)
            except ConfigError as error:
                self._outcome = error
            self._content = content
        if isinstance(self._outcome, ConfigError):
            raise ConfigError(self._outcome.faults)
        return self._outcome


def _read(path: Path) -> bytes:
    try:
        return read_file(path, _LARGEST_FILE)
    except (OSError, ValueError) as error:
        raise ConfigError((f"{path}: {getattr(error, 'strerror', None) or error}",)) from None


def _load(content: bytes, path: Path, *, certificates: bool) -> WebSettings:
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError((f"{path}: not UTF-8 at byte {error.start}",)) from None
    document = Document(text, str(path))
    context = _Context(folder=path.parent, certificates=certificates)
    return validated(WebFileModel, document.data, document, context).make()
