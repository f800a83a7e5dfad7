"""Requests bearer tokens from a token endpoint, with client credentials (RFC 6749 section 4.4)."""

import math
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from exporter.errors import PollError, Reason
from exporter.http.answer import Answer, StatusError, is_success, status_error
from exporter.http.client import PooledClient
from exporter.http.message import Headers, basic_pair, normalized_url
from exporter.http.shared_login import Grant
from exporter.http.token import decode_object, header_value
from exporter.settings import Client, OAuth2

_HEADERS: Headers = (
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
        # Whether the secret is sent in a header or in the body. Servers accept one of these; after
        # the first token only that one is used.
        self._ways: tuple[bool, ...] = (True, False)

    def secrets(self) -> tuple[str, ...]:
        """Return the secret of the client.

        Raises:
            PollError: It cannot be read.
        """
        return (self._login.client_secret.reveal(),)

    async def log_in(self, client: PooledClient) -> Grant:
        """Request a token, in the second way if the first is refused.

        Raises:
            PollError: The endpoint refused, or returned no bearer token.
        """
        (secret,) = self.secrets()
        for in_header in self._ways:
            answer = await self._request(client, secret, in_header=in_header)
            if answer.status not in _REFUSED:
                break
        _check(answer)
        grant = _grant(decode_object(answer.body))
        self._ways = (in_header,)
        return grant

    def is_refusal(self, error: StatusError) -> bool:
        """Return whether the token was refused (RFC 6750 section 3.1)."""
        return error.status == HTTPStatus.UNAUTHORIZED

    async def _request(self, client: PooledClient, secret: str, *, in_header: bool) -> Answer:
        login, headers = self._login, _HEADERS
        fields = [("grant_type", "client_credentials")]
        if login.scopes:
            fields.append(("scope", " ".join(login.scopes)))
        fields += [(name, value.reveal()) for name, value in login.endpoint_params]
        if in_header:
            pair = basic_pair(login.client_id, secret)
            headers = (*headers, ("Authorization", f"Basic {pair}"))
        else:
            fields += [("client_id", login.client_id), ("client_secret", secret)]
        return await client.send("POST", self._url, urlencode(fields).encode(), headers)


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
