"""The checked configuration as frozen data. `config` makes it; all other packages read it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from exporter.declare.system import System
from exporter.secret import Secret

# A hundred thousand targets take a third of it.
LARGEST_FILE = 64 * 1024 * 1024
"""The maximum size of a configuration file in bytes."""


@dataclass(frozen=True, kw_only=True)
class BasicAuth:
    """RFC 7617 credentials."""

    username: Secret
    password: Secret


@dataclass(frozen=True, kw_only=True)
class Authorization:
    """An Authorization header of any scheme."""

    type: str
    credentials: Secret


@dataclass(frozen=True, kw_only=True)
class Tls:
    """How to verify a server's certificate, and which certificate to present; all are PEM."""

    ca_file: Path | None = None
    ca: str | None = None
    cert_file: Path | None = None
    cert: str | None = None
    key_file: Path | None = None
    key: Secret | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False
    min_version: str = "TLS12"
    max_version: str | None = None


@dataclass(frozen=True, kw_only=True)
class OAuth2:
    """RFC 6749 client credentials: where and how to request a bearer token."""

    client_id: str
    client_secret: Secret
    token_url: str
    scopes: tuple[str, ...] = ()
    endpoint_params: tuple[tuple[str, Secret], ...] = ()
    tls: Tls = field(default_factory=Tls)
    proxy_url: Secret | None = None

    def secrets(self) -> Iterator[Secret]:
        """Yield what must never be shown."""
        yield self.client_secret
        if self.proxy_url:
            yield self.proxy_url
        if self.tls.key:
            yield self.tls.key


@dataclass(frozen=True, kw_only=True)
class PasswordLogin:
    """A user and password for the login that the target's system declares."""

    username: Secret
    password: Secret

    def secrets(self) -> Iterator[Secret]:
        """Yield what must never be shown."""
        if not self.username.is_plain:
            yield self.username
        yield self.password


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """How fast a client may send requests; `burst` is how many it may send at once."""

    requests_per_second: float
    burst: int


@dataclass(frozen=True, kw_only=True)
class Client:
    """How to connect: shared by every target that names it."""

    name: str
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    login: OAuth2 | PasswordLogin | None = None
    """Where the credentials come from, if they must be requested first."""
    http_headers: tuple[tuple[str, tuple[Secret, ...]], ...] = ()
    query_params: tuple[tuple[str, tuple[Secret, ...]], ...] = ()
    follow_redirects: bool = False
    tls: Tls = field(default_factory=Tls)
    proxy_url: Secret | None = None
    unix_socket: str | None = None
    """The socket for all requests; the URL's host is only sent as the Host header."""
    rate_limit: RateLimit | None = None

    def secrets(self) -> Iterator[Secret]:
        """Yield every secret of the client, without public values."""
        if self.basic_auth:
            if not self.basic_auth.username.is_plain:
                yield self.basic_auth.username
            yield self.basic_auth.password
        if self.authorization:
            yield self.authorization.credentials
        for _, values in (*self.http_headers, *self.query_params):
            yield from (value for value in values if not value.is_plain)
        if self.proxy_url:
            yield self.proxy_url
        if self.tls.key:
            yield self.tls.key
        if self.login:
            yield from self.login.secrets()


MAX_SERIES = 20_000
"""The default limit of series of a target: a thousand game servers have fifteen each."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One server to poll; durations in seconds."""

    name: str
    system: System
    url: str
    client: Client
    params: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    interval: float
    """Infinite if the target is polled on probe only; then `max_age` is infinite, too."""
    timeout: float
    max_age: float
    max_series: int = MAX_SERIES
    operator_client: Client | None = None
    """How `set` connects, if not with `client`."""

    @property
    def all_labels(self) -> tuple[tuple[str, str], ...]:
        """The labels that all of its series begin with: its name, then those of the configuration."""
        return (("target", self.name), *self.labels.items())

    @property
    def on_probe(self) -> bool:
        """Whether the target is polled only when a probe requests it."""
        return self.interval == math.inf


@dataclass(frozen=True, kw_only=True)
class FileSd:
    """Lists of targets in files; each of `files` is an absolute path with wildcards."""

    files: tuple[str, ...]
    refresh_interval: float


@dataclass(frozen=True, kw_only=True)
class HttpSd:
    """A list of targets at a URL. `url` has no `repr`, as its query may have a token."""

    url: str = field(repr=False)
    refresh_interval: float
    client: Client


class Template(Protocol):
    """Makes a target of a list's item, by the same rules as for configured targets."""

    def make(self, item: str, labels: Mapping[str, str]) -> Target:
        """Return the target; raise ListError if the item cannot be one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """A source of targets, and the template for them."""

    name: str
    """The value of the label `discovery`; unique."""
    source: FileSd | HttpSd
    client: Client
    """The client of its targets."""
    template: Template


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration, checked."""

    targets: tuple[Target, ...]
    discoveries: tuple[Discovery, ...] = ()
    clients: tuple[Client, ...] = ()
    files: Mapping[Path, bytes] = field(default_factory=dict)
    """The files that the configuration was read from, each with the digest of its content."""
    systems: Mapping[str, System] = field(default_factory=dict)
    """The custom systems by name."""
