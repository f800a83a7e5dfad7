"""Rejects requests that a page of another site makes a browser send: CSRF and DNS rebinding.

Browsers name the site of the page in `Origin`. In DNS rebinding, the attacker's own name resolves
to the exporter, so that Origin and Host agree; only a list of allowed names prevents that.
"""

import re
from collections.abc import Set as AbstractSet
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from exporter.toolkit.exceptions import WebConfigError
from exporter.toolkit.server_metrics import RejectReason

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*", re.ASCII)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_host_name(name: str) -> str:
    """Return a name of the list of allowed hosts in lower case.

    Raises:
        WebConfigError: It is not a host name without scheme and port.
    """
    if not _HOST_NAME.fullmatch(name):
        raise WebConfigError(f"{name}: not a host name such as exporter.example, without a port")
    return name.lower()


def refusal(request: web.Request, allowed_hosts: AbstractSet[str]) -> RejectReason | None:
    """Return why a request is refused, or None; an empty list allows all hosts."""
    if _is_cross_origin(request):
        return RejectReason.ORIGIN
    if allowed_hosts and not _is_allowed(request, allowed_hosts):
        return RejectReason.HOST
    return None


def _is_cross_origin(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site", "none")
    if request.method not in _SAFE_METHODS and site not in {"none", "same-origin"}:
        return True
    origins = request.headers.getall("Origin", [])
    if not origins:
        return False
    # Behind a proxy that ends TLS, only the Origin knows the scheme.
    port = _DEFAULT_PORTS.get(origins[0].partition(":")[0], 0)
    hosts = {_host_and_port(origin, port) for origin in origins}
    hosts |= {_host_and_port(f"//{host}", port) for host in request.headers.getall("Host", [""])}
    return len(hosts) > 1 or None in hosts


def _is_allowed(request: web.Request, allowed_hosts: AbstractSet[str]) -> bool:
    hosts = request.headers.getall("Host", [])
    return all(_is_allowed_host(host, allowed_hosts) for host in hosts)


def _is_allowed_host(host: str, allowed_hosts: AbstractSet[str]) -> bool:
    parsed = _host_and_port(f"//{host}", 0)
    if parsed is None:
        return False
    name = parsed[0].removesuffix(".")
    return name in allowed_hosts or name == "localhost" or _is_ip_address(name)


def _is_ip_address(name: str) -> bool:
    # Rebinding needs a name that the attacker owns.
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _host_and_port(url: str, default_port: int) -> tuple[str, int] | None:
    """Return host and port of a URL or `//host:port`; None if there is no host."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.path or "@" in parts.netloc:
        return None
    return host, default_port if port is None else port
