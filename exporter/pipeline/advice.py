"""Hints to correct the configuration after a failed poll."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from exporter.errors import PollError, Reason
from exporter.http.message import base_path, normalized_url
from exporter.pipeline.request import EndpointRequest, build
from exporter.settings import Client, Target

_REFUSED = frozenset({Reason.HTTP_401, Reason.HTTP_403})


def repeated_paths(target: Target) -> Iterator[str]:
    """Yield paths of endpoints that the target's URL ends with: the exporter adds them again."""
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
    return error


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
