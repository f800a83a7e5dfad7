"""The shape of a web configuration file, in exporter-toolkit's format; becomes WebSettings.

Unlike the configuration itself it has no variables: a hash is full of dollar signs.
"""

import re
from types import MappingProxyType
from typing import Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from exporter.declare.model import Model, Text, fault, one_of
from exporter.tls import VERSIONS
from exporter.toolkit.server_tls import make_server_context
from exporter.toolkit.web_settings import RequestLimit, ServerTls, WebSettings
from exporter.toolkit.web_values import (
    Cipher,
    ClientAuth,
    Curve,
    Hash,
    Interval,
    Key,
    Pem,
    Version,
    web_context_of,
)

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_VERIFYING = ("RequireAnyClientCert", "RequireClientCert", "RequireAndVerifyClientCert")
# An empty text in one of these is as good as none, as templates write it.
_MAY_BE_EMPTY = frozenset(
    {"cert", "cert_file", "key", "key_file", "client_ca", "client_ca_file", "client_auth_type"}
)


class TlsServerModel(Model):
    """`tls_server_config`."""

    cert: str | None = None
    cert_file: Pem | None = None
    key: Key | None = None
    key_file: Pem | None = None
    client_ca: str | None = None
    client_ca_file: Pem | None = None
    client_auth_type: ClientAuth | None = None
    client_allowed_sans: list[Text] | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: list[Cipher] = Field(default_factory=list)
    prefer_server_cipher_suites: bool = True
    curve_preferences: list[Curve] = Field(default_factory=list)

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
        if web_context_of(info).certificates:
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

    interval: Interval = 0.0
    burst: int = 0

    def make(self) -> RequestLimit | None:
        """Return the checked data; None where there is no limit."""
        return RequestLimit(interval=self.interval, burst=self.burst) if self.interval > 0 else None


class WebFileModel(Model):
    """The whole file."""

    tls_server_config: TlsServerModel = Field(default_factory=TlsServerModel)
    http_server_config: HttpServerModel = Field(default_factory=HttpServerModel)
    basic_auth_users: dict[Text, Hash] = Field(default_factory=dict)
    rate_limit: RateLimitModel = Field(default_factory=RateLimitModel)

    def make(self) -> WebSettings:
        """Return the checked data."""
        return WebSettings(
            tls=self.tls_server_config.make(),
            headers=self.http_server_config.headers.make(),
            users=MappingProxyType(self.basic_auth_users),
            rate_limit=self.rate_limit.make(),
        )
