"""What the web configuration file says: frozen data, made by `config`, read by what serves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.secret import Secret


@dataclass(frozen=True, kw_only=True)
class ServerTls:
    """What the exporter's own port shows to clients and asks of them; PEM throughout.

    `allowed_sans` is None where any certificate will do; of an empty one no certificate is.
    """

    cert_file: Path | None = None
    cert: str | None = None
    key_file: Path | None = None
    key: Secret | None = None
    client_ca_file: Path | None = None
    client_ca: str | None = None
    client_auth: str = "NoClientCert"
    allowed_sans: tuple[str, ...] | None = None
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_own_order: bool = True
    curves: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RequestLimit:
    """How fast requests may come: one in so many seconds, so many at once at the most."""

    interval: float
    burst: int


@dataclass(frozen=True, kw_only=True)
class WebSettings:
    """The whole web configuration, checked; `users` has a bcrypt hash for each name."""

    tls: ServerTls | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[str, Secret] = field(default_factory=dict)
    rate_limit: RequestLimit | None = None


ReadWeb = Callable[[], WebSettings]
"""Returns what the file says now, the same object for as long as that stays; raises ConfigError."""
