"""Builds the requests of a target, once: URL, headers and body, without credentials."""

from dataclasses import dataclass, fields
from typing import Any

from exporter.declare.conditions import applies
from exporter.declare.endpoint import Endpoint
from exporter.http.message import HttpRequest, base_path, make_request, normalized_url
from exporter.http.redirect import MAX_REDIRECTS
from exporter.settings import Target

_FORMATS = {"json": "application/json", "xml": "application/xml", "text": "text/plain"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRequest(HttpRequest):
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
    filled = endpoint.fill(target.params)
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
    fixed = {one.name: getattr(request, one.name) for one in fields(request)}
    policy: dict[str, Any] = {
        "owner": target.name,
        "accept_status": tuple(endpoint.accept_status),
        "redirects": MAX_REDIRECTS if target.client.follow_redirects else None,
        "inspected": login.inspected_statuses if login else (),
    }
    return EndpointRequest(**fixed | policy, endpoint=endpoint)
