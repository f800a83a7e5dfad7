"""What the program was told to do: frozen data, made by `config`, read by everything after it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from exporter.declare.system import System
from exporter.secret import Secret

# A hundred thousand targets take a third of it.
LARGEST_FILE = 64 * 1024 * 1024
"""What a configuration file may have of bytes."""


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
    """How to check a server's certificate, and which one to show it; PEM throughout."""

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
    """RFC 6749 client credentials: what a bearer token is asked for with, and where."""

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
    """How fast a client may send requests: so many a second, so many at once at the most."""

    requests_per_second: float
    burst: int


@dataclass(frozen=True, kw_only=True)
class Client:
    """How to connect: shared by every target that names it."""

    name: str
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    login: OAuth2 | PasswordLogin | None = None
    """What gives the credentials only when it is asked."""
    http_headers: tuple[tuple[str, tuple[Secret, ...]], ...] = ()
    query_params: tuple[tuple[str, tuple[Secret, ...]], ...] = ()
    follow_redirects: bool = False
    tls: Tls = field(default_factory=Tls)
    proxy_url: Secret | None = None
    unix_socket: str | None = None
    """The socket that all requests go to, whatever the host of the URL."""
    rate_limit: RateLimit | None = None

    def secrets(self) -> Iterator[Secret]:
        """Yield every secret the client holds; what stands plainly in the file is none."""
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
"""Of one target: a thousand game servers have fifteen each."""


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
    """Infinite where it is polled on probe alone, as is `max_age` then."""
    timeout: float
    max_age: float
    max_series: int = MAX_SERIES
    operator_client: Client | None = None
    """How to connect for `set` alone, where that is not by `client`."""

    @property
    def on_probe(self) -> bool:
        """Whether it is polled when somebody probes it, and not otherwise."""
        return self.interval == math.inf


@dataclass(frozen=True, kw_only=True)
class FileSd:
    """Lists of targets in files: patterns with absolute or resolved paths."""

    files: tuple[str, ...]
    refresh_interval: float


@dataclass(frozen=True, kw_only=True)
class HttpSd:
    """A list of targets at a URL, whose query may hold a token."""

    url: str = field(repr=False)
    refresh_interval: float
    client: Client


class Template(Protocol):
    """What makes a target of an item of a list, by the rules that configured targets follow."""

    def make(self, item: str, labels: Mapping[str, str]) -> Target:
        """Return the target, or raise ListError with what cannot be one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Discovery:
    """Where a list of targets comes from, and what makes targets of its items."""

    name: str
    """The value of the label `discovery`: no two have the same."""
    source: FileSd | HttpSd
    client: Client
    """The one of its targets."""
    template: Template


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration, checked."""

    targets: tuple[Target, ...]
    discoveries: tuple[Discovery, ...] = ()
    clients: tuple[Client, ...] = ()
    files: tuple[Path, ...] = ()
    """What it was read from."""
    systems: Mapping[str, System] = field(default_factory=dict)
    """Those of the user's own."""
