"""A login that the target's system declares: user and password go in, a token comes out."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from exporter.clock import Clock
from exporter.declare.extraction import ExtractContext
from exporter.declare.login import Login as LoginDeclaration
from exporter.declare.paths import make_get
from exporter.declare.requests import insert_values, words_of
from exporter.errors import FieldError, PollError, Reason
from exporter.http.answer import Answer, StatusError, check_status
from exporter.http.client import PooledClient
from exporter.http.message import base_path, normalized_url
from exporter.http.shared_login import Grant
from exporter.http.token import decoded, sendable
from exporter.redact import redact_secrets
from exporter.settings import Client, PasswordLogin, Target
from exporter.text import CUT

# Where servers write why they refuse, the most specific first.
_MESSAGES = ("message", "info", "error_description", "detail", "error")
_MAX_MESSAGE = 120
_MARKUP = re.compile(r"\s*<")


class DeclaredMethod:
    """Logs in at one server, as its system declares."""

    def __init__(
        self, target: Target, declaration: LoginDeclaration, user: PasswordLogin, clock: Clock
    ) -> None:
        self.client: Client = target.client
        self._declaration = declaration
        self._user = user
        self._params = target.params
        self._base = normalized_url(target.url)
        self._above = urlsplit(self._base).path + base_path(target)
        self._clock = clock

    def seen(self) -> int | str:
        """Return a value that changes when the user or password changes."""
        try:
            return hash((self._user.username.reveal(), self._user.password.reveal()))
        except PollError as error:
            return error.detail

    async def ask(self, client: PooledClient) -> Grant:
        """Log in once.

        Raises:
            PollError: The server refused, or gave no token.
        """
        username, password = self._user.username.reveal(), self._user.password.reveal()
        filled = self._declaration.request.fill(
            {**self._params, "username": username, "password": password}
        )
        parts = urlsplit(self._base)
        url = f"{parts.scheme}://{parts.netloc}{self._above}{filled.target}"
        headers = {"Accept": "application/json", **dict(filled.headers)}
        answer = await client.send(filled.method, url, filled.body, tuple(headers.items()))
        self._check(answer)
        return self._granted(answer)

    def is_refusal(self, error: StatusError) -> bool:
        """Return whether an answer says that the token is refused."""
        return self._declaration.rejects(error.status, error.body)

    def _check(self, answer: Answer) -> None:
        explained = self._declaration.explain.get(answer.status)
        # With a Location it is a redirect, whatever else the status means to this vendor.
        if explained and not answer.location:
            raise PollError(Reason.HTTP_401, f"HTTP {answer.status}: {explained.rstrip('.')}")
        is_cookie = not isinstance(self._declaration.token, str)
        if is_cookie and answer.status // 100 == 3 and answer.cookies:  # noqa: PLR2004 - RFC 9110
            return  # A form sends the browser on to another page once it has set the cookie.
        try:
            check_status(answer.status, answer.retry_after)
        except PollError as error:
            detail = f"{error.detail}{self._message(answer.body)}"
            raise PollError(error.reason, detail, error.retry_after) from None

    def _granted(self, answer: Answer) -> Grant:
        token = self._declaration.token
        tree: Any = {}
        if isinstance(token, str):
            tree = decoded(answer.body)
            value = _at(tree, token)
            if value is None:
                detail = f"the answer has no {token}{self._message(answer.body)}"
                raise PollError(Reason.BAD_SHAPE, detail)
        else:
            value = _cookie(answer.cookies, token.cookie)
        values = {"token": sendable(value, "token")}
        for text in self._declaration.token_headers.values():
            for word in words_of(text):
                if word.startswith("/"):
                    found = _at(tree, word)
                    if found is not None and found != "":
                        values[word] = sendable(found, word)
        return Grant(
            headers=tuple(_headers(self._declaration.token_headers, values)),
            secrets=tuple(values.values()),
            seconds=self._seconds(tree),
        )

    def _message(self, body: bytes) -> str:
        """Return the server's own words for a failure, for the end of a message."""
        # The secrets go before the cut, which could leave a part of one.
        said = redact_secrets(_said(body), self.client)
        if not said:
            return ""
        cut = said if len(said) <= _MAX_MESSAGE else f"{said[:_MAX_MESSAGE]}{CUT}"
        return f', the server says "{cut}"'

    def _seconds(self, tree: Any) -> float:
        expires = self._declaration.expires
        raw = _at(tree, expires.path) if expires else None
        if expires is None or raw is None:
            return math.inf
        try:
            value = expires.reader(raw)
        except FieldError:
            return math.inf
        return value - self._clock.wall() if expires.is_moment else value


def _headers(declared: Mapping[str, str], values: Mapping[str, str]) -> "list[tuple[str, str]]":
    filled = ((name, insert_values(text, values)) for name, text in declared.items())
    return [(name, text) for name, text in filled if text is not None]


def _at(tree: Any, pointer: str) -> Any:
    return make_get(pointer)(tree, ExtractContext({}, 0.0))


def _cookie(headers: tuple[str, ...], name: str) -> str:
    # As RFC 6265 section 5.2 has it; of a cookie that is set twice the last counts.
    for header in reversed(headers):
        key, _, value = header.partition(";")[0].partition("=")
        if key.strip() == name:
            return value.strip()
    raise PollError(Reason.BAD_SHAPE, f"the answer sets no cookie {name}")


def _said(body: bytes) -> str:
    """Return what the body says in one line, "" if that is nothing for people."""
    text = body.decode("utf-8", "replace").strip()
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        tree = None if _MARKUP.match(text) else text
    if isinstance(tree, dict):
        said = (tree.get(name) for name in _MESSAGES)
        tree = next((one for one in said if isinstance(one, str) and one), None)
    return " ".join(tree.split()) if isinstance(tree, str) else ""
