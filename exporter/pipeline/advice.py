"""Hints to correct the configuration after a failed poll."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from exporter.errors import PollError, Reason
from exporter.http.answer import BROKEN, StatusError
from exporter.http.message import base_path, normalized_url, origin_of
from exporter.http.redirect import MAX_LOCATION
from exporter.pipeline.request import EndpointRequest, build
from exporter.settings import Client, Target

_REFUSED = frozenset({Reason.HTTP_401, Reason.HTTP_403})
# What servers do with plain HTTP at a port for TLS, unless they answer in TLS.
_REJECTED_BY_TLS = frozenset({BROKEN, "HTTP 400"})


def repeated_paths(target: Target) -> Iterator[str]:
    """Yield the paths of endpoints that the target's URL ends in: the exporter adds them again."""
    ending = urlsplit(target.url).path
    for request in build(target):
        path = _path(request, target)
        if path.strip("/") and ending.endswith(path.rstrip("/")):
            yield path


def add_hint(error: PollError, request: EndpointRequest, target: Target) -> PollError:
    """Return the failure with its request, and with a hint if the cause is known."""
    error.request = f"{request.method} {request.url}"
    if error.reason is Reason.HTTP_404:
        path = _path(request, target)
        error.hint = f"the url of {target.system.name} targets ends before {path}"
    elif error.reason in _REFUSED and not _has_credentials(target.client):
        error.hint = (
            "no credentials are sent: the target needs a client (on the command line: --username)"
        )
    elif error.detail in _REJECTED_BY_TLS and request.url.startswith("http:"):
        error.hint = "if the server speaks TLS, the url begins with https://"
    elif isinstance(error, StatusError) and error.reason is Reason.REDIRECT:
        error.hint = _redirect_hint(error.location, request, target.client)
    return error


def _redirect_hint(location: str, request: EndpointRequest, client: Client) -> str:
    """Return where a redirect leads; the Location itself may contain a token, and is not shown."""
    if not location or len(location) > MAX_LOCATION:
        return ""
    try:
        scheme, host, port = origin_of(urljoin(request.url, location))
    except ValueError:
        return ""
    own = origin_of(request.url)
    if (scheme, host, port) == own:
        return "" if client.follow_redirects else "or set follow_redirects in the client"
    if host == own[1]:
        return f"it leads to {scheme}:// at port {port} of the same host"
    return "it leads to another host, often for a login"


def _path(request: EndpointRequest, target: Target) -> str:
    """Return the path that the endpoint adds to the target's URL, with its parameters."""
    base = f"{normalized_url(target.url)}{base_path(target)}"
    return request.url.removeprefix(base).partition("?")[0]


def _has_credentials(client: Client) -> bool:
    return bool(
        client.basic_auth
        or client.authorization
        or client.login
        or client.http_headers
        or client.query_params
        or client.tls.cert_file
        or client.tls.cert
    )
