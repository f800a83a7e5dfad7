"""Sends an order exactly once; a failure says whether the server may have changed.

It cannot have changed before any byte of the request was sent. After that it may have changed,
unless an answer proves that it did not.
"""

import asyncio
from dataclasses import replace
from http import HTTPStatus

from exporter.errors import ActionError, PollError, Reason, WriteEffect
from exporter.http.answer import Answer
from exporter.http.client import PooledClient
from exporter.http.http_connection import HttpConnection
from exporter.http.message import Headers, credentials, make_request, with_query
from exporter.http.pool import ConnectionPool
from exporter.operate.order import Order

# The meaning of each status that proves that nothing was changed.
_REFUSALS = {
    HTTPStatus.BAD_REQUEST: "the server takes no such value",
    HTTPStatus.UNAUTHORIZED: "the credentials are missing or were rejected",
    HTTPStatus.FORBIDDEN: "this user may not set it, see operator_client",
    HTTPStatus.NOT_FOUND: "there is nothing to set at this URL",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "the proxy wants other credentials",
    HTTPStatus.SERVICE_UNAVAILABLE: "the server takes no requests now",
}
# A gateway sends these when it forwarded the request and got no answer.
_NO_ANSWER = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})


class SingleWrite:
    """The request of one order, and whether it may have reached the server."""

    def __init__(self, order: Order, pool: ConnectionPool) -> None:
        self._order = order
        self._pool = pool
        self._exchange: HttpConnection | None = None

    @property
    def is_written(self) -> bool:
        """Whether some of the request may have reached the server."""
        return self._exchange is not None and self._exchange.sent_at > 0

    async def send(self, obtained: Headers, seconds: float) -> None:
        """Send the order, with the headers of a login, and wait at most that many seconds.

        Raises:
            ActionError: It was refused, or there is no answer that shows its effect.
        """
        try:
            status = await self._send(obtained, seconds)
        except PollError as error:
            text = error.detail
            if error.reason is Reason.TIMEOUT:
                text = f"no answer within {seconds:g}s"
            changed = WriteEffect.MAYBE if self.is_written else WriteEffect.NOT
            raise ActionError(text, changed, lost=self.is_written) from None
        _judge(status)

    async def _send(self, obtained: Headers, seconds: float) -> int:
        order, client = self._order, PooledClient(self._order.client, self._pool)
        filled = order.filled_request
        headers = {"Accept": "application/json", **dict(filled.headers)}
        request = make_request(order.client, filled.method, order.url, headers, filled.body)
        # The status alone counts.
        request = replace(request, any_status=True, max_body=0)
        (request,) = with_query((request,), order.client)
        secrets = (*credentials(order.client), *obtained)
        deadline = self._pool.deadlines.start(seconds)
        waiter: asyncio.Future[Answer | PollError] = asyncio.get_running_loop().create_future()

        def done(outcome: Answer | PollError) -> None:
            if not waiter.done():
                waiter.set_result(outcome)

        self._exchange = client.start(request, secrets, deadline, done)
        try:
            outcome = await waiter
        finally:
            self._exchange.cancel()
            deadline.end()
        if isinstance(outcome, PollError):
            raise outcome
        return outcome.status


def _judge(status: int) -> None:
    """Raise ActionError unless the status means that the order was accepted."""
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110's classes
        return
    text = f"HTTP {status}"
    if status in _REFUSALS:
        raise ActionError(f"{text}: {_REFUSALS[HTTPStatus(status)]}", WriteEffect.NOT)
    if 400 <= status < 500:  # noqa: PLR2004 - the same
        raise ActionError(f"{text}: the server refused", WriteEffect.NOT)
    if 300 <= status < 400:  # noqa: PLR2004 - the same
        # Some servers redirect browsers to another page after they have changed.
        why = f"{text}, which is not followed: correct the url"
        raise ActionError(why, WriteEffect.MAYBE)
    raise ActionError(text, WriteEffect.MAYBE, lost=status in _NO_ANSWER)
