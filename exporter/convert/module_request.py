"""json_exporter's request as an endpoint, and its HTTP client as an entry of `clients`."""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.convert.commented_yaml import Comment
from exporter.declare.requests import words_of

Plain = dict[Any, Any]


@dataclass(frozen=True, kw_only=True)
class ModuleRequest:
    """The request of a module."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    is_template: bool = False
    valid_status_codes: tuple[int, ...] = ()
    client: Mapping[str, Any] | None = None
    """`http_client_config`, None if there is no such block."""


_FIRST = re.compile(r"\{\{-?\s*(?:\.(\w+)\s*\|\s*first|index\s+\.(\w+)\s+0)\s*-?\}\}")
# Headers that usually have a secret; headers of a client are redacted in messages.
_SECRET_HEADER = re.compile(r"auth|token|key|secret|cookie|session|password", re.IGNORECASE)
_BASIC_AUTH = ("username", "username_file", "password", "password_file")
_AUTHORIZATION = ("type", "credentials", "credentials_file")
_TLS = (
    *("ca_file", "ca", "cert_file", "cert", "key_file", "key", "server_name"),
    *("insecure_skip_verify", "min_version", "max_version"),
)
_OAUTH2 = (
    *("client_id", "client_secret", "client_secret_file", "token_url", "scopes", "endpoint_params"),
    "proxy_url",
)
_OWN_HEADERS = {
    "host": "use tls_config.server_name of the client",
    "connection": "connections are kept open",
    "content-length": "it follows from the body",
    "transfer-encoding": "it follows from the body",
    "accept-encoding": "the exporter decides on compression",
}


def convert_params(request: ModuleRequest) -> Plain:
    """Return the system's `params`: the body's, and words that only look like parameters."""
    template = request.body if request.is_template else ""
    names = dict.fromkeys(one or other for one, other in _FIRST.findall(template))
    params: Plain = {name: {"help": "Of the body."} for name in names}
    texts = (_FIRST.sub("", template) or request.body, *_plain_headers(request).values())
    for word in (word for text in texts for word in words_of(text)):
        # Its default is the word itself; an inserted value is not searched for words again.
        params.setdefault(word, {"help": "Not a parameter.", "default": f"{{{word}}}"})
    return params


def convert_request(request: ModuleRequest) -> Plain:
    """Return the keys of the endpoint, without its path and fields."""
    endpoint: Plain = {}
    body = request.body
    if body:
        endpoint["method"] = "POST"
    if request.is_template:
        body = _FIRST.sub(lambda match: f"{{{match[1] or match[2]}}}", body)
        if "{{" in body:
            why = "Of Go templates only {{ .name | first }} has a counterpart: edit the body."
            endpoint[Comment(why)] = None
    if body:
        endpoint["body"] = body
    for name in (one for one in request.headers if one.lower() in _OWN_HEADERS):
        endpoint[Comment(f"{name} cannot be set: {_OWN_HEADERS[name.lower()]}.")] = None
    if headers := _plain_headers(request):
        endpoint["headers"] = headers
    # 2xx is always accepted.
    if accepted := [code for code in request.valid_status_codes if code >= 300]:  # noqa: PLR2004
        endpoint["accept_status"] = accepted
    return endpoint


def _plain_headers(request: ModuleRequest) -> dict[str, str]:
    return {
        name: value
        for name, value in request.headers.items()
        if name.lower() not in _OWN_HEADERS and not _SECRET_HEADER.search(name)
    }


def convert_client(request: ModuleRequest) -> Plain:
    """Return the entry of `clients`; empty if the module needs none."""
    client: Plain = {}
    given = {**_secret_headers(request), **(request.client or {})}
    client.update(_credentials(given))
    if given.get("http_headers"):
        client["http_headers"] = given["http_headers"]
    if given.get("tls_config"):
        client.update(_pick("tls_config", given["tls_config"], _TLS))
    if given.get("proxy_url"):
        client["proxy_url"] = given["proxy_url"]
    # json_exporter follows redirects as soon as there is a block http_client_config.
    if request.client is not None and given.get("follow_redirects", True):
        client[Comment("Followed to the same scheme, host and port only.")] = None
        client["follow_redirects"] = True
    for key in sorted(given.keys() - _CONVERTED):
        client[Comment(f"{key} has no counterpart{_WHY.get(key, '')}.")] = None
    return client


_CONVERTED = frozenset(
    {
        *("basic_auth", "authorization", "oauth2", "bearer_token", "bearer_token_file"),
        *("tls_config", "proxy_url", "follow_redirects", "http_headers"),
    }
)
_WHY = {
    "enable_http2": ": requests are HTTP/1.1",
    "proxy_from_environment": ": name the proxy in proxy_url",
    "no_proxy": ": give targets that need no proxy a client without proxy_url",
    "proxy_connect_header": ": put a user and password into proxy_url",
}


def _secret_headers(request: ModuleRequest) -> dict[str, Any]:
    """Return the headers that carry secrets, as keys of a client."""
    found: dict[str, Any] = {}
    others = {}
    for name, value in request.headers.items():
        kind, _, credentials = value.strip().partition(" ")
        if name.lower() == "authorization" and kind.lower() == "basic":
            user, _, password = _decode(credentials).partition(":")
            found["basic_auth"] = {"username": user, "password": password}
        elif name.lower() == "authorization":
            found["authorization"] = {"type": kind, "credentials": credentials.strip()}
        elif _SECRET_HEADER.search(name):
            others[name] = {"secrets": [value]}
    return {**found, **({"http_headers": others} if others else {})}


def _decode(credentials: str) -> str:
    try:
        return b64decode(credentials, validate=True).decode()
    except ValueError:
        return credentials


def _credentials(given: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    if given.get("basic_auth"):
        yield from _pick("basic_auth", given["basic_auth"], _BASIC_AUTH).items()
    if given.get("authorization"):
        yield from _pick("authorization", given["authorization"], _AUTHORIZATION).items()
    if given.get("bearer_token"):
        yield "authorization", {"type": "Bearer", "credentials": given["bearer_token"]}
    if given.get("bearer_token_file"):
        yield "authorization", {"type": "Bearer", "credentials_file": given["bearer_token_file"]}
    if given.get("oauth2"):
        oauth2 = given["oauth2"]
        made = _pick("oauth2", oauth2, (*_OAUTH2, "tls_config"))
        if oauth2.get("tls_config"):
            made["oauth2"]["tls_config"] = {
                key: value for key, value in oauth2["tls_config"].items() if key in _TLS
            }
        yield from made.items()


def _pick(name: str, given: dict[str, Any], keys: tuple[str, ...]) -> Plain:
    """Return the keys with the same meaning here, and a comment for each other key."""
    others = (key for key in given if key not in keys)
    notes: Plain = {Comment(f"{name}.{key} has no counterpart."): None for key in others}
    return {**notes, name: {key: given[key] for key in keys if given.get(key) is not None}}
