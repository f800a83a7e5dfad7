"""HTTP Basic: a request and the known accounts become 200, 401 or 403."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from http import HTTPStatus

from aiohttp import web


@dataclass(frozen=True)
class Account:
    """Somebody made up who may read, write, both or neither."""

    username: str
    password: str
    _: KW_ONLY
    reads: bool = False
    writes: bool = False

    @property
    def authorization(self) -> str:
        """What the Authorization header must say."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


def verdict(
    request: web.Request, accounts: Iterable[Account], *, write: bool = False
) -> HTTPStatus:
    """Decide by the Authorization header whether the request may go on."""
    given = _normal(request.headers.get("Authorization", ""))
    for account in accounts:
        if account.authorization == given:
            allowed = account.writes if write else account.reads
            return HTTPStatus.OK if allowed else HTTPStatus.FORBIDDEN
    return HTTPStatus.UNAUTHORIZED


def challenge(realm: str) -> Mapping[str, str]:
    """Give the header a 401 has to carry."""
    return {"WWW-Authenticate": f'Basic realm="{realm}"'}


def _normal(header: str) -> str:
    # The scheme's name is case-insensitive, the rest is not.
    scheme, _, credentials = header.partition(" ")
    return f"{scheme.capitalize()} {credentials.strip()}"
