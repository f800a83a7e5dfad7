"""An order is sent exactly once: it comes back accepted, or as an error that says what may be so.

What the server has not been sent cannot have changed it. Once the request begins to be written, it
may have, unless an answer says otherwise.
"""

import asyncio
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from exporter.clock import Clock
from exporter.errors import ActionError, Changed, PollError, Reason
from exporter.operate.order import Order
from exporter.poll.answer import BROKEN, unknown_host
from exporter.poll.request import USER_AGENT, Headers, credentials, secret_query
from exporter.poll.resolve import Resolver
from exporter.poll.session import Session, explained

# What each refusal means of a write; none of them is of one that was done.
_REFUSALS = {
    HTTPStatus.BAD_REQUEST: "the server takes no such value",
    HTTPStatus.UNAUTHORIZED: "the credentials are missing or were rejected",
    HTTPStatus.FORBIDDEN: "this user may not set it, see operator_client",
    HTTPStatus.NOT_FOUND: "there is nothing to set at this URL",
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED: "the proxy wants other credentials",
    HTTPStatus.SERVICE_UNAVAILABLE: "the server takes no requests now",
}
# A gateway says so when it passed a request on and heard no more of it.
_UNHEARD = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})


class Once(Session):
    """A session for one request, which knows how far that has come."""

    def __init__(self, order: Order, clock: Clock) -> None:
        """Must be made in a running event loop.

        Raises:
            PollError: The TLS files of the client cannot be used now.
        """
        self.is_written = False
        self._is_begun = False
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_start.append(self._begin)
        trace.on_request_headers_sent.append(self._write)
        super().__init__(order.client, clock, Resolver(clock), keep=False, traces=(trace,))

    async def write(self, order: Order, headers: Headers, query: str) -> int:
        """Send the order and return the status of the answer; its body says nothing that counts.

        Raises:
            PollError: There was no answer.
        """
        url = order.url
        if query:
            url += f"{'&' if '?' in url else '?'}{query}"
        try:
            async with self._session.request(
                order.filled.method,
                URL(url, encoded=True),
                data=order.filled.body or None,
                headers=CIMultiDict(headers),
                allow_redirects=False,
                server_hostname=self._server_name,
                proxy=self._proxy.reveal() if self._proxy else None,
            ) as response:
                return response.status
        except UnicodeError:
            raise unknown_host(URL(url, encoded=True).host or "") from None
        except (aiohttp.ClientError, OSError) as error:
            raise explained(error) from None

    async def _begin(self, *_: Any) -> None:
        # Left to itself, the library sends a PUT again where the connection broke.
        if self._is_begun:
            raise PollError(Reason.CONNECT, BROKEN)
        self._is_begun = True

    async def _write(
        self,
        _: aiohttp.ClientSession,
        __: SimpleNamespace,
        ___: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        self.is_written = True


def headers_of(order: Order) -> Headers:
    """Return what is sent besides the credentials; the client's own headers count more."""
    own = {name.lower() for name, _ in order.client.http_headers}
    fixed = {"Accept": "application/json", "User-Agent": USER_AGENT, **dict(order.filled.headers)}
    return tuple((name, value) for name, value in fixed.items() if name.lower() not in own)


async def send_once(order: Order, once: Once, obtained: Headers, seconds: float) -> None:
    """Send the order, with what a login gave, and wait so many seconds for the answer.

    Raises:
        ActionError: It was refused, or no answer tells what became of it.
    """
    try:
        headers = (*headers_of(order), *credentials(order.client), *obtained)
        query = secret_query(order.client)
        async with asyncio.timeout(seconds):
            status = await once.write(order, headers, query)
    except TimeoutError:
        raise _unanswered(f"no answer within {seconds:g}s", once) from None
    except PollError as error:
        raise _unanswered(error.detail, once) from None
    _judge(status)


def _unanswered(text: str, once: Once) -> ActionError:
    changed = Changed.MAYBE if once.is_written else Changed.NOT
    return ActionError(text, changed, lost=once.is_written)


def _judge(status: int) -> None:
    """Raise what the status of an answer means, unless it is that the order was accepted."""
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110's classes
        return
    said = f"HTTP {status}"
    if status in _REFUSALS:
        raise ActionError(f"{said}: {_REFUSALS[HTTPStatus(status)]}", Changed.NOT)
    if 400 <= status < 500:  # noqa: PLR2004 - the same
        raise ActionError(f"{said}: the server refused", Changed.NOT)
    if 300 <= status < 400:  # noqa: PLR2004 - the same
        # Some send a browser on to another page after they did what it asked for.
        text = f"{said}, which is not followed: correct the url"
        raise ActionError(text, Changed.MAYBE)
    raise ActionError(said, Changed.MAYBE, lost=status in _UNHEARD)
