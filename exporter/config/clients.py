"""The shape of `clients`: how to connect, in Prometheus' own words; becomes settings.Client.

Every rule hangs on the part it is about, so that one fault does not hide another.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from exporter.config.values import (
    FilePath,
    Model,
    ProxyUrl,
    SecretFile,
    SecretText,
    fault,
    one_of,
)
from exporter.secret import Secret
from exporter.settings import Authorization, BasicAuth, Client, RateLimit, Tls
from exporter.tls import VERSIONS, make_context

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_OWN_HEADERS = {
    "authorization": "use authorization or basic_auth",
    "proxy-authorization": "put the user into proxy_url",
    "host": "it follows from the target's url",
    "connection": "connections are kept open",
    "content-length": "a poll has no body",
    "transfer-encoding": "a poll has no body",
    "accept-encoding": "the exporter decides on compression",
}

_NONE = Secret()

# One request in a quarter of an hour, and more than one process can send.
SLOWEST_RATE = 0.001
FASTEST_RATE = 100_000


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class BasicAuthModel(Model):
    """`basic_auth` of a client, in Prometheus' words."""

    username: Annotated[str, Field(min_length=1)] | None = None
    username_file: SecretFile | None = None
    password: SecretText | None = None
    password_file: SecretFile | None = None

    @model_validator(mode="after")
    def _whole(self) -> "BasicAuthModel":
        one_of(self, "username", "username_file")
        one_of(self, "password", "password_file")
        if self.username and ":" in self.username:
            raise fault("a username cannot hold a colon (RFC 7617)")
        return self

    def make(self) -> BasicAuth:
        """Return the checked data."""
        username = self.username_file or Secret(self.username or "", is_plain=True)
        return BasicAuth(username=username, password=self.password_file or self.password or _NONE)


class AuthorizationModel(Model):
    """`authorization` of a client, in Prometheus' words."""

    type: str = "Bearer"
    credentials: SecretText | None = None
    credentials_file: SecretFile | None = None

    @model_validator(mode="after")
    def _whole(self) -> "AuthorizationModel":
        one_of(self, "credentials", "credentials_file")
        if self.type.lower() == "basic" or not _HEADER_NAME.fullmatch(self.type):
            raise fault('the type is one word such as Bearer; for "Basic" use basic_auth')
        return self

    def make(self) -> Authorization:
        """Return the checked data."""
        credentials = self.credentials_file or self.credentials or _NONE
        return Authorization(type=self.type, credentials=credentials)


class HeaderModel(Model):
    """One of `http_headers`, in Prometheus' words: every value is kept secret all the same."""

    values: list[str] = Field(default_factory=list)
    secrets: list[SecretText] = Field(default_factory=list)
    files: list[SecretFile] = Field(default_factory=list)

    @model_validator(mode="after")
    def _whole(self) -> "HeaderModel":
        if not (self.values or self.secrets or self.files):
            raise fault("needs a value in values, secrets or files")
        fixed = [*self.values, *(secret.reveal() for secret in self.secrets)]
        if any(re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value) for value in fixed):
            raise fault("a header's value cannot hold control characters or line ends")
        return self

    def make(self) -> tuple[Secret, ...]:
        """Return the checked values, in the order of values, secrets, files."""
        plain = (Secret(value, is_plain=True) for value in self.values)
        return (*plain, *self.secrets, *self.files)


class TlsModel(Model):
    """`tls_config` of a client, in Prometheus' words."""

    ca_file: FilePath | None = None
    ca: str | None = None
    cert_file: FilePath | None = None
    cert: str | None = None
    key_file: FilePath | None = None
    key: SecretText | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    min_version: str = "TLS12"
    max_version: str | None = None

    @field_validator("min_version", "max_version")
    @classmethod
    def _version(cls, value: str | None) -> str | None:
        if value is not None and value not in VERSIONS:
            raise fault(f"unknown TLS version; known: {', '.join(VERSIONS)}")
        return value

    @model_validator(mode="after")
    def _whole(self) -> "TlsModel":
        if self.max_version and VERSIONS[self.max_version] < VERSIONS[self.min_version]:
            raise fault("max_version is below min_version")
        for kind in ("ca", "cert", "key"):
            one_of(self, kind, f"{kind}_file", required=False)
        if bool(self.cert_file or self.cert) != bool(self.key_file or self.key):
            raise fault("a client certificate needs both its cert and its key")
        try:
            make_context(self.make())
        except ValueError as error:
            raise fault(str(error)) from None
        return self

    def make(self) -> Tls:
        """Return the checked data."""
        return Tls(**{name: getattr(self, name) for name in TlsModel.model_fields})


class RateLimitModel(Model):
    """`rate_limit` of a client."""

    requests_per_second: Annotated[float, BeforeValidator(_number)]
    burst: int = 1

    @field_validator("requests_per_second")
    @classmethod
    def _rate(cls, value: float) -> float:
        if not SLOWEST_RATE <= value <= FASTEST_RATE:
            raise fault(f"a rate is between {SLOWEST_RATE} and {FASTEST_RATE} requests a second")
        return value

    @field_validator("burst")
    @classmethod
    def _burst(cls, value: int) -> int:
        if value < 1:
            raise fault("a burst is 1 request or more")
        return value

    def make(self) -> RateLimit:
        """Return the checked data."""
        return RateLimit(requests_per_second=self.requests_per_second, burst=self.burst)


class ClientModel(Model):
    """One of `clients`."""

    basic_auth: BasicAuthModel | None = None
    authorization: AuthorizationModel | None = None
    http_headers: dict[str, HeaderModel] = Field(default_factory=dict)
    tls_config: TlsModel = Field(default_factory=TlsModel)
    proxy_url: ProxyUrl | None = None
    rate_limit: RateLimitModel | None = None

    @field_validator("http_headers")
    @classmethod
    def _headers(cls, value: dict[str, HeaderModel]) -> dict[str, HeaderModel]:
        for name in value:
            if not _HEADER_NAME.fullmatch(name):
                raise fault(f'"{name}" cannot be the name of a header')
            if name.lower() in _OWN_HEADERS:
                raise fault(f"{name} cannot be set here: {_OWN_HEADERS[name.lower()]}")
        return value

    @model_validator(mode="after")
    def _whole(self) -> "ClientModel":
        one_of(self, "basic_auth", "authorization", required=False)
        return self

    def make(self, name: str) -> Client:
        """Return the checked data."""
        return Client(
            name=name,
            basic_auth=self.basic_auth.make() if self.basic_auth else None,
            authorization=self.authorization.make() if self.authorization else None,
            http_headers=tuple((key, value.make()) for key, value in self.http_headers.items()),
            tls=self.tls_config.make(),
            proxy_url=self.proxy_url,
            rate_limit=self.rate_limit.make() if self.rate_limit else None,
        )
