"""Requests bearer tokens from a token endpoint, with client credentials (RFC 6749 section 4.4)."""

import math
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from exporter.errors import PollError, Reason
from exporter.http.answer import Answer, StatusError, is_success, status_error
from exporter.http.client import PooledClient
from exporter.http.message import basic_pair, normalized_url
from exporter.http.shared_login import Grant
from exporter.http.token import decode_object, header_value
from exporter.settings import Client, OAuth2

_HEADERS = (
    ("Accept", "application/json"),
    ("Content-Type", "application/x-www-form-urlencoded"),
)
# The codes of section 5.2 and similar ones of vendors; other values are not shown.
_CODE = re.compile(r"[a-z][a-z_]{2,39}", re.ASCII)
_REFUSED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})


class OAuth2Method:
    """Logs in at one token endpoint."""

    def __init__(self, client: Client, login: OAuth2) -> None:
        # As in Prometheus, the endpoint has separate settings for TLS and the proxy.
        self.client = Client(
            name=client.name, login=login, tls=login.tls, proxy_url=login.proxy_url
        )
        self._login = login
        self._url = normalized_url(login.token_url)
        # Servers accept the secret in one of two ways; the one that worked is kept.
        self._ways = [self._by_header, self._by_body]

    def secrets_stamp(self) -> int | str:
        """Return a value that changes when the secret changes."""
        try:
            return hash(self._login.client_secret.reveal())
        except PollError as error:
            return error.detail

    async def log_in(self, client: PooledClient) -> Grant:
        """Request a token, in the second way if the first is refused.

        Raises:
            PollError: The endpoint refused, or returned no bearer token.
        """
        secret = self._login.client_secret.reveal()
        first, *others = self._ways
        answer = await first(client, secret)
        if answer.status in _REFUSED and others:
            answer = await others[0](client, secret)
            first = others[0]
        _check(answer)
        grant = _grant(decode_object(answer.body))
        self._ways = [first]
        return grant

    def is_refusal(self, error: StatusError) -> bool:
        """Return whether the token was refused (RFC 6750 section 3.1)."""
        return error.status == HTTPStatus.UNAUTHORIZED

    async def _by_header(self, client: PooledClient, secret: str) -> Answer:
        pair = basic_pair(self._login.client_id, secret)
        headers = (*_HEADERS, ("Authorization", f"Basic {pair}"))
        return await client.send("POST", self._url, _form(self._fields()), headers)

    async def _by_body(self, client: PooledClient, secret: str) -> Answer:
        own = (("client_id", self._login.client_id), ("client_secret", secret))
        return await client.send("POST", self._url, _form((*self._fields(), *own)), _HEADERS)

    def _fields(self) -> Iterator[tuple[str, str]]:
        yield "grant_type", "client_credentials"
        if self._login.scopes:
            yield "scope", " ".join(self._login.scopes)
        for name, value in self._login.endpoint_params:
            yield name, value.reveal()


def _check(answer: Answer) -> None:
    if not is_success(answer.status):
        error, code = status_error(answer.status, answer.retry_after), _code(answer.body)
        raise error.with_detail(f"{error.detail}, {code}") if code else error


def _code(body: bytes) -> str:
    try:
        code = decode_object(body).get("error")
    except PollError:
        return ""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _grant(tree: dict[str, Any]) -> Grant:
    bearer = header_value(tree.get("access_token"), "access_token")
    # The RFC requires the token_type, but some servers leave out "bearer".
    kind = tree.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise PollError(Reason.BAD_SHAPE, "the token_type of the answer is not bearer")
    return Grant(
        headers=(("Authorization", f"Bearer {bearer}"),),
        secrets=(bearer,),
        seconds=_seconds(tree.get("expires_in")),
    )


def _seconds(value: object) -> float:
    if value is None:
        return math.inf
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:  # noqa: PLR2004 - 30 million years
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise PollError(Reason.BAD_SHAPE, "the expires_in of the answer is no number of seconds")
    return float(min(value, 2**53))


def _form(fields: "Iterator[tuple[str, str]] | tuple[tuple[str, str], ...]") -> bytes:
    return urlencode(list(fields)).encode()
