"""HTTP Basic authentication: answers a request by the known accounts with 200, 401 or 403."""

import base64
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from http import HTTPStatus

from aiohttp import web


@dataclass(frozen=True)
class Account:
    """An invented user who may read, write, both or neither."""

    username: str
    password: str
    _: KW_ONLY
    reads: bool = False
    writes: bool = False

    @property
    def authorization(self) -> str:
        """The value of the Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def verdict(
    request: web.Request, accounts: Iterable[Account], *, write: bool = False
) -> HTTPStatus:
    """Decide by the Authorization header whether the request is allowed."""
    given = request.headers.get("Authorization")
    for account in accounts:
        if account.authorization == given:
            allowed = account.writes if write else account.reads
            return HTTPStatus.OK if allowed else HTTPStatus.FORBIDDEN
    return HTTPStatus.UNAUTHORIZED


def challenge(realm: str) -> dict[str, str]:
    """Return the header that a 401 must have."""
    return {"WWW-Authenticate": f'Basic realm="{realm}"'}
