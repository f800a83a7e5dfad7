"""A system's login: its request, the token in the answer, and how a rejected token is recognized."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Tag, model_validator

from exporter.declare.model import (
    MAPPING_TAG,
    TEXT_OR_MAPPING,
    TEXT_TAG,
    Model,
    NamedKind,
    Text,
    fault,
)
from exporter.declare.numbers import Reading
from exporter.declare.paths import Pointer
from exporter.declare.patterns import Regex
from exporter.declare.readings import NumberReader, number_reader
from exporter.declare.requests import Request, check_headers, words_of

INPUTS = frozenset({"username", "password"})
"""The words of the request that come from the client."""


class LoginRequest(Request):
    """The request of a login."""

    method: Literal["GET", "POST", "PUT"] = "POST"
    """The HTTP method."""


class CookieToken(Model):
    """A token that comes as a cookie."""

    cookie: str
    """The cookie's name."""


class Expires(Model):
    """Until when a token is valid."""

    path: Pointer
    """The path in the login's answer."""
    read: Reading = "time"
    """`time` is when the token expires; any other reading is its lifetime in seconds."""

    @property
    def is_moment(self) -> bool:
        """Whether the value is when it ends."""
        return self.read == "time" or (isinstance(self.read, dict) and "time" in self.read)

    @property
    def reader(self) -> NumberReader:
        """The function that reads the value."""
        return number_reader(self.read)


class TokenRejection(Model):
    """How to recognize an answer that rejects the token."""

    status: Annotated[int, Field(ge=400, le=599)]
    """The HTTP status."""
    matches: Regex | None = None
    """A regular expression that matches a part of the body."""


class Login(Model):
    """A login with user and password, which returns a token for polls."""

    request: LoginRequest
    """The login request. {username} and {password} come from the client's `login`."""
    token: Annotated[
        Annotated[Pointer, Tag(TEXT_TAG)] | Annotated[CookieToken, Tag(MAPPING_TAG)],
        TEXT_OR_MAPPING,
        NamedKind("path or {cookie: NAME}"),
    ]
    """Where the token is: a path in the answer, or {cookie: NAME}."""
    headers: Annotated[dict[str, Text], AfterValidator(check_headers)] = Field(default_factory=dict)
    """Headers of all other requests, with {token}, or {/path} of the login's answer."""
    expires: Expires | None = None
    """When the token expires. Without it, a token is used until it is refused."""
    rejected_by: Annotated[list[TokenRejection], Field(min_length=1)] = [TokenRejection(status=401)]  # noqa: RUF012
    """Answers that mean that the token is refused. The default is status 401."""
    explain: dict[int, Text] = Field(default_factory=dict)
    """Explanations of statuses of the login's answer."""

    @model_validator(mode="after")
    def _check_consistency(self) -> "Login":
        if not self.headers and not isinstance(self.token, CookieToken):
            raise fault('needs headers, such as {Authorization: "Bearer {token}"}')
        return self

    @cached_property
    def params(self) -> tuple[str, ...]:
        """The words of its request that are parameters of the target."""
        return tuple(dict.fromkeys(one for one in self.request.words() if one not in INPUTS))

    @property
    def token_headers(self) -> Mapping[str, str]:
        """The headers to send with the token."""
        if self.headers or isinstance(self.token, str):
            return self.headers
        return {"Cookie": f"{self.token.cookie}={{token}}"}

    @cached_property
    def inspected_statuses(self) -> tuple[int, ...]:
        """The statuses whose body shows whether the token was rejected."""
        return tuple(one.status for one in self.rejected_by if one.matches)

    def rejects(self, status: int, body: bytes) -> bool:
        """Return whether an answer rejects the token."""
        text = body.decode("utf-8", "replace")
        return any(
            one.status == status and (one.matches is None or one.matches.find(text) is not None)
            for one in self.rejected_by
        )

    def problems(self, params: frozenset[str]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield the words without a value."""
        for word in dict.fromkeys(self.request.words()):
            if word not in INPUTS | params:
                yield ("request",), f"{{{word}}} is neither username, password nor a parameter"
        for name, text in self.headers.items():
            for word in words_of(text):
                if word != "token" and not word.startswith("/"):
                    yield ("headers", name), f"{{{word}}} is neither token nor a path of the answer"
