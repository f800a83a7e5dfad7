"""A Webitel user logs in; the token and key come out that every request must hold.

Each login inserts a row in the vendor's database, which lives for a hundred days.
"""

import json
import math
from http import HTTPStatus

from exporter.clock import Clock
from exporter.errors import PollError, Reason
from exporter.poll.answer import TELLING_STATUS, StatusError, check_status
from exporter.poll.login import Granted
from exporter.poll.request import USER_AGENT
from exporter.poll.session import Session
from exporter.poll.token import decoded, token
from exporter.settings import Client, WebitelLogin

_HEADERS = (
    ("Accept", "application/json"),
    ("Content-Type", "application/json"),
    ("User-Agent", USER_AGENT),
)
_EXPIRED = b"token expired"
# The year 287396, in milliseconds.
_LAST_MOMENT = 2**53


class WebitelMethod:
    """Logs in at one server."""

    def __init__(self, client: Client, login: WebitelLogin, url: str, clock: Clock) -> None:
        """Make one for the server at this URL, its context path included."""
        self.client = client
        self._login = login
        self._url = f"{url}/login"
        self._clock = clock

    def seen(self) -> int | str:
        """Return what tells whether the user or password has changed."""
        try:
            return hash((self._login.username.reveal(), self._login.password.reveal()))
        except PollError as error:
            return error.detail

    async def ask(self, session: Session) -> Granted:
        """Log in once.

        Raises:
            PollError: The server refused, or gave no token.
        """
        username, password = self._login.username.reveal(), self._login.password.reveal()
        body = json.dumps({"username": username, "password": password}).encode()
        answer = await session.post(self._url, body, _HEADERS)
        if answer.status == HTTPStatus.MOVED_PERMANENTLY and not answer.location:
            # Its way of asking a user with two factors for the second.
            raise PollError(Reason.HTTP_401, "HTTP 301: the user has to give a security code")
        check_status(answer.status, answer.retry_after)
        tree = decoded(answer.body)
        key = token(tree, "key", required=False)
        headers = (("X-Access-Token", token(tree, "token")),)
        return Granted(
            headers=(*headers, ("X-Key", key)) if key else headers,
            seconds=self._seconds(tree.get("expires")),
        )

    def is_refusal(self, error: StatusError) -> bool:
        """Say whether the token was refused: up to release 3.5, one that expired is a 400."""
        return error.status == HTTPStatus.UNAUTHORIZED or (
            error.status == TELLING_STATUS and _EXPIRED in error.body.lower()
        )

    def _seconds(self, expires: object) -> float:
        # Milliseconds since the epoch, by the vendor's clock.
        if isinstance(expires, int | float) and abs(expires) < _LAST_MOMENT:
            return expires / 1000 - self._clock.wall()
        return math.inf
