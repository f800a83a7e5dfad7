"""Logs in with a user and password, as the system of the target declares."""

import json
import math
import re
from typing import Any

from exporter.clock import Clock
from exporter.declare.extraction import ExtractContext
from exporter.declare.login import Login as LoginDeclaration
from exporter.declare.paths import make_get
from exporter.declare.requests import insert_values, words_of
from exporter.errors import FieldError, PollError, Reason
from exporter.http.answer import Answer, StatusError, is_success, status_error
from exporter.http.client import PooledClient
from exporter.http.message import base_path, normalized_url
from exporter.http.shared_login import Grant
from exporter.http.token import decode_object, header_value
from exporter.redact import redact_secrets
from exporter.settings import Client, PasswordLogin, Target
from exporter.text import CUT

# Keys under which servers explain a refusal, the most specific first.
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
        self._url = normalized_url(target.url) + base_path(target)
        self._clock = clock

    def secrets(self) -> tuple[str, ...]:
        """Return the user and password.

        Raises:
            PollError: One of them cannot be read.
        """
        return self._user.username.reveal(), self._user.password.reveal()

    async def log_in(self, client: PooledClient) -> Grant:
        """Log in once.

        Raises:
            PollError: The server refused, or returned no token.
        """
        username, password = self.secrets()
        filled = self._declaration.request.fill(
            {**self._params, "username": username, "password": password}
        )
        url = f"{self._url}{filled.target}"
        headers = {"Accept": "application/json", **dict(filled.headers)}
        answer = await client.send(filled.method, url, filled.body, tuple(headers.items()))
        self._check(answer)
        return self._grant(answer)

    def is_refusal(self, error: StatusError) -> bool:
        """Return whether an answer means that the token was refused."""
        return self._declaration.rejects(error.status, error.body)

    def _check(self, answer: Answer) -> None:
        explained = self._declaration.explain.get(answer.status)
        # An answer with a Location is a redirect; its status does not matter.
        if explained and not answer.location:
            raise PollError(Reason.HTTP_401, f"HTTP {answer.status}: {explained.rstrip('.')}")
        is_cookie = not isinstance(self._declaration.token, str)
        if is_cookie and answer.status // 100 == 3 and answer.cookies:  # noqa: PLR2004 - RFC 9110
            return  # A login form redirects to another page after it has set the cookie.
        if not is_success(answer.status):
            error = status_error(answer.status, answer.retry_after)
            raise error.with_detail(f"{error.detail}{self._message(answer.body)}")

    def _grant(self, answer: Answer) -> Grant:
        token = self._declaration.token
        tree: Any = {}
        if isinstance(token, str):
            tree = decode_object(answer.body)
            value = _at(tree, token)
            if value is None:
                detail = f"the answer has no {token}{self._message(answer.body)}"
                raise PollError(Reason.BAD_SHAPE, detail)
        else:
            value = _cookie(answer.cookies, token.cookie)
        values = {"token": header_value(value, "token")}
        for text in self._declaration.token_headers.values():
            for word in words_of(text):
                if word.startswith("/"):
                    found = _at(tree, word)
                    if found is not None and found != "":
                        values[word] = header_value(found, word)
        filled = (
            (name, insert_values(text, values))
            for name, text in self._declaration.token_headers.items()
        )
        return Grant(
            headers=tuple((name, text) for name, text in filled if text is not None),
            secrets=tuple(values.values()),
            seconds=self._seconds(tree),
        )

    def _message(self, body: bytes) -> str:
        """Return the explanation of the server, to be appended to a message."""
        # Redacted first: the cut could leave a part of a secret.
        text = redact_secrets(_explanation(body), self.client)
        if not text:
            return ""
        cut = text if len(text) <= _MAX_MESSAGE else f"{text[:_MAX_MESSAGE]}{CUT}"
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


def _at(tree: Any, pointer: str) -> Any:
    return make_get(pointer)(tree, ExtractContext({}, 0.0))


def _cookie(headers: tuple[str, ...], name: str) -> str:
    # RFC 6265 section 5.2; the last cookie of a name counts.
    for header in reversed(headers):
        key, _, value = header.partition(";")[0].partition("=")
        if key.strip() == name:
            return value.strip()
    raise PollError(Reason.BAD_SHAPE, f"the answer sets no cookie {name}")


def _explanation(body: bytes) -> str:
    """Return the explanation in a body as one line, or "" if there is none."""
    text = body.decode("utf-8", "replace").strip()
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        tree = None if _MARKUP.match(text) else text
    if isinstance(tree, dict):
        found = (tree.get(name) for name in _MESSAGES)
        tree = next((one for one in found if isinstance(one, str) and one), None)
    return " ".join(tree.split()) if isinstance(tree, str) else ""
