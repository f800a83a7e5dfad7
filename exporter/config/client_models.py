"""The model of `clients`, with Prometheus' names; makes settings.Client.

Each validator belongs to one field, so that one fault does not hide another.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from exporter.config.login_models import LoginModel, OAuth2Model, PasswordModel
from exporter.config.tls_model import TlsModel
from exporter.config.values import ProxyUrl, SecretFile, SecretText
from exporter.declare.document import location_text
from exporter.declare.model import Model, check_encodable, fault, one_of
from exporter.secret import Secret
from exporter.settings import Authorization, BasicAuth, Client, RateLimit

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_OWN_HEADERS = {
    "authorization": "use authorization, basic_auth or oauth2",
    "proxy-authorization": "put the user into proxy_url",
    "connection": "connections are kept open",
    "content-length": "a poll has no body",
    "transfer-encoding": "a poll has no body",
    "accept-encoding": "the exporter decides on compression",
}

_NONE = Secret()

# One request in 17 minutes, and more than a process can send.
SLOWEST_RATE = 0.001
FASTEST_RATE = 100_000


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class BasicAuthModel(PasswordModel):
    """`basic_auth` of a client, as in Prometheus."""

    @model_validator(mode="after")
    def _check_username(self) -> "BasicAuthModel":
        if self.username and ":" in self.username:
            raise fault("a username cannot hold a colon (RFC 7617)")
        return self

    def make(self) -> BasicAuth:
        """Return the checked data."""
        username, password = self.secrets
        return BasicAuth(username=username, password=password)


class AuthorizationModel(Model):
    """`authorization` of a client, as in Prometheus."""

    type: str = "Bearer"
    """The scheme: the word before the credentials."""
    credentials: SecretText | None = None
    """A token."""
    credentials_file: SecretFile | None = None
    """A file with the token, read again when it changes."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "AuthorizationModel":
        one_of(self, "credentials", "credentials_file")
        if self.type.lower() == "basic" or not _HEADER_NAME.fullmatch(self.type):
            raise fault('the type is one word such as Bearer; for "Basic" use basic_auth')
        return self

    def make(self) -> Authorization:
        """Return the checked data."""
        credentials = self.credentials_file or self.credentials or _NONE
        return Authorization(type=self.type, credentials=credentials)


class ValuesModel(Model):
    """One of `query_params`; its `values` are not secret."""

    values: list[str] = Field(default_factory=list)
    """Values that are not secret."""
    secrets: list[SecretText] = Field(default_factory=list)
    """Secret values."""
    files: list[SecretFile] = Field(default_factory=list)
    """Files with one value each, read again when they change."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "ValuesModel":
        if not (self.values or self.secrets or self.files):
            raise fault("needs a value in values, secrets or files")
        return self

    def make(self) -> tuple[Secret, ...]:
        """Return the checked values, in the order of values, secrets, files."""
        plain = (Secret(value, is_plain=True) for value in self.values)
        return (*plain, *self.secrets, *self.files)


class HeaderModel(ValuesModel):
    """One of `http_headers`, as in Prometheus."""

    @model_validator(mode="after")
    def _sendable(self) -> "HeaderModel":
        fixed = [*self.values, *(secret.reveal() for secret in self.secrets)]
        if any(re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value) for value in fixed):
            raise fault("a header's value cannot hold control characters or line ends")
        return self


class RateLimitModel(Model):
    """`rate_limit` of a client."""

    requests_per_second: Annotated[float, BeforeValidator(_number)]
    """Requests per second, for all targets of the client together."""
    burst: int = 1
    """The number of requests that may be sent at once."""

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
    """A user and password (RFC 7617)."""
    authorization: AuthorizationModel | None = None
    """A token in the Authorization header."""
    oauth2: OAuth2Model | None = None
    """OAuth 2 with the client's own credentials (RFC 6749 section 4.4)."""
    login: LoginModel | None = None
    """A user and password for the login that the targets' system declares."""
    http_headers: dict[str, HeaderModel] = Field(default_factory=dict)
    """Further headers, by name."""
    query_params: dict[str, ValuesModel] = Field(default_factory=dict)
    """Parameters that are added to every URL, by name; never shown."""
    follow_redirects: bool = False
    """Whether redirects are followed, within the target's scheme, host and port."""
    tls_config: TlsModel = Field(default_factory=TlsModel)
    """How servers are verified, and the client certificate."""
    proxy_url: ProxyUrl | None = None
    """A proxy for all requests; may contain a user and password."""
    unix_socket: str | None = None
    """A Unix socket to which all requests go; the URL's host is only sent as Host."""
    rate_limit: RateLimitModel | None = None
    """A limit on requests."""

    @field_validator("http_headers")
    @classmethod
    def _headers(cls, value: dict[str, HeaderModel]) -> dict[str, HeaderModel]:
        for name, header in value.items():
            if not _HEADER_NAME.fullmatch(name):
                # If the space after the colon is missing, the name contains the value.
                raise fault(f'"{location_text((name,))}" cannot be the name of a header')
            if name.lower() in _OWN_HEADERS:
                raise fault(f"{name} cannot be set here: {_OWN_HEADERS[name.lower()]}")
            if name.lower() == "host" and len(header.make()) != 1:
                raise fault("a request has one Host: give one value")
        return value

    @field_validator("query_params")
    @classmethod
    def _params(cls, value: dict[str, ValuesModel]) -> dict[str, ValuesModel]:
        if "" in value:
            raise fault("a parameter needs a name")
        for name, one in value.items():
            for text in (name, *one.values):
                check_encodable(text)
        return value

    @model_validator(mode="after")
    def _check_consistency(self) -> "ClientModel":
        kinds = ("basic_auth", "authorization", "oauth2", "login")
        one_of(self, *kinds, required=False)
        one_of(self, "proxy_url", "unix_socket", required=False)
        return self

    def make(self, name: str) -> Client:
        """Return the checked data."""
        login = self.oauth2 or self.login
        return Client(
            name=name,
            basic_auth=self.basic_auth.make() if self.basic_auth else None,
            authorization=self.authorization.make() if self.authorization else None,
            login=login.make() if login else None,
            http_headers=tuple((key, value.make()) for key, value in self.http_headers.items()),
            query_params=tuple((key, value.make()) for key, value in self.query_params.items()),
            follow_redirects=self.follow_redirects,
            tls=self.tls_config.make(),
            proxy_url=self.proxy_url,
            unix_socket=self.unix_socket,
            rate_limit=self.rate_limit.make() if self.rate_limit else None,
        )
