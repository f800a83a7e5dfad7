"""A target and an endpoint become what is sent: URL and headers, built once; credentials each time.

Credentials are read at each poll, since their files may change, and go to the target's own URL
alone: nothing here or in `fetch` follows a redirect.
"""

import json
import re
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from exporter import __version__
from exporter.errors import PollError, Reason
from exporter.readers import CUT
from exporter.settings import Client, Target
from exporter.spec import Endpoint

_FORMATS = {"json": "application/json", "xml": "application/xml"}
# A line end in a header's value would let a file smuggle in another header.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")

# Fewer characters of a secret give nothing away, and may stand in any word.
_LEAST_TELLING = 4

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What is fixed of a poll's request for one endpoint."""

    url: str
    host: str
    port: int
    headers: Headers
    head: bytes
    """The request as HTTP/1.1 writes it, up to where the credentials go."""
    body: bytes
    endpoint: Endpoint


def build(target: Target) -> tuple[Request, ...]:
    """Build the requests of one poll, one for each endpoint."""
    return tuple(
        _request(target, endpoint)
        for endpoint in target.system.endpoints
        if endpoint.when is None or target.params.get(endpoint.when[0]) == endpoint.when[1]
    )


def _request(target: Target, endpoint: Endpoint) -> Request:
    params = {param.name: param for param in target.system.params}
    path = endpoint.path
    for name, value in target.params.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    parts = urlsplit(target.url)
    if not parts.path:
        path = endpoint.context + path
    query = "&".join(
        f"{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in target.params.items()
        if params[name].used_in == "query" and value
    )
    # What is encoded stays so; what is not, such as a letter with an accent, is.
    where = quote(parts.path, safe="/%:@!$&'()*+,;=~") + path + (f"?{query}" if query else "")
    host = parts.hostname or ""
    with suppress(UnicodeError):
        host = host.encode("idna").decode()
    own = {name.lower() for name, _ in target.client.http_headers}
    fixed = {
        # JSON first: the vendors write it best. A client's own Accept header wins.
        "Accept": _FORMATS[endpoint.formats[0]],
        # The bodies are small: compressing them costs both sides more than the wire.
        "Accept-Encoding": "identity",
        "User-Agent": f"status-exporter/{__version__}",
        **({"Content-Type": "application/json"} if endpoint.method == "POST" else {}),
        **endpoint.headers,
    }
    headers = tuple((name, value) for name, value in fixed.items() if name.lower() not in own)
    bracketed = f"[{host}]" if ":" in host else host
    authority = bracketed if parts.port is None else f"{bracketed}:{parts.port}"
    body = endpoint.body.encode()
    length = (f"Content-Length: {len(body)}",) if endpoint.method == "POST" else ()
    first = (f"{endpoint.method} {where} HTTP/1.1", f"Host: {authority}", *length)
    lines = (*first, *(f"{k}: {v}" for k, v in headers))
    return Request(
        url=f"{parts.scheme}://{authority}{where}",
        host=host,
        port=parts.port or {"http": 80, "https": 443}[parts.scheme],
        headers=headers,
        head="".join(f"{line}\r\n" for line in lines).encode(),
        body=body,
        endpoint=endpoint,
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


def scrub(text: str, client: Client) -> str:
    """Take the client's secrets out of a text that a vendor had a hand in."""
    # The longest first: of a secret that begins another, the rest must not stay.
    for value in sorted(_known_secrets(client), key=len, reverse=True):
        text = text.replace(value, "<secret>")
        if CUT in text:
            # A value that was too long to show may end in the middle of a secret.
            for length in range(len(value) - 1, _LEAST_TELLING - 1, -1):
                text = text.replace(f"{value[:length]}{CUT}", "<secret>")
    return text


def _known_secrets(client: Client) -> set[str]:
    """Return the secrets in every form in which a vendor may send them back."""
    known: set[str] = set()
    for secret in client.secrets():
        with suppress(PollError):
            known.add(secret.reveal())
    if client.basic_auth:
        with suppress(PollError):
            known.add(credentials(client)[0][1].rpartition(" ")[2])
    if client.proxy_url:
        known.add(urlsplit(client.proxy_url.reveal()).password or "")
    written = {json.dumps(value)[1:-1] for value in known} | {
        quote(value, safe="") for value in known
    }
    return {value for value in known | written if len(value) >= _LEAST_TELLING}
