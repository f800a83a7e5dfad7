"""What the program was told to do: frozen data, made by `config`, read by everything after it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.secret import Secret
from exporter.spec import System


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
    http_headers: tuple[tuple[str, tuple[Secret, ...]], ...] = ()
    tls: Tls = field(default_factory=Tls)
    proxy_url: Secret | None = None
    rate_limit: RateLimit | None = None

    def secrets(self) -> Iterator[Secret]:
        """Yield every secret the client holds; what stands plainly in the file is none."""
        if self.basic_auth:
            if not self.basic_auth.username.is_plain:
                yield self.basic_auth.username
            yield self.basic_auth.password
        if self.authorization:
            yield self.authorization.credentials
        for _, values in self.http_headers:
            yield from (value for value in values if not value.is_plain)
        if self.proxy_url:
            yield self.proxy_url
        if self.tls.key:
            yield self.tls.key


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

    @property
    def on_probe(self) -> bool:
        """Whether it is polled when somebody probes it, and not otherwise."""
        return self.interval == math.inf


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The whole configuration, checked."""

    targets: tuple[Target, ...]
    clients: tuple[Client, ...] = ()
    files: tuple[Path, ...] = ()
    """What it was read from."""
