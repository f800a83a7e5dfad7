"""A target and an endpoint become what is sent: URL and headers, built once; credentials each time.

Credentials are read at each poll, since their files may change, and go to the target's own origin
alone: `redirect` follows within it, and nothing else follows at all.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Self, TypeVar
from urllib.parse import quote, quote_plus, unquote, urlsplit

from exporter import __version__
from exporter.declare.conditions import applies
from exporter.declare.endpoint import Endpoint
from exporter.errors import PollError, Reason
from exporter.secret import Secret
from exporter.settings import Client, OAuth2, Target
from exporter.text import CUT

_FORMATS = {"json": "application/json", "xml": "application/xml", "text": "text/plain"}
# A line end in a header's value would let a file smuggle in another header.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")

_PORTS = {"http": 80, "https": 443}
_IN_PATH = "/%:@!$&'()*+,;=~"

USER_AGENT = f"status-exporter/{__version__}"

# Fewer characters of a secret give nothing away, and may stand in any word.
_LEAST_TELLING = 4
# Values are cut at fewer characters. A token has thousands, and to try each would hold up the loop.
_LONGEST_BEGINNING = 64

Headers = tuple[tuple[str, str], ...]
Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Request:
    """What is fixed of a request."""

    method: str
    url: str
    """Without its secret parts."""
    host: str
    port: int
    headers: Headers
    head: bytes = field(repr=False)
    """The request as HTTP/1.1 writes it, up to where the credentials go."""
    body: bytes = b""
    query: str = field(default="", repr=False)
    """The secret rest of the URL, with its ? or &."""
    accept_status: frozenset[int] = frozenset()
    """The statuses besides 2xx whose answer is read."""
    inspected: frozenset[int] = frozenset()
    """The statuses of failures whose body is read, to know whether a token was refused."""

    def at(self, url: str, query: str) -> Self:
        """Return the same request for another URL of its origin."""
        parts = urlsplit(url)
        where = parts.path + (f"?{parts.query}" if parts.query else "") + query
        _, _, rest = self.head.partition(b" HTTP/1.1\r\n")
        head = f"{self.method} {where} HTTP/1.1\r\n".encode() + rest
        return replace(self, url=url, query=query, head=head)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRequest(Request):
    """The request for one endpoint of a target."""

    endpoint: Endpoint


def build(target: Target) -> tuple[EndpointRequest, ...]:
    """Build the requests of one poll, one for each endpoint."""
    return tuple(
        _endpoint_request(target, endpoint)
        for endpoint in target.system.endpoints
        if applies(endpoint.when, target.params)
    )


def _endpoint_request(target: Target, endpoint: Endpoint) -> EndpointRequest:
    filled = endpoint.filled(target.params)
    base = normalized_url(target.url)
    # The first format is preferred.
    headers = {"Accept": _FORMATS[endpoint.formats[0]], **dict(filled.headers)}
    request = make_request(
        target.client,
        endpoint.method,
        f"{base}{base_path(target)}{filled.target}",
        headers,
        filled.body,
    )
    login = target.system.login
    return EndpointRequest(
        **{name: getattr(request, name) for name in _FIXED},
        accept_status=frozenset(endpoint.accept_status),
        inspected=login.inspected if login else frozenset(),
        endpoint=endpoint,
    )


def make_request(
    client: Client, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
) -> Request:
    """Make a request for a normalized URL; a header of the client's own wins."""
    own = {name.lower() for name, _ in client.http_headers}
    fixed = {
        # The bodies are small: compressing them costs both sides more than the wire.
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        **headers,
    }
    kept = tuple((name, value) for name, value in fixed.items() if name.lower() not in own)
    _scheme, authority, path, query, _ = urlsplit(url)
    where = path + (f"?{query}" if query else "")
    _, host, port = origin_of(url)
    length = (f"Content-Length: {len(body)}",) if body or method != "GET" else ()
    first = (f"{method} {where} HTTP/1.1", f"Host: {authority}", *length)
    lines = (*first, *(f"{name}: {value}" for name, value in kept))
    return Request(
        method=method,
        url=url,
        host=host,
        port=port,
        headers=kept,
        head="".join(f"{line}\r\n" for line in lines).encode(),
        body=body,
    )


_FIXED = ("method", "url", "host", "port", "headers", "head", "body")


def base_path(target: Target) -> str:
    """Return the system's base path if the target's URL has no path of its own."""
    return "" if urlsplit(target.url).path else target.system.base_path


@lru_cache(maxsize=4096)
def normalized_url(url: str) -> str:
    """Return a target's URL as it is sent: in ASCII, with its path encoded."""
    parts = urlsplit(url)
    _, host, _ = origin_of(url)
    bracketed = f"[{host}]" if ":" in host else host
    authority = bracketed if parts.port is None else f"{bracketed}:{parts.port}"
    # What is encoded stays so; what is not, such as a letter with an accent, is.
    return f"{parts.scheme}://{authority}{quote(parts.path, safe=_IN_PATH)}"


@lru_cache(maxsize=4096)
def origin_of(url: str) -> Origin:
    """Return the scheme, host and port, each in the one way of writing it.

    Raises:
        ValueError: It is no URL, or none of http and https.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host:
        raise ValueError("no http or https URL")
    with suppress(UnicodeError):
        host = host.encode("idna").decode()
    return parts.scheme, host, parts.port or _PORTS[parts.scheme]


_Some = TypeVar("_Some", bound=Request)


def with_query(requests: tuple[_Some, ...], client: Client) -> tuple[_Some, ...]:
    """Return the requests with the client's secret query parameters, as they are now.

    Raises:
        PollError: A secret cannot be read.
    """
    query = secret_query(client)
    return tuple(one.at(one.url, f"{'&' if '?' in one.url else '?'}{query}") for one in requests)


def secret_query(client: Client) -> str:
    """Return the client's secret query parameters, as they are now, without a ? or &.

    Raises:
        PollError: A secret cannot be read.
    """
    return "&".join(
        f"{quote(name, safe='')}={quote(value.reveal(), safe='')}"
        for name, values in client.query_params
        for value in values
    )


def credentials(client: Client) -> Headers:
    """Return the headers that hold the client's secrets, as they are now.

    Raises:
        PollError: A secret cannot be read, or cannot stand in a header.
    """
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


def scrub(text: str, client: Client, obtained: Iterable[str] = ()) -> str:
    """Take the client's secrets out of a text that a vendor had a hand in, and what it obtained."""
    return take_out(text, known_secrets(client, obtained))


def take_out(text: str, known: Iterable[str]) -> str:
    """Take what is known out of a text, in this order."""
    for value in known:
        text = text.replace(value, "<secret>")
        if CUT in text:
            # A value that was too long to show may end in the middle of a secret.
            for length in range(min(len(value) - 1, _LONGEST_BEGINNING), _LEAST_TELLING - 1, -1):
                text = text.replace(f"{value[:length]}{CUT}", "<secret>")
    return text


def known_secrets(client: Client, obtained: Iterable[str]) -> list[str]:
    """Return the secrets in every form in which a vendor may send them back."""
    known = set(obtained)
    for secret in client.secrets():
        with suppress(PollError):
            known.add(secret.reveal())
    if client.basic_auth:
        with suppress(PollError):
            known.add(credentials(client)[0][1].rpartition(" ")[2])
    if isinstance(client.login, OAuth2):
        with suppress(PollError):
            known.add(basic_pair(client.login.client_id, client.login.client_secret.reveal()))
        known |= _of_proxy(client.login.proxy_url)
    known |= _of_proxy(client.proxy_url)
    forms = {form for value in known for form in _forms(value)}
    # The longest first: of a secret that begins another, the rest must not stay.
    telling = (value for value in forms if len(value) >= _LEAST_TELLING)
    return sorted(telling, key=len, reverse=True)


def _of_proxy(url: Secret | None) -> set[str]:
    """Return the password as it stands in the URL, as it is meant, and the pair as it is sent."""
    parts = urlsplit(url.reveal() if url else "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not password:
        return set()
    pair = b64encode(f"{user}:{password}".encode()).decode()
    return {parts.password or "", password, pair}


def _forms(value: str) -> Iterator[str]:
    yield value
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
    for encode in (quote, quote_plus):
        yield encode(value, safe="")
        yield encode(value, safe="/")


def basic_pair(client_id: str, secret: str) -> str:
    """Write the two as RFC 6749 section 2.3.1 wants them in an Authorization header."""
    return b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
