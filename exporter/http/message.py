"""Requests as the bytes of HTTP/1.1: built once for each target, without credentials.

Credentials are read at each poll, since their files may change. They are sent only to the origin of
the target: redirects are followed within it, if at all.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple, Self, TypeVar
from urllib.parse import quote, quote_plus, urlencode, urlsplit

from exporter import __version__
from exporter.errors import PollError, Reason
from exporter.http.answer import MAX_BODY
from exporter.settings import Client, Target
from exporter.toolkit.sockets import authority

# A line end in a value would add another header.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")

_PORTS = {"http": 80, "https": 443}
_IN_PATH = "/%:@!$&'()*+,;=~"

# Logins need the same URLs again at each poll; other targets only when they are loaded.
_MAX_CACHED_URLS = 1024

USER_AGENT = f"status-exporter/{__version__}"

Headers = tuple[tuple[str, str], ...]


class Origin(NamedTuple):
    """Where requests are sent."""

    scheme: str
    host: str
    """In ASCII; an IPv6 address has no brackets."""
    port: int
    """By default that of the scheme."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request without credentials, and which answers to it are read."""

    method: str
    url: str
    """Without its secret query parameters."""
    origin: Origin
    head: bytes = field(repr=False)
    """The request line and headers as HTTP/1.1 writes them, without credentials."""
    body: bytes = field(default=b"", repr=False)
    query: str = field(default="", repr=False)
    """The secret query parameters, beginning with ? or &."""
    is_absolute: bool = False
    """Whether the request line has the whole URL, which proxies require."""
    owner: str = ""
    """The target whose connection is used and kept. Such a request only reads: it is sent again if the
    kept connection turns out to be closed. Empty: a connection for this request alone."""
    accept_status: tuple[int, ...] = ()
    """Statuses besides 2xx whose answers are read."""
    inspected: tuple[int, ...] = ()
    """Statuses of failures whose body is read, to find out whether a token was refused."""
    redirects: int | None = None
    """How many redirects may be followed; None: they are failures."""
    any_status: bool = False
    """Whether answers of all statuses are read."""
    max_body: int = MAX_BODY
    """Bytes of the decompressed body; 0: only the head is read."""

    @property
    def is_secure(self) -> bool:
        """Whether it is sent over TLS."""
        return self.origin.scheme == "https"

    def at(self, url: str, query: str) -> Self:
        """Return the same request for another URL of its origin."""
        _, _, rest = self.head.partition(b" HTTP/1.1\r\n")
        line = _request_line(self.method, url + query, is_absolute=self.is_absolute)
        return replace(self, url=url, query=query, head=line + rest)


def make_request(
    client: Client, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
) -> HttpRequest:
    """Make a request for a normalized URL; headers of the client replace those given."""
    own = {name.lower() for name, _ in client.http_headers}
    origin = origin_of(url)
    is_secure = origin.scheme == "https"
    is_absolute = client.proxy_url is not None and not is_secure
    fixed = {
        "Host": _host_header(url, client.tls.server_name if is_secure else None),
        # Bodies are small: compression would cost more than it saves.
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        **({"Content-Length": str(len(body))} if body or method != "GET" else {}),
        **headers,
    }
    lines = (f"{name}: {value}\r\n" for name, value in fixed.items() if name.lower() not in own)
    return HttpRequest(
        method=method,
        url=url,
        origin=origin,
        head=_request_line(method, url, is_absolute=is_absolute)
        + "".join(lines).encode()
        + b"\r\n",
        body=body,
        is_absolute=is_absolute,
    )


def _request_line(method: str, url: str, *, is_absolute: bool) -> bytes:
    parts = urlsplit(url)
    where = parts.path + (f"?{parts.query}" if parts.query else "")
    if is_absolute:
        where = f"{parts.scheme}://{_host_header(url)}{where}"
    return f"{method} {where} HTTP/1.1\r\n".encode()


def _host_header(url: str, server_name: str | None = None) -> str:
    """Return host and port of a normalized URL, without an IPv6 zone, which only this machine knows."""
    parts = urlsplit(url)
    return authority(server_name or (parts.hostname or "").partition("%")[0], parts.port)


def base_path(target: Target) -> str:
    """Return the base path of the system, or "" if the URL of the target has a path."""
    return "" if urlsplit(target.url).path else target.system.base_path


@lru_cache(maxsize=_MAX_CACHED_URLS)
def normalized_url(url: str) -> str:
    """Return a URL in ASCII, with its path percent-encoded."""
    parts = urlsplit(url)
    where = authority(origin_of(url).host, parts.port)
    return f"{parts.scheme}://{where}{quoted_path(parts.path)}"


def quoted_path(path: str, also: str = "") -> str:
    """Return a path in ASCII; what is percent-encoded, and the characters of `also`, are kept."""
    return quote(path, safe=_IN_PATH + also, errors="surrogateescape")


@lru_cache(maxsize=_MAX_CACHED_URLS)
def origin_of(url: str) -> Origin:
    """Return the scheme, host and port, normalized.

    Raises:
        ValueError: It is not an http or https URL.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host:
        raise ValueError("no http or https URL")
    with suppress(UnicodeError):
        host = host.encode("idna").decode()
    if ":" in host:
        host = host.replace("%25", "%", 1)  # The zone of an address, see RFC 6874.
    return Origin(parts.scheme, host, parts.port or _PORTS[parts.scheme])


_Some = TypeVar("_Some", bound=HttpRequest)


def with_query(requests: tuple[_Some, ...], client: Client) -> tuple[_Some, ...]:
    """Return the requests with the current secret query parameters of the client.

    Raises:
        PollError: A secret cannot be read.
    """
    if not client.query_params:
        return requests
    pairs = [(name, value.reveal()) for name, values in client.query_params for value in values]
    query = urlencode(pairs, quote_via=quote, safe="")
    return tuple(one.at(one.url, f"{'&' if '?' in one.url else '?'}{query}") for one in requests)


def credentials(client: Client) -> Headers:
    """Return the headers with the current secrets of the client.

    Raises:
        PollError: A secret cannot be read, or cannot be sent in a header.
    """
    if not (client.basic_auth or client.authorization or client.http_headers):
        return ()
    headers: list[tuple[str, str]] = []
    if client.basic_auth:
        username, password = client.basic_auth.username, client.basic_auth.password
        pair = f"{username.reveal()}:{password.reveal()}".encode()
        headers.append(("Authorization", f"Basic {b64encode(pair).decode()}"))
    if client.authorization:
        scheme = client.authorization.type
        headers.append(("Authorization", f"{scheme} {client.authorization.credentials.reveal()}"))
    for name, values in client.http_headers:
        headers += [(name, value.reveal()) for value in values]
    for name, value in headers:
        if _CONTROL.search(value):
            raise PollError(
                Reason.CREDENTIALS, f"the value of {name} has a control character or line end"
            )
    return tuple(headers)


def basic_pair(client_id: str, secret: str) -> str:
    """Return the credentials of an Authorization header, as RFC 6749 section 2.3.1 encodes them."""
    return b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
